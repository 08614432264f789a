//! The public keys of the shop's login. A key that is weak, unfit or ambiguous is left out with a
//! warning; the others count.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use thiserror::Error;

use super::rsa::check_strength;
use crate::domain::jws::key::PublicKey;

/// Largest key set that is read, in bytes, and most keys of one.
const MAX_SET_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 100;
const MAX_KID_BYTES: usize = 128;
/// How far the issuer's clock may be ahead of ours, at most.
const MAX_LEEWAY: Duration = Duration::from_secs(5);

/// Why a text is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VtexIdKeysError {
    /// Over 256 KiB, or over 100 keys.
    #[error("the key set is too large")]
    TooLarge,
    /// Not JSON with a list `keys`.
    #[error("a key set is a JSON object with a list \"keys\" (RFC 7517 section 5)")]
    NotAKeySet,
}

/// Why a key of the set does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum KeyFault {
    /// It has no usable id, so no token can name it.
    #[error("a key needs a \"kid\" of 1 to 128 characters")]
    NoId,
    /// Another key has this id, so neither counts.
    #[error("two keys have this id")]
    DuplicateId,
    /// It is for encryption, or for signing alone (RFC 7517 §4.2, §4.3).
    #[error("the key is not for verifying")]
    NotForVerifying,
    /// A private or shared key does not belong in a public set.
    #[error("the key is private or shared")]
    NotPublic,
    /// None of EC P-256, RSA and OKP Ed25519.
    #[error("the key is of another type than EC P-256, RSA or OKP Ed25519")]
    UnknownType,
    /// Its `alg` is not the one of its type.
    #[error("the key's \"alg\" does not fit its type")]
    WrongAlgorithm,
    /// Its numbers are missing, of another length, or no point of the curve.
    #[error("the key's numbers make no key")]
    BadNumbers,
    /// An RSA modulus of another size.
    #[error("an RSA key has 2048 to 4096 bits, this has {0}")]
    RsaSize(usize),
    /// An RSA modulus or exponent that no honest generator makes.
    #[error("the RSA key's modulus or exponent is unsound")]
    RsaNumbers,
    /// A modulus of the generator with CVE-2017-15361.
    #[error("the RSA key was made by a flawed generator (CVE-2017-15361)")]
    RsaFlawed,
}

/// A key that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWarning {
    /// Its place in the set, from 0.
    pub index: usize,
    /// Its id, if it has one.
    pub kid: Option<String>,
    /// Why.
    pub fault: KeyFault,
}

impl fmt::Display for KeyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}]", self.index)?;
        if let Some(kid) = &self.kid {
            write!(f, " ({kid:?})")?;
        }
        write!(f, " is left out: {}", self.fault)
    }
}

/// One usable key. `material` is what it is made of, to tell whether two keys are the same.
#[derive(Clone, Debug)]
struct Named {
    index: usize,
    kid: String,
    key: PublicKey,
    material: Vec<u8>,
}

/// Public keys by id, and what a token must say beside being signed.
#[derive(Clone, Debug)]
pub struct VtexIdKeys {
    keys: Vec<Named>,
    pub(super) issuer: Option<String>,
    pub(super) leeway: Duration,
}

impl VtexIdKeys {
    /// No keys: every token is refused.
    pub const fn none() -> Self {
        Self {
            keys: Vec::new(),
            issuer: None,
            leeway: MAX_LEEWAY,
        }
    }

    /// Reads a key set (RFC 7517 §5), with a warning for each key that does not count.
    pub fn parse(jwks: &str) -> Result<(Self, Vec<KeyWarning>), VtexIdKeysError> {
        if jwks.len() > MAX_SET_BYTES {
            return Err(VtexIdKeysError::TooLarge);
        }
        let set: Value = serde_json::from_str(jwks).map_err(|_| VtexIdKeysError::NotAKeySet)?;
        let entries = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(VtexIdKeysError::NotAKeySet)?;
        if entries.len() > MAX_KEYS {
            return Err(VtexIdKeysError::TooLarge);
        }
        let mut warnings = Vec::new();
        let mut keys = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match read_key(index, entry) {
                Ok(key) => keys.push(key),
                Err(fault) => warnings.push(KeyWarning {
                    index,
                    kid: entry.get("kid").and_then(Value::as_str).map(str::to_owned),
                    fault,
                }),
            }
        }
        let keys = drop_ambiguous(&keys, |_, _| false, &mut warnings);
        Ok((
            Self {
                keys,
                ..Self::none()
            },
            warnings,
        ))
    }

    /// These keys and those of another set. Two different keys of one id: neither counts.
    pub fn join(mut self, other: Self) -> (Self, Vec<KeyWarning>) {
        let mut warnings = Vec::new();
        self.keys.extend(other.keys);
        let same = |a: &Named, b: &Named| a.material == b.material;
        self.keys = drop_ambiguous(&self.keys, same, &mut warnings);
        (self, warnings)
    }

    /// The same keys, for tokens of this issuer (claim `iss`) alone.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The same keys, with another tolerance for `iat` and `nbf`; at most 5 s. `exp` has none.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// How many keys count.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key counts.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of this id: a comparison of texts and nothing else.
    pub(super) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|named| named.kid == kid)
            .map(|named| &named.key)
    }
}

/// Leaves out every key whose id another key has too, except for repeats of the same key.
fn drop_ambiguous(
    keys: &[Named],
    same: impl Fn(&Named, &Named) -> bool,
    warnings: &mut Vec<KeyWarning>,
) -> Vec<Named> {
    let mut kept: Vec<Named> = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        let twins = || {
            keys.iter()
                .enumerate()
                .filter(|(_, twin)| twin.kid == key.kid)
        };
        if twins().any(|(place, twin)| place != at && !same(key, twin)) {
            warnings.push(KeyWarning {
                index: key.index,
                kid: Some(key.kid.clone()),
                fault: KeyFault::DuplicateId,
            });
        } else if kept.iter().all(|known| known.kid != key.kid) {
            kept.push(key.clone());
        }
    }
    kept
}

fn read_key(index: usize, entry: &Value) -> Result<Named, KeyFault> {
    let jwk = entry.as_object().ok_or(KeyFault::BadNumbers)?;
    check_purpose(jwk)?;
    let kid = text(jwk, "kid")
        .filter(|kid| is_kid(kid))
        .ok_or(KeyFault::NoId)?;
    let algorithm = jwk.get("alg").map(|alg| alg.as_str().unwrap_or_default());
    let fits = |names: &[&str]| match algorithm {
        Some(name) if !names.contains(&name) => Err(KeyFault::WrongAlgorithm),
        _ => Ok(()),
    };
    let (key, material) = match (text(jwk, "kty"), text(jwk, "crv")) {
        (Some("EC"), Some("P-256")) => {
            fits(&["ES256"])?;
            let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
            (PublicKey::p256(&x, &y), [x, y].concat())
        }
        (Some("OKP"), Some("Ed25519")) => {
            fits(&["EdDSA", "Ed25519"])?;
            let x = number(jwk, "x")?;
            (PublicKey::ed25519(&x), x)
        }
        (Some("RSA"), None) => {
            fits(&["RS256"])?;
            let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
            check_strength(&n, &e)?;
            (PublicKey::rsa(&n, &e), [n, e].concat())
        }
        _ => return Err(KeyFault::UnknownType),
    };
    Ok(Named {
        index,
        kid: kid.to_owned(),
        key: key.ok_or(KeyFault::BadNumbers)?,
        material,
    })
}

/// 1 to 128 bytes.
pub(super) fn is_kid(kid: &str) -> bool {
    (1..=MAX_KID_BYTES).contains(&kid.len())
}

fn check_purpose(jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    if jwk.contains_key("d") || jwk.contains_key("k") || text(jwk, "kty") == Some("oct") {
        return Err(KeyFault::NotPublic);
    }
    let verifies = match jwk.get("key_ops") {
        None => true,
        Some(operations) => operations
            .as_array()
            .is_some_and(|list| list.iter().any(|operation| operation == "verify")),
    };
    let signs = jwk.get("use").is_none_or(|purpose| purpose == "sig");
    if verifies && signs {
        Ok(())
    } else {
        Err(KeyFault::NotForVerifying)
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}

fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyFault> {
    text(jwk, name)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or(KeyFault::BadNumbers)
}
