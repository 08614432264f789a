//! What a text is, what it holds, and whether it stands up to the keys at hand. Never fails on
//! garbage: it says what it can.

use std::fmt::Write as _;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

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

const UNKNOWN: &str = "unknown: neither a signed token nor base64 of JSON";

/// What a token is verified with.
#[derive(Debug, Default)]
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

/// What is known of a text.
pub(super) struct Described {
    kind: &'static str,
    /// Moments that it holds, by their labels.
    moments: Vec<(&'static str, Millis)>,
    signed: Option<Signed>,
    /// What it holds; none where it is unknown.
    claims: Option<Value>,
}

/// What only a signed token has.
struct Signed {
    header: Value,
    signature: String,
    /// Whether it stood up to the keys; none where there were none for it.
    verified: Option<bool>,
    /// Why nobody would ever accept it.
    shape: Option<String>,
}

impl Described {
    /// For people.
    pub(super) fn text(&self, warnings: &[String], now: Millis) -> String {
        let mut shown = String::new();
        for warning in warnings {
            line(&mut shown, "warning", warning);
        }
        line(&mut shown, "kind", self.kind);
        for (label, moment) in &self.moments {
            line(&mut shown, label, &beside_now(*moment, now));
        }
        let claims = self.claims.as_ref();
        if let Some(signed) = &self.signed {
            line(&mut shown, "signature", &signed.signature);
            if let Some(shape) = &signed.shape {
                line(&mut shown, "shape", &format!("never accepted: {shape}"));
            }
            line(&mut shown, "header", &format!("{:#}", signed.header));
            let claims = claims.map(|claims| format!("{claims:#}"));
            line(&mut shown, "claims", &claims.unwrap_or_default());
        } else if let Some(claims) = claims {
            writeln!(shown, "{claims:#}").expect("writing to a string succeeds");
        }
        printable(&shown)
    }

    /// For a machine.
    pub(super) fn json(&self, warnings: &[String]) -> String {
        let signed = self.signed.as_ref();
        let said = json!({
            "kind": self.kind,
            "issued": self.moment("issued"),
            "notBefore": self.moment("not before"),
            "expires": self.moment("expires"),
            "signature": signed.map(|signed| &signed.signature),
            "verified": signed.and_then(|signed| signed.verified),
            "neverAccepted": signed.and_then(|signed| signed.shape.as_ref()),
            "header": signed.map(|signed| &signed.header),
            "claims": self.claims,
            "warnings": warnings,
        });
        format!("{said:#}\n")
    }

    /// For a machine that had the token made.
    pub(super) fn minted(&self, token: &str) -> String {
        let said = json!({
            "token": token,
            "kind": self.kind,
            "issued": self.moment("issued"),
            "expires": self.moment("expires"),
            "claims": self.claims,
        });
        format!("{said:#}\n")
    }

    fn moment(&self, label: &str) -> Option<String> {
        let mut moments = self.moments.iter();
        let found = moments.find(|(name, _)| *name == label);
        found.map(|(_, moment)| moment.written())
    }
}

/// What is known of a text, and whether it is a token and stood up to the keys.
pub(super) fn describe(
    text: &str,
    trust: &Trust,
    now: Millis,
) -> (Described, Result<(), TokenCommandError>) {
    if let Some((header, claims)) = read_signed(text) {
        return describe_signed(text, (header, claims), trust, now);
    }
    let claims = read_json(text);
    let outcome = claims.as_ref().map(|_| ());
    let described = Described {
        kind: claims.as_ref().map_or(UNKNOWN, kind_of_json),
        moments: Vec::new(),
        signed: None,
        claims,
    };
    (described, outcome.ok_or(TokenCommandError::Unknown))
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

fn kind_of_json(json: &Value) -> &'static str {
    let segment = ["channel", "currencyCode", "campaigns"]
        .iter()
        .any(|name| json.get(name).is_some());
    if segment {
        "segment (unsigned)"
    } else {
        "JSON in base64 (unsigned)"
    }
}

fn describe_signed(
    text: &str,
    (header, claims): (Value, Value),
    trust: &Trust,
    now: Millis,
) -> (Described, Result<(), TokenCommandError>) {
    let kind = kind_of(&header, &claims);
    let moments = [("issued", "iat"), ("not before", "nbf"), ("expires", "exp")];
    let moments = moments.into_iter();
    let moments = moments.filter_map(|(label, name)| Some((label, read_moment(&claims, name)?)));
    let moments = moments.collect();
    let (signature, verified) = verify(text, kind, &claims, trust, now);
    let shape = Compact::read(text, MAX_VTEXID_BYTES).and_then(|token| token.claims());
    let described = Described {
        kind: kind_name(kind),
        moments,
        signed: Some(Signed {
            header,
            signature,
            verified,
            shape: shape.err().map(|error| error.to_string()),
        }),
        claims: Some(claims),
    };
    let outcome = match verified {
        Some(false) => Err(TokenCommandError::NotVerified),
        Some(true) | None => Ok(()),
    };
    (described, outcome)
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
) -> (String, Option<bool>) {
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
        Ok(remark) => (format!("good for account {account}{remark}"), Some(true)),
        Err(reason) => (format!("refused: {reason}"), Some(false)),
    }
}

fn unchecked(why: &str) -> (String, Option<bool>) {
    (format!("not checked ({why})"), None)
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
