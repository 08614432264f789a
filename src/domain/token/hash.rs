//! Keyed hashes of tokens and cookie values: equal is proved without the text being kept.

use std::fmt;
use std::hash::Hasher;
use std::hint::black_box;
use std::num::NonZeroU64;

use siphasher::sip128::{Hasher128, SipHasher24};

/// Hashes of different things never meet, even where their bytes do.
const OF_TOKEN: u8 = 1;
const OF_COOKIE: u8 = 2;
/// What 128 bits are written in.
const HEX_DIGITS: usize = 32;

/// The secret of all keyed hashes; it outlives every rotation of the signing keys.
#[derive(Clone)]
pub struct HashKey([u8; 16]);

impl HashKey {
    /// A key of 128 secret bits.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn hasher(&self, domain: u8) -> SipHasher24 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(domain);
        hasher
    }
}

/// Never the key.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// The keyed hash of a whole token: SipHash-2-4, 128 bits.
///
/// Two halves, because a number of 128 bits makes everything that holds one larger by its
/// alignment. The first is kept beside `VEIL` and never zero, so that "none" takes no room of its
/// own in a session's head: of 2^64 hashes one is read as another, by everybody alike.
#[derive(Clone, Copy)]
pub struct TokenHash(NonZeroU64, u64);

/// What a first half would have to equal to be read as another. No hash of a small number does.
const VEIL: u64 = 0x9e37_79b9_7f4a_7c15;

impl TokenHash {
    /// The bits, to be kept beside a session.
    pub const fn as_u128(self) -> u128 {
        let Self(first, second) = self;
        ((first.get() ^ VEIL) as u128) << u64::BITS | second as u128
    }

    /// A hash that was kept.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn from_u128(bits: u128) -> Self {
        let (first, second) = ((bits >> u64::BITS) as u64, bits as u64);
        match NonZeroU64::new(first ^ VEIL) {
            Some(first) => Self(first, second),
            None => Self(NonZeroU64::MIN, second),
        }
    }
}

/// All bits at once: where two hashes differ takes no part in the time.
impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        black_box(self.as_u128() ^ other.as_u128()) == 0
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// Hashes a whole token, signature included: another signature is another hash.
pub fn hash_token(key: &HashKey, token: &str) -> TokenHash {
    let mut hasher = key.hasher(OF_TOKEN);
    hasher.write(token.as_bytes());
    TokenHash::from_u128(hasher.finish128().as_u128())
}

/// The keyed hash of a captured cookie's name and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieHash(TokenHash);

impl CookieHash {
    /// Hashes a cookie.
    pub fn of(key: &HashKey, name: &str, value: &str) -> Self {
        let mut hasher = key.hasher(OF_COOKIE);
        // The length keeps `a` + `bc` apart from `ab` + `c`.
        hasher.write(&(name.len() as u64).to_le_bytes());
        hasher.write(name.as_bytes());
        hasher.write(value.as_bytes());
        Self(TokenHash::from_u128(hasher.finish128().as_u128()))
    }

    /// Reads what [`hash_cookie`] wrote; None for any other spelling.
    pub fn read(kept: &str) -> Option<Self> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if kept.len() != HEX_DIGITS || !kept.bytes().all(digit) {
            return None;
        }
        let bits = u128::from_str_radix(kept, 16).ok()?;
        Some(Self(TokenHash::from_u128(bits)))
    }
}

/// What a session keeps of a captured cookie: 32 hex digits of a hash of name and value.
pub fn hash_cookie(key: &HashKey, name: &str, value: &str) -> String {
    let CookieHash(hash) = CookieHash::of(key, name, value);
    format!("{:032x}", hash.as_u128())
}

/// Whether `kept` is the hash of a captured cookie, as [`hash_cookie`] writes it. Builds nothing.
pub fn is_cookie_hash(kept: &str, key: &HashKey, name: &str, value: &str) -> bool {
    CookieHash::read(kept).is_some_and(|kept| kept == CookieHash::of(key, name, value))
}
