//! The headers that backends read: which names are ours, what is stripped, what is set.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use thiserror::Error;

use super::session::{Body, Field, Principal, SessionId};

mod foreign;
mod owned;
mod value;

pub use foreign::{FOREIGN, is_foreign};
pub use owned::OwnedNames;
pub use value::{MAX_VALUE_BYTES, encode_value};

/// The id of the session.
pub const SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");
/// The session token, where the route asks for it.
pub const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-vtex-session");
/// The signed context, where the route asks for it.
pub const CONTEXT: HeaderName = HeaderName::from_static("x-session-context");
/// Whether somebody is logged in: `true` or `false`.
pub const AUTHENTICATED: HeaderName = HeaderName::from_static("x-session-authenticated");
const IMPERSONATOR: HeaderName = HeaderName::from_static("x-session-impersonator");
/// The segment's key, for caches.
pub const SEGMENT_KEY: HeaderName = HeaderName::from_static("x-session-segment-key");
/// The segment.
pub const SEGMENT: HeaderName = HeaderName::from_static("x-vtex-segment");
const ACCOUNT: HeaderName = HeaderName::from_static("x-vtex-account");

/// Names whose meaning is fixed; no field can be mapped onto them.
static FIXED: [HeaderName; 8] = [
    SESSION_ID,
    SESSION_TOKEN,
    CONTEXT,
    AUTHENTICATED,
    IMPERSONATOR,
    SEGMENT_KEY,
    SEGMENT,
    ACCOUNT,
];

/// The names whose meaning is fixed (contract §9).
pub fn fixed_names() -> impl Iterator<Item = &'static str> {
    FIXED.iter().map(HeaderName::as_str)
}

/// Fields and their headers unless the account says otherwise (contract §9).
pub const DEFAULT_MAP: [(&str, &str); 9] = [
    ("x-session-user-id", "profile.id"),
    ("x-session-user-email", "profile.email"),
    ("x-session-channel", "store.channel"),
    ("x-session-country", "store.countryCode"),
    ("x-session-culture", "store.cultureInfo"),
    ("x-session-currency", "store.currencyCode"),
    ("x-session-price-tables", "profile.priceTables"),
    ("x-session-campaigns", "rnb.campaigns"),
    ("x-session-region", "checkout.regionId"),
];

static USUAL: LazyLock<Vec<HeaderName>> = LazyLock::new(|| {
    let names = DEFAULT_MAP.iter().map(|(name, _)| *name);
    names.map(HeaderName::from_static).collect()
});

/// Names that carry identity, framing or routing of their own and are never ours to set.
pub const FORBIDDEN: [&str; 27] = [
    "host",
    "cookie",
    "set-cookie",
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-type",
    "content-encoding",
    "expect",
    "forwarded",
    "x-real-ip",
    "via",
    "origin",
    "referer",
    "x-request-id",
    "traceparent",
    "tracestate",
    "cache-control",
    "date",
];

/// Why a header cannot carry a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderRuleError {
    /// The header belongs to HTTP, to routing, or to identity.
    #[error("`{0}` cannot carry a session field")]
    Forbidden(HeaderName),
    /// The header has a fixed meaning.
    #[error("`{0}` has a fixed meaning")]
    Fixed(HeaderName),
    /// Two fields for one header, or two spellings that a backend reads as one.
    #[error("`{0}` is mapped twice, or reads as another mapped header does")]
    Twice(HeaderName),
}

/// Which field goes into which header.
#[derive(Clone, Debug)]
pub struct HeaderPlanRules {
    map: Vec<(HeaderName, Field)>,
    account: HeaderValue,
}

impl HeaderPlanRules {
    /// Checks a header map; all errors at once. `account` is the account's name.
    pub fn try_new(
        map: Vec<(HeaderName, Field)>,
        account: &str,
    ) -> Result<Self, Vec<HeaderRuleError>> {
        let mut errors = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, _) in &map {
            if FORBIDDEN.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-") {
                errors.push(HeaderRuleError::Forbidden(name.clone()));
            } else if FIXED
                .iter()
                .any(|fixed| owned::alike(fixed.as_str(), name.as_str()))
            {
                errors.push(HeaderRuleError::Fixed(name.clone()));
            } else if !seen.insert(owned::canonical(name.as_str())) {
                errors.push(HeaderRuleError::Twice(name.clone()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let account = encode_value(account).unwrap_or(HeaderValue::from_static(""));
        // Names that are written in the program are copied for nothing; others count who holds them.
        let usual = |name: HeaderName| {
            USUAL
                .iter()
                .find(|usual| **usual == name)
                .cloned()
                .unwrap_or(name)
        };
        let map = map.into_iter().map(|(name, field)| (usual(name), field));
        Ok(Self {
            map: map.collect(),
            account,
        })
    }

    /// Every name that is ours under these rules. A usual header that the account leaves out is
    /// ours all the same: a client that could set it would be believed.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let mapped = self.map.iter().map(|(name, _)| name);
        FIXED.iter().chain(USUAL.iter()).chain(mapped)
    }
}

/// Headers whose values follow from a body alone, made once and inserted as shared bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderBlock(Box<[(HeaderName, HeaderValue)]>);

impl HeaderBlock {
    /// Each header once.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

/// What of a segment goes into headers.
#[derive(Clone, Copy, Debug)]
pub struct SegmentTexts<'a> {
    /// The whole token.
    pub token: &'a str,
    /// The cache key.
    pub key: &'a str,
}

/// Plans the headers of a body. A value that is absent, `null` or empty is an absent header, and
/// so is one that is too long to send on.
pub fn plan_block(body: &Body, segment: SegmentTexts<'_>, rules: &HeaderPlanRules) -> HeaderBlock {
    let principal = Principal::of(body);
    let mut block = vec![
        (AUTHENTICATED, flag(principal.is_shopper())),
        (ACCOUNT, rules.account.clone()),
    ];
    let staff = body.filled("authentication.adminUserEmail");
    if let Some(email) = staff.filter(|_| principal.acting_as.is_some()) {
        block.extend(encode_value(email).map(|value| (IMPERSONATOR, value)));
    }
    block.extend(encode_value(segment.key).map(|value| (SEGMENT_KEY, value)));
    // Base64 may be long, and is sent whole: backends rely on it (contract §8).
    block.extend(shared(segment.token.to_owned()).map(|value| (SEGMENT, value)));
    for (name, field) in &rules.map {
        let text = body.value(field.as_str()).and_then(header_text);
        block.extend(
            text.and_then(|text| encode_value(&text))
                .map(|value| (name.clone(), value)),
        );
    }
    HeaderBlock(side_by_side(block))
}

/// The same headers with the texts of their values in one allocation: who is sent all of them waits for
/// one place in memory, and counts one reference, instead of a dozen.
fn side_by_side(mut block: Vec<(HeaderName, HeaderValue)>) -> Box<[(HeaderName, HeaderValue)]> {
    let texts = block.iter().map(|(_, value)| value.as_bytes());
    let all = Bytes::from(texts.collect::<Vec<_>>().concat());
    let mut from = 0;
    for (_, value) in &mut block {
        let to = from + value.len();
        // What was a value is one.
        if let Ok(there) = HeaderValue::from_maybe_shared(all.slice(from..to)) {
            *value = there;
        }
        from = to;
    }
    block.into()
}

/// The header of a stored session's id.
pub fn session_id_value(id: SessionId) -> Option<HeaderValue> {
    let mut text = [0; SessionId::TEXT_BYTES];
    HeaderValue::from_str(id.write(&mut text)).ok()
}

fn flag(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "true" } else { "false" })
}

/// A value as text: strings as they are, everything else as compact JSON.
fn header_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A header value over shared bytes: cloning it copies a pointer.
fn shared(text: String) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(Bytes::from(text)).ok()
}

#[cfg(test)]
mod tests;
