//! The key ring: which key signs, which ones verify, and how keys come and go.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::claims::TokenUse;
use super::hash::HashKey;
use crate::domain::jws::key::{PrivateKey, TokenAlgorithm, draw_secret};
use crate::domain::time::Millis;

/// How long a new key only verifies, so that every instance knows it before one signs with it.
pub const SIGN_AFTER: Duration = Duration::from_mins(10);

/// Whether a key still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It verifies, and signs in its turn.
    Active,
    /// Tokens under it are refused.
    Retired,
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// It signs, since then.
    Signs(Millis),
    /// It verifies, and signs from then on.
    Waits(Millis),
    /// It verifies what it signed before.
    Verifies,
    /// Nothing any more.
    Retired,
}

/// One key of the ring.
pub struct Key {
    pub(super) kid: String,
    pub(super) created: Millis,
    pub(super) state: KeyState,
    pub(super) secret: Vec<u8>,
    pub(super) private: PrivateKey,
    /// The encoded header of its cookies, made at first need.
    pub(super) cookie_header: OnceLock<Box<str>>,
}

impl Key {
    /// Its id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> TokenAlgorithm {
        self.private.algorithm()
    }

    /// When it was made.
    pub fn created(&self) -> Millis {
        self.created
    }

    /// Whether it still counts.
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// The public half as a JWK's own members; none for a shared secret.
    pub fn public_jwk(&self) -> Option<Value> {
        self.private.public_jwk()
    }

    /// What keys are ordered by, the same on every instance.
    pub(super) fn order(&self) -> (Millis, &str) {
        (self.created, &self.kid)
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.private
    }

    /// The header of a token under this key, as JSON.
    pub(super) fn header(&self, token_use: TokenUse) -> String {
        let (typ, alg) = (token_use.type_name(), self.algorithm().name());
        format!(r#"{{"typ":"{typ}","alg":"{alg}","kid":"{}"}}"#, self.kid)
    }

    /// Whether a token's header is the one of this key's cookies, letter by letter.
    fn heads(&self, token: &str) -> bool {
        let header = self
            .cookie_header
            .get_or_init(|| URL_SAFE_NO_PAD.encode(self.header(TokenUse::Cookie)).into());
        token
            .strip_prefix(&**header)
            .is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Never the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm())
            .field("created", &self.created)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The keys of the session tokens. At least one is active.
#[derive(Debug)]
pub struct KeyRing {
    pub(super) hash_key: HashKey,
    /// Oldest first.
    pub(super) keys: Vec<Key>,
    pub(super) sign_after: Duration,
}

impl KeyRing {
    /// A ring of one new key, of `draw`'s 128 random bits at a time.
    pub fn generate(
        algorithm: TokenAlgorithm,
        now: Millis,
        draw: &mut dyn FnMut() -> u128,
    ) -> Self {
        let mut ring = Self {
            hash_key: HashKey::from_bytes(draw().to_be_bytes()),
            keys: Vec::new(),
            sign_after: SIGN_AFTER,
        };
        ring.add_key(algorithm, now, draw);
        ring
    }

    /// The same ring, whose new keys sign after another span.
    #[must_use]
    pub fn with_sign_after(mut self, sign_after: Duration) -> Self {
        self.sign_after = sign_after;
        self
    }

    /// The secret of keyed hashes.
    pub fn hash_key(&self) -> &HashKey {
        &self.hash_key
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key of this id, retired ones included.
    pub fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The key that signs: the newest that is old enough, else the oldest that is active.
    ///
    /// # Panics
    /// Never: a ring without an active key is not made.
    pub fn signing_key(&self, now: Millis) -> &Key {
        let mut active = self.active();
        active
            .clone()
            .rfind(|key| key.created.plus(self.sign_after) <= now)
            .or_else(|| active.next())
            .expect("a ring has an active key")
    }

    /// Signs a context for backends with the newest asymmetric key that is old enough, or the
    /// oldest there is; `None` in a ring of shared secrets.
    pub fn sign_context(&self, claims: &str, now: Millis) -> Option<String> {
        let mut keys = self
            .active()
            .filter(|key| key.algorithm() != TokenAlgorithm::Hs256);
        let old_enough = |key: &&Key| key.created.plus(self.sign_after) <= now;
        let key = keys.clone().rfind(old_enough).or_else(|| keys.next())?;
        let alg = key.algorithm().name();
        let header = format!(r#"{{"typ":"vsc+jwt","alg":"{alg}","kid":"{}"}}"#, key.kid);
        Some(key.private.seal(&header, claims))
    }

    /// Whether a context could be signed.
    pub fn signs_contexts(&self) -> bool {
        self.active()
            .any(|key| key.algorithm() != TokenAlgorithm::Hs256)
    }

    /// The public keys of everything that the ring signs, as a JWK set (RFC 7517 §5).
    pub fn public_jwks(&self) -> Value {
        let keys = self.active().filter_map(|key| {
            let mut jwk = key.public_jwk()?;
            let members = jwk.as_object_mut()?;
            members.insert("kid".to_owned(), key.kid.as_str().into());
            members.insert("alg".to_owned(), key.algorithm().name().into());
            members.insert("use".to_owned(), "sig".into());
            Some(jwk)
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Whether the key of this id signs now.
    pub fn is_primary(&self, kid: &str, now: Millis) -> bool {
        self.signing_key(now).kid == kid
    }

    /// Whether a token claims, by its header alone, to be a cookie under the key that signs now.
    /// One comparison of bytes; proves nothing.
    pub fn is_current(&self, token: &str, now: Millis) -> bool {
        self.signing_key(now).heads(token)
    }

    /// What each key does now, in the order of [`keys`](Self::keys).
    pub fn uses(&self, now: Millis) -> Vec<KeyUse> {
        let signing = self.signing_key(now);
        let first = self.active().next();
        let signs_from = |key: &Key| {
            // The first key of a ring never waited: there was no other to sign.
            if first.is_some_and(|first| first.kid == key.kid) {
                key.created
            } else {
                key.created.plus(self.sign_after)
            }
        };
        let use_of = |key: &Key| match key.state {
            KeyState::Retired => KeyUse::Retired,
            KeyState::Active if key.kid == signing.kid => KeyUse::Signs(signs_from(key)),
            KeyState::Active if key.order() > signing.order() => KeyUse::Waits(signs_from(key)),
            KeyState::Active => KeyUse::Verifies,
        };
        self.keys.iter().map(use_of).collect()
    }

    /// Adds a key, which verifies at once and signs in its turn. Returns its id.
    ///
    /// # Panics
    /// Never: the secret is drawn until it makes a key.
    pub fn add_key(
        &mut self,
        algorithm: TokenAlgorithm,
        now: Millis,
        draw: &mut dyn FnMut() -> u128,
    ) -> String {
        let kid = loop {
            let kid = format!("{:016x}", draw() >> 64);
            if self.find(&kid).is_none() {
                break kid;
            }
        };
        let secret = draw_secret(algorithm, draw);
        let private =
            PrivateKey::from_secret(algorithm, &secret).expect("a drawn secret makes a key");
        // Where the clock was set back, the new key is still the newest.
        let after_last = self
            .keys
            .last()
            .map(|last| last.created.plus(Duration::from_millis(1)));
        self.keys.push(Key {
            kid: kid.clone(),
            created: after_last.map_or(now, |least| now.max(least)),
            state: KeyState::Active,
            secret: secret.to_vec(),
            private,
            cookie_header: OnceLock::new(),
        });
        kid
    }

    /// Retires the keys that last signed at least `span` ago, and returns their ids.
    ///
    /// The span counts from when the next key took over, not from when the key was made: an old
    /// key that signed a minute ago has live cookies.
    pub fn retire_unused(&mut self, span: Duration, now: Millis) -> Vec<String> {
        let successors: Vec<Millis> = self.active().skip(1).map(|key| key.created).collect();
        let active = self
            .keys
            .iter_mut()
            .filter(|key| key.state == KeyState::Active);
        let mut retired = Vec::new();
        for (key, successor) in active.zip(successors) {
            if successor.plus(self.sign_after).plus(span) <= now {
                key.state = KeyState::Retired;
                retired.push(key.kid.clone());
            }
        }
        retired
    }

    fn active(&self) -> impl DoubleEndedIterator<Item = &Key> + Clone {
        self.keys.iter().filter(|key| key.state == KeyState::Active)
    }
}
