//! VtexId tokens: the shop's login, verified offline (contract §5, `reference/vtex-contract.md`
//! §5.2). A failure is an answer, counted by its label; it never says more than that.

mod authenticate;
mod email;
mod keys;
mod mint;
mod rsa;
mod verify;

use std::fmt;

use thiserror::Error;

use super::jws::JwsError;
use super::time::Millis;
pub use authenticate::{AuthOutcome, LoginToken, LoginTokens, authenticate, read_logins, settle};
pub use email::canonical_email;
pub use keys::{KeyFault, KeyWarning, VtexIdKeys, VtexIdKeysError};
pub use mint::{Login, LoginKey, LoginKeyError, MintError, draw_login_key, mint};
pub use verify::Claimed;

/// Longest VtexId token that is read, in bytes.
pub const MAX_VTEXID_BYTES: usize = 8 * 1024;

/// The account that tokens of the platform's staff are issued for.
pub const ADMIN_ACCOUNT: &str = "__vtex_admin";

const COOKIE: &str = "VtexIdclientAutCookie";

/// Whom a token is for. The cookie's name says which is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// A shopper of one store.
    Webstore,
    /// A member of staff.
    Admin,
}

/// The account that asks, by the two names that its shoppers' cookies may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// Its name, as in the claim `account`.
    pub name: &'a str,
    /// Its id, a GUID.
    pub id: &'a str,
}

/// Which kind of token a cookie of this name holds for this account; none for other accounts'
/// cookies and all other names.
pub fn cookie_kind(name: &str, account_name: &str, account_guid: &str) -> Option<Audience> {
    let rest = name.strip_prefix(COOKIE)?;
    if rest.is_empty() {
        return Some(Audience::Admin);
    }
    let owner = rest.strip_prefix('_')?;
    let ours = owner == account_name || owner.eq_ignore_ascii_case(account_guid);
    (ours && !owner.is_empty()).then_some(Audience::Webstore)
}

/// Who a verified token says its bearer is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Shopper or staff.
    pub audience: Audience,
    /// The user's id.
    pub user_id: String,
    /// The user's e-mail, in canonical form.
    pub email: String,
    /// The account in which the token holds.
    pub account: String,
    /// When the token ends; at that moment it no longer holds.
    pub expires: Millis,
    /// The login's own session id (`sess`), where the token has one.
    pub session: Option<String>,
}

/// Never the person.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("audience", &self.audience)
            .field("account", &self.account)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why a login cookie proves nobody. Never holds token text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum VtexIdError {
    /// Over 8 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url JSON, or a claim is missing or of another type.
    #[error("the token is malformed")]
    Malformed,
    /// It demands an extension of JWS (`crit`, `b64`).
    #[error("the token demands an extension")]
    Critical,
    /// Its `typ` is another than JWT.
    #[error("the token is of another type")]
    WrongType,
    /// No key of this id is known.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// Its header names another algorithm than its key's.
    #[error("the token names another algorithm than its key's")]
    WrongAlgorithm,
    /// Its key did not sign it.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// Somebody else issued it.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It does not hold yet, or was issued in the future.
    #[error("the token does not hold yet")]
    NotYet,
    /// A shopper's token where staff is expected, or the reverse.
    #[error("the token is of another audience")]
    WrongAudience,
    /// It holds in another account.
    #[error("the token is of another account")]
    ForeignAccount,
    /// Its subject is no e-mail address, or its user id no id.
    #[error("the token names no user")]
    NoUser,
    /// The login's service does not confirm it, or confirms somebody else.
    #[error("the login's service does not confirm the token")]
    NotConfirmed,
    /// Two good tokens of one kind name two users.
    #[error("two tokens of one kind name two users")]
    Ambiguous,
    /// More tokens than are verified in one request.
    #[error("there are too many tokens")]
    TooMany,
}

impl VtexIdError {
    /// A fixed word for metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Critical => "critical_extension",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::WrongAudience => "wrong_audience",
            Self::ForeignAccount => "foreign_account",
            Self::NoUser => "no_user",
            Self::NotConfirmed => "not_confirmed",
            Self::Ambiguous => "ambiguous",
            Self::TooMany => "too_many",
        }
    }
}

impl From<JwsError> for VtexIdError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong => Self::TooLong,
            JwsError::Malformed => Self::Malformed,
            JwsError::Critical => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests;
