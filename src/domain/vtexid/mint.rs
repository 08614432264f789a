//! Tokens of our own making, in the platform's shape: for tests and the demo's login.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use super::email::canonical_email;
use super::keys::{VtexIdKeys, is_kid};
use super::verify::is_user_id;
use super::{ADMIN_ACCOUNT, Audience};
use crate::domain::jws::key::{PrivateKey, PrivateKeyError, TokenAlgorithm, draw_secret};
use crate::domain::time::Millis;

/// Who the platform's tokens name as their issuer.
const ISSUER: &str = "token-emitter";
/// A longer life is a mistake of unit.
const MAX_LIFE: Duration = Duration::from_hours(24 * 400);

/// Why a text is no private key to mint with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoginKeyError {
    /// Neither JSON nor PEM.
    #[error("a key file holds a private JWK or a PKCS #8 PEM text")]
    NotAKey,
    /// A JWK of another kind.
    #[error("a private JWK is of EC P-256 or OKP Ed25519 and has a member \"d\"")]
    UnknownType,
    /// The JWK's public members are not those of its private one.
    #[error("the JWK's public members do not belong to its \"d\"")]
    Mismatch,
    /// The numbers or the PEM text make no key.
    #[error(transparent)]
    Private(#[from] PrivateKeyError),
}

/// Why a token cannot be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MintError {
    /// The e-mail is none.
    #[error("the e-mail has one @ and no spaces")]
    Email,
    /// The user id is none.
    #[error("a user id has 1 to 128 visible ASCII characters")]
    UserId,
    /// The account's name is empty.
    #[error("an account's name is needed")]
    Account,
    /// It would end at once, or after more than 400 days.
    #[error("a token lives for 1 second to 400 days")]
    Life,
}

/// A new P-256 key as a private JWK, out of `draw`'s 128 random bits at a time.
///
/// # Panics
/// Never: the secret is drawn until it makes a key.
pub fn draw_login_key(draw: &mut dyn FnMut() -> u128) -> String {
    let secret = draw_secret(TokenAlgorithm::Es256, draw);
    let private = PrivateKey::from_secret(TokenAlgorithm::Es256, &secret)
        .expect("a drawn secret makes a key");
    let key = LoginKey::of(private, None);
    let mut jwk = key.public_jwk();
    if let Some(members) = jwk.as_object_mut() {
        members.insert("d".to_owned(), URL_SAFE_NO_PAD.encode(secret).into());
    }
    format!("{jwk:#}\n")
}

/// A private key that mints VtexId tokens.
pub struct LoginKey {
    kid: String,
    private: PrivateKey,
    public: Value,
}

impl LoginKey {
    /// Reads a private JWK (EC P-256 or Ed25519) or an unencrypted PKCS #8 PEM text.
    pub fn parse(text: &str) -> Result<Self, LoginKeyError> {
        if text.trim_start().starts_with("-----BEGIN") {
            return Ok(Self::of(PrivateKey::from_pem(text)?, None));
        }
        let jwk: Value = serde_json::from_str(text).map_err(|_| LoginKeyError::NotAKey)?;
        let member = |name| jwk.get(name).and_then(Value::as_str);
        let algorithm = match (member("kty"), member("crv")) {
            (Some("EC"), Some("P-256")) => TokenAlgorithm::Es256,
            (Some("OKP"), Some("Ed25519")) => TokenAlgorithm::EdDsa,
            _ => return Err(LoginKeyError::UnknownType),
        };
        let secret = member("d")
            .and_then(|d| URL_SAFE_NO_PAD.decode(d).ok())
            .ok_or(LoginKeyError::UnknownType)?;
        let key = Self::of(
            PrivateKey::from_secret(algorithm, &secret)?,
            member("kid").filter(|kid| is_kid(kid)),
        );
        let belongs = |name| {
            jwk.get(name)
                .is_none_or(|given| key.public.get(name) == Some(given))
        };
        if belongs("x") && belongs("y") {
            Ok(key)
        } else {
            Err(LoginKeyError::Mismatch)
        }
    }

    fn of(private: PrivateKey, kid: Option<&str>) -> Self {
        let public = private.public_jwk().unwrap_or_default();
        let kid = kid.map_or_else(|| thumbprint(&public), str::to_owned);
        Self {
            kid,
            private,
            public,
        }
    }

    /// Its id, which tokens name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a key set (RFC 7517), for whoever is to believe the tokens.
    pub fn public_jwks(&self) -> String {
        format!("{:#}\n", json!({ "keys": [self.public_jwk()] }))
    }

    /// The public half, ready to verify.
    pub fn public_keys(&self) -> VtexIdKeys {
        VtexIdKeys::parse(&self.public_jwks()).map_or_else(|_| VtexIdKeys::none(), |(keys, _)| keys)
    }

    fn public_jwk(&self) -> Value {
        let mut jwk = self.public.clone();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".to_owned(), "sig".into());
            members.insert("alg".to_owned(), self.private.algorithm().name().into());
            members.insert("kid".to_owned(), self.kid.as_str().into());
        }
        jwk
    }
}

/// Never the secret.
impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A hash of the public members in the order of their names (RFC 7638 §3), cut to 32 hex digits.
fn thumbprint(public: &Value) -> String {
    let mut members: Vec<String> = public
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    members.sort();
    let hash = Sha256::digest(format!("{{{}}}", members.join(",")));
    let start = hash.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(start))
}

/// Whose login a token is to prove.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Shopper or staff.
    pub audience: Audience,
    /// The store's account, for staff too.
    pub account: &'a str,
    /// The person's e-mail; written in canonical form.
    pub email: &'a str,
    /// The person's id.
    pub user_id: &'a str,
    /// How long the token holds: 1 s to 400 days, in whole seconds.
    pub life: Duration,
    /// Random bits, for the token's own id and that of the login.
    pub random: u128,
}

/// Never the person.
impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("audience", &self.audience)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Mints a VtexId token.
pub fn mint(key: &LoginKey, login: &Login<'_>, now: Millis) -> Result<String, MintError> {
    let email = canonical_email(login.email).ok_or(MintError::Email)?;
    if !is_user_id(login.user_id) {
        return Err(MintError::UserId);
    }
    if login.account.is_empty() {
        return Err(MintError::Account);
    }
    if !(Duration::from_secs(1)..=MAX_LIFE).contains(&login.life) {
        return Err(MintError::Life);
    }
    let issued = now.as_secs();
    let expires = Millis::from_secs(issued).plus(login.life).as_secs();
    let id = Uuid::from_u128(login.random).to_string();
    let claims = match login.audience {
        Audience::Webstore => json!({
            "sub": email, "account": login.account, "audience": "webstore", "sess": id,
            "exp": expires, "type": "user", "userId": login.user_id, "iat": issued,
            "isRepresentative": false, "iss": ISSUER, "jti": id,
        }),
        Audience::Admin => json!({
            "sub": email, "account": ADMIN_ACCOUNT, "scope": format!("{}:admin", login.account),
            "userId": login.user_id, "exp": expires, "iat": issued, "iss": ISSUER, "jti": id,
        }),
    };
    let algorithm = key.private.algorithm().name();
    let header = json!({"alg": algorithm, "kid": key.kid, "typ": "jwt"});
    Ok(key.private.seal(&header.to_string(), &claims.to_string()))
}
