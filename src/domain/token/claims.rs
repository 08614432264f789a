//! What a session token says, in one fixed spelling.

use std::fmt::Write as _;

use super::TokenError;
use crate::domain::jws::Members;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// Longest account name, in bytes: what keeps the longest token within 512 bytes.
pub const MAX_ACCOUNT_BYTES: usize = 64;

/// Last millisecond of the year 9999.
const LAST_MOMENT: i64 = 253_402_300_799_999;

/// What a token is good for. Each use has its own `typ`, so neither passes for the other
/// (RFC 8725 §3.11, §3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenUse {
    /// The session cookie; good for the Session API too.
    Cookie,
    /// The Session API alone: what a browser's scripts may hold.
    Api,
}

impl TokenUse {
    /// The header's `typ`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Cookie => "vst+jwt",
            Self::Api => "vsa+jwt",
        }
    }

    /// The use of this `typ`.
    pub fn from_type_name(name: &str) -> Option<Self> {
        [Self::Cookie, Self::Api]
            .into_iter()
            .find(|token_use| token_use.type_name() == name)
    }
}

/// What a new token is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// The session.
    pub id: SessionId,
    /// The account's name: 1 to 64 letters, digits, `-`, `_` or `.`.
    pub account: &'a str,
    /// The issue time, to the millisecond.
    pub issued: Millis,
    /// When the cookie ends: issue time and cookie age, capped at the session's absolute end.
    pub expires: Millis,
    /// A hint that the session has a login; never authority.
    pub authenticated: bool,
    /// Whether the session holds nothing but defaults and may be written nowhere: whoever finds
    /// nothing under the id may make it again.
    pub light: bool,
    /// What the token is good for.
    pub token_use: TokenUse,
}

impl Claims<'_> {
    /// The payload. Its first member is the id and its last the hint, both where
    /// [`peek_id`](super::peek_id) looks for them.
    pub(super) fn to_json(self) -> Result<String, TokenError> {
        check_account(self.account)?;
        for moment in [self.issued, self.expires] {
            if !(0..=LAST_MOMENT).contains(&moment.as_millis()) {
                return Err(TokenError::Moment);
            }
        }
        let mut json = format!(
            r#"{{"id":"{}","account":"{}","iat":{},"ims":{},"exp":{}"#,
            self.id,
            self.account,
            self.issued.as_secs(),
            self.issued.subsec_millis(),
            self.expires.as_secs()
        );
        let end = match (self.authenticated, self.light) {
            (true, _) => r#","auth":true}"#,
            (false, true) => r#","light":true}"#,
            (false, false) => "}",
        };
        json.write_str(end).expect("writing to a string succeeds");
        Ok(json)
    }
}

/// Plain names need no escapes, so the payload can be peeked and stays within its bound.
fn check_account(name: &str) -> Result<(), TokenError> {
    let fits = (1..=MAX_ACCOUNT_BYTES).contains(&name.len());
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits && plain {
        Ok(())
    } else {
        Err(TokenError::AccountName)
    }
}

/// What a token with a good signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionToken {
    /// The session.
    pub id: SessionId,
    /// The account's name.
    pub account: String,
    /// The issue time. It may lie ahead where a clock was set back (`lifetime.md`, step 0).
    pub iat: Millis,
    /// When the cookie was to end; decides nothing.
    pub exp: Millis,
    /// A hint that the session has a login; never authority.
    pub authenticated: bool,
    /// Whether the session may be made again where nothing is known of it.
    pub light: bool,
    /// What the token is good for.
    pub token_use: TokenUse,
    /// The key that signed it.
    pub kid: String,
}

impl SessionToken {
    pub(super) fn read(
        members: &Members,
        token_use: TokenUse,
        kid: &str,
    ) -> Result<Self, TokenError> {
        let text = |name| members.text(name)?.ok_or(TokenError::Malformed);
        let seconds = |name| members.seconds(name)?.ok_or(TokenError::Malformed);
        let ims = members
            .get("ims")
            .and_then(serde_json::Value::as_u64)
            .and_then(|millis| i64::try_from(millis).ok())
            .filter(|millis| *millis < 1000)
            .ok_or(TokenError::Malformed)?;
        Ok(Self {
            id: text("id")?.parse().map_err(|_| TokenError::Malformed)?,
            account: text("account")?.to_owned(),
            iat: Millis::from_millis(seconds("iat")? * 1000 + ims),
            exp: Millis::from_secs(seconds("exp")?),
            authenticated: members.get("auth").and_then(serde_json::Value::as_bool) == Some(true),
            light: members.get("light").and_then(serde_json::Value::as_bool) == Some(true),
            token_use,
            kid: kid.to_owned(),
        })
    }
}
