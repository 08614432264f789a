//! The session token (contract §8): what the session cookie carries, and the keys that sign it.
//!
//! It names a session and holds none of its data. Whether a session lives is for
//! `domain::lifetime`; `exp` decides nothing here.

mod claims;
mod file;
mod hash;
mod peek;
mod ring;

use thiserror::Error;

pub use super::jws::key::TokenAlgorithm;
use super::jws::{Compact, JwsError};
use super::time::Millis;
pub use claims::{Claims, MAX_ACCOUNT_BYTES, SessionToken, TokenUse};
pub use file::{KeyRingError, KeyRingProblem};
pub use hash::{CookieHash, HashKey, TokenHash, hash_cookie, hash_token, is_cookie_hash};
pub use peek::peek_id;
pub use ring::{Key, KeyRing, KeyState, KeyUse, SIGN_AFTER};

/// Longest session token, in bytes (contract §8).
pub const MAX_TOKEN_BYTES: usize = 512;

/// Why a session token counts for nothing, or why none can be made. Never holds token text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// Over 512 bytes.
    #[error("the token is too long")]
    TooLong,
    /// Not the shape that we write.
    #[error("the token is malformed")]
    Malformed,
    /// It demands an extension of JWS (`crit`, `b64`).
    #[error("the token demands an extension")]
    Critical,
    /// It is a token of another use.
    #[error("the token is of another type")]
    WrongType,
    /// No key of this id is known.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Its key is retired.
    #[error("the token's key is retired")]
    RetiredKey,
    /// Its header names another algorithm than its key's.
    #[error("the token names another algorithm than its key's")]
    WrongAlgorithm,
    /// Its key did not sign it.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// It is good, for another account.
    #[error("the token is of another account")]
    ForeignAccount,
    /// An account's name that no token can carry.
    #[error("an account's name has 1 to 64 letters, digits, -, _ or .")]
    AccountName,
    /// A moment before 1970 or after 9999.
    #[error("the token's times are out of range")]
    Moment,
}

impl TokenError {
    /// A fixed word for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Critical => "critical_extension",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::RetiredKey => "retired_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::ForeignAccount => "foreign_account",
            Self::AccountName => "account_name",
            Self::Moment => "moment",
        }
    }
}

impl From<JwsError> for TokenError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong => Self::TooLong,
            JwsError::Malformed => Self::Malformed,
            JwsError::Critical => Self::Critical,
        }
    }
}

/// A token whose signature, use and account are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub token: SessionToken,
    /// Whether it is under the key that signs now; if not, the cookie is due to be re-issued.
    pub primary: bool,
}

/// Signs a token with the key that signs at `now`. At most 512 bytes.
pub fn sign_token(ring: &KeyRing, claims: &Claims<'_>, now: Millis) -> Result<String, TokenError> {
    let key = ring.signing_key(now);
    let payload = claims.to_json()?;
    Ok(key.private().seal(&key.header(claims.token_use), &payload))
}

/// Verifies the value of a session cookie. Tokens for the API alone are refused.
pub fn verify_token(
    ring: &KeyRing,
    account: &str,
    token: &str,
    now: Millis,
) -> Result<Verified, TokenError> {
    let verified = verify(ring, account, token, now)?;
    if verified.token.token_use == TokenUse::Cookie {
        Ok(verified)
    } else {
        Err(TokenError::WrongType)
    }
}

/// Verifies a token in a path of the Session API: one for the API alone, or a full one.
pub fn verify_api_token(
    ring: &KeyRing,
    account: &str,
    token: &str,
    now: Millis,
) -> Result<Verified, TokenError> {
    verify(ring, account, token, now)
}

fn verify(ring: &KeyRing, account: &str, token: &str, now: Millis) -> Result<Verified, TokenError> {
    let compact = Compact::read(token, MAX_TOKEN_BYTES)?;
    let header = compact.header();
    let token_use = header
        .typ
        .as_deref()
        .and_then(TokenUse::from_type_name)
        .ok_or(TokenError::WrongType)?;
    let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
    let key = ring.find(kid).ok_or(TokenError::UnknownKey)?;
    if key.state() == KeyState::Retired {
        return Err(TokenError::RetiredKey);
    }
    if header.algorithm != key.algorithm().name() {
        return Err(TokenError::WrongAlgorithm);
    }
    if !compact.is_signed_by(key.private().public()) {
        return Err(TokenError::BadSignature);
    }
    let token = SessionToken::read(&compact.claims()?, token_use, key.kid())?;
    if token.account != account {
        return Err(TokenError::ForeignAccount);
    }
    let primary = ring.is_primary(kid, now);
    Ok(Verified { token, primary })
}

#[cfg(test)]
mod tests;
