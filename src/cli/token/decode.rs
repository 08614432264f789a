//! What a text is, what it holds, and whether it stands up to the keys at hand. Never fails on
//! garbage: it says what it can.

use std::fmt::Write as _;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::TokenCommandError;
use crate::cli::moment::beside_now;
use crate::domain::jws::Compact;
use crate::domain::time::Millis;
use crate::domain::token::{KeyRing, TokenUse, verify_api_token};
use crate::domain::vtexid::{ADMIN_ACCOUNT, Audience, MAX_VTEXID_BYTES, VtexIdKeys};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// What a token is verified with.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) ring: Option<KeyRing>,
    pub(super) logins: Option<VtexIdKeys>,
    pub(super) account: Option<String>,
}

/// What a signed token is.
#[derive(Clone, Copy)]
enum Kind {
    Session(TokenUse),
    VtexId(Audience),
    Other,
}

/// The description, and whether it is a token and stood up to the keys.
pub(super) fn describe(
    text: &str,
    trust: &Trust,
    now: Millis,
) -> (String, Result<(), TokenCommandError>) {
    let (description, outcome) = if let Some((header, claims)) = read_signed(text) {
        describe_signed(text, (&header, &claims), trust, now)
    } else if let Some(json) = read_json(text) {
        (describe_json(&json), Ok(()))
    } else {
        let unknown = "kind       unknown: neither a signed token nor base64 of JSON\n";
        (unknown.to_owned(), Err(TokenCommandError::Unknown))
    };
    (printable(&description), outcome)
}

/// Header and claims, however little else is right about the token.
fn read_signed(text: &str) -> Option<(Value, Value)> {
    let mut parts = text.split('.');
    let header = read_json(parts.next()?)?;
    let claims = read_json(parts.next()?)?;
    Some((header, claims))
}

/// An object in base64 of either alphabet, percent-encoded or not.
fn read_json(text: &str) -> Option<Value> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    ALPHABETS
        .iter()
        .filter_map(|alphabet| alphabet.decode(text.as_bytes()).ok())
        .filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .find(Value::is_object)
}

fn describe_json(json: &Value) -> String {
    let segment = ["channel", "currencyCode", "campaigns"]
        .iter()
        .any(|name| json.get(name).is_some());
    let kind = if segment {
        "segment (unsigned)"
    } else {
        "JSON in base64 (unsigned)"
    };
    format!("kind       {kind}\n{json:#}\n")
}

fn describe_signed(
    text: &str,
    (header, claims): (&Value, &Value),
    trust: &Trust,
    now: Millis,
) -> (String, Result<(), TokenCommandError>) {
    let kind = kind_of(header, claims);
    let mut shown = format!("kind       {}\n", kind_name(kind));
    for (label, name) in [("issued", "iat"), ("not before", "nbf"), ("expires", "exp")] {
        if let Some(moment) = read_moment(claims, name) {
            line(&mut shown, label, &beside_now(moment, now));
        }
    }
    let (verdict, outcome) = verify(text, kind, claims, trust, now);
    line(&mut shown, "signature", &verdict);
    if let Err(error) = Compact::read(text, MAX_VTEXID_BYTES).and_then(|token| token.claims()) {
        line(&mut shown, "shape", &format!("never accepted: {error}"));
    }
    line(&mut shown, "header", &format!("{header:#}"));
    line(&mut shown, "claims", &format!("{claims:#}"));
    (shown, outcome)
}

fn line(shown: &mut String, label: &str, text: &str) {
    writeln!(shown, "{label:10} {text}").expect("writing to a string succeeds");
}

fn kind_of(header: &Value, claims: &Value) -> Kind {
    let text = |name| claims.get(name).and_then(Value::as_str);
    if let Some(token_use) = header
        .get("typ")
        .and_then(Value::as_str)
        .and_then(TokenUse::from_type_name)
    {
        return Kind::Session(token_use);
    }
    match (text("account"), text("audience")) {
        (Some(ADMIN_ACCOUNT), _) => Kind::VtexId(Audience::Admin),
        (Some(_), Some("webstore")) => Kind::VtexId(Audience::Webstore),
        _ => Kind::Other,
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Session(TokenUse::Cookie) => "session cookie",
        Kind::Session(TokenUse::Api) => "session token for the API alone",
        Kind::VtexId(Audience::Webstore) => "VtexId token of a shopper",
        Kind::VtexId(Audience::Admin) => "VtexId token of a member of staff",
        Kind::Other => "signed token of another kind",
    }
}

fn read_moment(claims: &Value, name: &str) -> Option<Millis> {
    let seconds = claims.get(name)?.as_i64()?;
    let millis = match name {
        "iat" => claims.get("ims").and_then(Value::as_i64).unwrap_or(0),
        _ => 0,
    };
    Some(Millis::from_millis(
        seconds.saturating_mul(1000).saturating_add(millis),
    ))
}

fn verify(
    text: &str,
    kind: Kind,
    claims: &Value,
    trust: &Trust,
    now: Millis,
) -> (String, Result<(), TokenCommandError>) {
    let account = trust
        .account
        .as_deref()
        .or_else(|| named_account(kind, claims))
        .unwrap_or_default();
    let verdict = match (kind, &trust.ring, &trust.logins) {
        (Kind::Session(_), Some(ring), _) => verify_api_token(ring, account, text, now)
            .map(|verified| {
                if verified.primary {
                    ""
                } else {
                    ", by a key that no longer signs"
                }
            })
            .map_err(|error| error.to_string()),
        (Kind::VtexId(audience), _, Some(keys)) => keys
            .verify(text, account, audience, now)
            .map(|_| "")
            .map_err(|error| error.to_string()),
        (Kind::Session(_), None, _) => return unchecked("give --keys FILE"),
        (Kind::VtexId(_), _, None) => return unchecked("give --jwks FILE"),
        (Kind::Other, _, _) => return unchecked("not a token of ours"),
    };
    match verdict {
        Ok(remark) => (format!("good for account {account}{remark}"), Ok(())),
        Err(reason) => (
            format!("refused: {reason}"),
            Err(TokenCommandError::NotVerified),
        ),
    }
}

fn unchecked(why: &str) -> (String, Result<(), TokenCommandError>) {
    (format!("not checked ({why})"), Ok(()))
}

fn named_account(kind: Kind, claims: &Value) -> Option<&str> {
    match kind {
        Kind::VtexId(Audience::Admin) => claims.get("scope")?.as_str()?.strip_suffix(":admin"),
        _ => claims.get("account")?.as_str(),
    }
}

/// A token's text must not move the cursor or turn the line around on whoever looks at it.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n') || turns {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}
