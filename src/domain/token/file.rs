//! The key file: JSON with a version. Read member by member, so that an error names its place and
//! never quotes a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::hash::HashKey;
use super::ring::{Key, KeyRing, KeyState, SIGN_AFTER};
use crate::domain::jws::key::{PrivateKey, PrivateKeyError, TokenAlgorithm};
use crate::domain::time::Millis;

const VERSION: i64 = 1;
const MAX_KID_BYTES: usize = 64;
const RING_MEMBERS: [&str; 3] = ["version", "hash_key", "keys"];
const KEY_MEMBERS: [&str; 5] = ["kid", "alg", "created_ms", "state", "secret"];

/// What is wrong with a key file, and where: `keys[1].secret: …`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {problem}")]
pub struct KeyRingError {
    /// The place in the file, as a path of members.
    pub at: String,
    /// What is wrong there.
    pub problem: KeyRingProblem,
}

/// What can be wrong with a key file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyRingProblem {
    /// The text is no JSON.
    #[error("not JSON")]
    NotJson,
    /// A member is missing or has another type.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A member that this version does not know.
    #[error("unknown member")]
    UnknownMember,
    /// A version of the format that this program does not read.
    #[error("version {0} of the key file is not known here; this program reads version 1")]
    Version(i64),
    /// Not base64url without padding.
    #[error("not base64url without padding")]
    NotBase64,
    /// The hash key has another length.
    #[error("a hash key has 16 bytes, this has {0}")]
    HashKey(usize),
    /// An algorithm that signs no session tokens.
    #[error("the algorithm is one of HS256, ES256, EdDSA")]
    UnknownAlgorithm,
    /// A state that no key has.
    #[error("the state is active or retired")]
    UnknownState,
    /// A key id that a token cannot carry.
    #[error("a key id has 1 to 64 letters, digits, -, _ or .")]
    Kid,
    /// Two keys of one id.
    #[error("another key has this id")]
    DuplicateKid,
    /// The secret makes no key of the algorithm.
    #[error(transparent)]
    Secret(#[from] PrivateKeyError),
    /// Nothing could sign.
    #[error("no key is active")]
    NoActiveKey,
}

impl KeyRing {
    /// Reads a key file. New keys sign after [`SIGN_AFTER`] unless told otherwise.
    pub fn parse(json: &str) -> Result<Self, KeyRingError> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            let at = format!("line {} column {}", error.line(), error.column());
            wrong(at, KeyRingProblem::NotJson)
        })?;
        let file = Place::of(&value, String::new())?;
        // The version first: another one may have other members.
        match file.whole_number("version")? {
            VERSION => file.check_members(&RING_MEMBERS)?,
            other => return Err(file.wrong("version", KeyRingProblem::Version(other))),
        }
        let bytes = file.bytes("hash_key")?;
        let hash_key = <[u8; 16]>::try_from(bytes.as_slice())
            .map_err(|_| file.wrong("hash_key", KeyRingProblem::HashKey(bytes.len())))?;
        Ok(Self {
            hash_key: HashKey::from_bytes(hash_key),
            keys: read_keys(&file)?,
            sign_after: SIGN_AFTER,
        })
    }

    /// Writes a key file. It holds secrets: for a file of mode 0600 alone.
    pub fn to_json(&self) -> String {
        let write_key = |key: &Key| {
            json!({
                "kid": key.kid,
                "alg": key.algorithm().name(),
                "created_ms": key.created.as_millis(),
                "state": match key.state {
                    KeyState::Active => "active",
                    KeyState::Retired => "retired",
                },
                "secret": URL_SAFE_NO_PAD.encode(&key.secret),
            })
        };
        let file = json!({
            "version": VERSION,
            "hash_key": URL_SAFE_NO_PAD.encode(self.hash_key.as_bytes()),
            "keys": self.keys.iter().map(write_key).collect::<Vec<_>>(),
        });
        format!("{file:#}\n")
    }
}

fn read_keys(file: &Place<'_>) -> Result<Vec<Key>, KeyRingError> {
    let entries = file
        .get("keys")
        .and_then(Value::as_array)
        .ok_or_else(|| file.expected("keys", "a list of keys"))?;
    let mut keys: Vec<Key> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let place = Place::of(entry, format!("keys[{index}]"))?;
        let key = read_key(&place)?;
        if keys.iter().any(|known| known.kid == key.kid) {
            return Err(place.wrong("kid", KeyRingProblem::DuplicateKid));
        }
        keys.push(key);
    }
    if keys.iter().all(|key| key.state == KeyState::Retired) {
        return Err(file.wrong("keys", KeyRingProblem::NoActiveKey));
    }
    // Every instance must agree on the order, whatever that of the file.
    keys.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(keys)
}

fn read_key(place: &Place<'_>) -> Result<Key, KeyRingError> {
    place.check_members(&KEY_MEMBERS)?;
    let kid = place.text("kid")?;
    if !is_kid(kid) {
        return Err(place.wrong("kid", KeyRingProblem::Kid));
    }
    let algorithm = TokenAlgorithm::from_name(place.text("alg")?)
        .ok_or_else(|| place.wrong("alg", KeyRingProblem::UnknownAlgorithm))?;
    let state = match place.text("state")? {
        "active" => KeyState::Active,
        "retired" => KeyState::Retired,
        _ => return Err(place.wrong("state", KeyRingProblem::UnknownState)),
    };
    let secret = place.bytes("secret")?;
    let private = PrivateKey::from_secret(algorithm, &secret)
        .map_err(|error| place.wrong("secret", error.into()))?;
    Ok(Key {
        kid: kid.to_owned(),
        created: Millis::from_millis(place.whole_number("created_ms")?),
        state,
        secret,
        private,
        cookie_header: std::sync::OnceLock::new(),
    })
}

fn is_kid(kid: &str) -> bool {
    (1..=MAX_KID_BYTES).contains(&kid.len())
        && kid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn wrong(at: String, problem: KeyRingProblem) -> KeyRingError {
    KeyRingError { at, problem }
}

/// An object of the file, and the path that leads to it.
struct Place<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Place<'a> {
    fn of(value: &'a Value, path: String) -> Result<Self, KeyRingError> {
        match value.as_object() {
            Some(members) => Ok(Self { members, path }),
            None if path.is_empty() => Err(wrong(
                "key file".to_owned(),
                KeyRingProblem::Expected("an object"),
            )),
            None => Err(wrong(path, KeyRingProblem::Expected("an object"))),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    fn text(&self, name: &str) -> Result<&'a str, KeyRingError> {
        self.get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| self.expected(name, "a string"))
    }

    fn whole_number(&self, name: &str) -> Result<i64, KeyRingError> {
        self.get(name)
            .and_then(Value::as_i64)
            .ok_or_else(|| self.expected(name, "a whole number"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, KeyRingError> {
        URL_SAFE_NO_PAD
            .decode(self.text(name)?)
            .map_err(|_| self.wrong(name, KeyRingProblem::NotBase64))
    }

    fn check_members(&self, known: &[&str]) -> Result<(), KeyRingError> {
        match self
            .members
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(self.wrong(name, KeyRingProblem::UnknownMember)),
            None => Ok(()),
        }
    }

    fn expected(&self, name: &str, what: &'static str) -> KeyRingError {
        self.wrong(name, KeyRingProblem::Expected(what))
    }

    fn wrong(&self, name: &str, problem: KeyRingProblem) -> KeyRingError {
        let at = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        wrong(at, problem)
    }
}
