//! One token: signature by the key that it names, then every claim (RFC 8725 §3).

use serde_json::Value;

use super::email::canonical_email;
use super::keys::VtexIdKeys;
use super::{ADMIN_ACCOUNT, Audience, Identity, MAX_VTEXID_BYTES, VtexIdError};
use crate::domain::jws::{Compact, Members};
use crate::domain::time::Millis;

const MAX_USER_ID_BYTES: usize = 128;
/// The algorithms that any key of a set may have.
const ALGORITHMS: [&str; 3] = ["ES256", "RS256", "EdDSA"];

/// What a token says of itself, before anybody has said that it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Whom it names.
    pub identity: Identity,
    /// Which key it names.
    pub kid: String,
}

impl VtexIdKeys {
    /// Verifies a token for an account. `expected` is what the cookie's name promises.
    ///
    /// Nothing of this may be kept by less than the whole token, the account and the audience.
    pub fn verify(
        &self,
        token: &str,
        account: &str,
        expected: Audience,
        now: Millis,
    ) -> Result<Identity, VtexIdError> {
        let claims = self.read_signed(token)?;
        self.judge(&claims, account, expected, now)
    }

    /// What a token says of itself, if it could be good: everything but its signature is checked.
    ///
    /// It proves nobody. It is a cheap look before a dear one: no call and no signature for what is
    /// malformed, over, of another account or of an algorithm that nobody here accepts.
    pub fn inspect(
        &self,
        token: &str,
        account: &str,
        expected: Audience,
        now: Millis,
    ) -> Result<Claimed, VtexIdError> {
        let compact = read_shape(token)?;
        let header = compact.header();
        if !ALGORITHMS.contains(&&*header.algorithm) {
            return Err(VtexIdError::WrongAlgorithm);
        }
        let kid = header.kid.clone().ok_or(VtexIdError::UnknownKey)?;
        Ok(Claimed {
            identity: self.judge(&compact.claims()?, account, expected, now)?,
            kid,
        })
    }

    /// Whether a key of this id is here.
    pub fn knows(&self, kid: &str) -> bool {
        self.find(kid).is_some()
    }

    /// Who the claims say that their bearer is, if they hold for this account now.
    fn judge(
        &self,
        claims: &Members,
        account: &str,
        expected: Audience,
        now: Millis,
    ) -> Result<Identity, VtexIdError> {
        if let Some(issuer) = &self.issuer
            && claims.text("iss")? != Some(issuer)
        {
            return Err(VtexIdError::WrongIssuer);
        }
        let expires = self.check_times(claims, now)?;
        check_audience(claims, account, expected)?;
        Ok(Identity {
            audience: expected,
            user_id: read_user_id(claims)?,
            email: claims
                .text("sub")?
                .and_then(canonical_email)
                .ok_or(VtexIdError::NoUser)?,
            account: account.to_owned(),
            expires,
            session: claims
                .get("sess")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    fn read_signed(&self, token: &str) -> Result<Members, VtexIdError> {
        let compact = read_shape(token)?;
        let header = compact.header();
        let key = header
            .kid
            .as_deref()
            .and_then(|kid| self.find(kid))
            .ok_or(VtexIdError::UnknownKey)?;
        if header.algorithm != key.algorithm() {
            return Err(VtexIdError::WrongAlgorithm);
        }
        if !compact.is_signed_by(key) {
            return Err(VtexIdError::BadSignature);
        }
        Ok(compact.claims()?)
    }

    /// The end of the token. No leeway there: a verdict is kept until then and not longer.
    fn check_times(&self, claims: &Members, now: Millis) -> Result<Millis, VtexIdError> {
        let expires = claims.seconds("exp")?.ok_or(VtexIdError::Malformed)?;
        let expires = Millis::from_secs(expires);
        if now >= expires {
            return Err(VtexIdError::Expired);
        }
        for name in ["nbf", "iat"] {
            if let Some(from) = claims.seconds(name)?
                && Millis::from_secs(from) > now.plus(self.leeway)
            {
                return Err(VtexIdError::NotYet);
            }
        }
        Ok(expires)
    }
}

/// Reads a token's parts. Our own kinds of token have a `typ` of their own and must never pass for a
/// login.
fn read_shape(token: &str) -> Result<Compact<'_>, VtexIdError> {
    let compact = Compact::read(token, MAX_VTEXID_BYTES)?;
    let typ = compact.header().typ.as_deref();
    if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(VtexIdError::WrongType);
    }
    Ok(compact)
}

fn check_audience(claims: &Members, account: &str, expected: Audience) -> Result<(), VtexIdError> {
    let audience = claims.get("audience");
    let holder = claims.text("account")?.ok_or(VtexIdError::Malformed)?;
    match expected {
        Audience::Webstore => {
            if audience.and_then(Value::as_str) != Some("webstore") {
                return Err(VtexIdError::WrongAudience);
            }
            if holder != account || holder == ADMIN_ACCOUNT {
                return Err(VtexIdError::ForeignAccount);
            }
        }
        Audience::Admin => {
            if audience.is_some_and(|audience| audience != "admin") {
                return Err(VtexIdError::WrongAudience);
            }
            if holder != ADMIN_ACCOUNT || !has_scope(claims, &format!("{account}:admin")) {
                return Err(VtexIdError::ForeignAccount);
            }
        }
    }
    check_recipient(claims, account)
}

/// The platform sends no `aud`; one that is there must name us (RFC 7519 §4.1.3).
fn check_recipient(claims: &Members, account: &str) -> Result<(), VtexIdError> {
    let named = match claims.get("aud") {
        None => true,
        Some(Value::Array(names)) => names.iter().any(|name| name == account),
        Some(name) => name == account,
    };
    if named {
        Ok(())
    } else {
        Err(VtexIdError::ForeignAccount)
    }
}

/// Whole members alone: `shop:admin` is no scope of `myshop`, nor of `shop`'s in `xshop:admin`.
fn has_scope(claims: &Members, wanted: &str) -> bool {
    match claims.get("scope") {
        Some(Value::String(scopes)) => scopes.split(' ').any(|scope| scope == wanted),
        Some(Value::Array(scopes)) => scopes.iter().any(|scope| scope == wanted),
        _ => false,
    }
}

fn read_user_id(claims: &Members) -> Result<String, VtexIdError> {
    claims
        .text("userId")?
        .filter(|id| is_user_id(id))
        .map(str::to_owned)
        .ok_or(VtexIdError::NoUser)
}

/// 1 to 128 visible ASCII characters.
pub(super) fn is_user_id(id: &str) -> bool {
    (1..=MAX_USER_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}
