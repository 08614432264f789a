//! Keyed hashes of tokens and cookie values: equal is proved without the text being kept.

use std::fmt;
use std::hash::Hasher;
use std::hint::black_box;

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
#[derive(Clone, Copy)]
pub struct TokenHash(u128);

impl TokenHash {
    /// The bits, to be kept beside a session.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// A hash that was kept.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }
}

/// All bits at once: where two hashes differ takes no part in the time.
impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        black_box(self.0 ^ other.0) == 0
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
    TokenHash(hasher.finish128().as_u128())
}

/// What a session keeps of a captured cookie: 32 hex digits of a hash of name and value.
pub fn hash_cookie(key: &HashKey, name: &str, value: &str) -> String {
    format!("{:032x}", cookie_bits(key, name, value))
}

/// Whether `kept` is the hash of a captured cookie, as [`hash_cookie`] writes it. Builds nothing.
pub fn is_cookie_hash(kept: &str, key: &HashKey, name: &str, value: &str) -> bool {
    let mut bits = cookie_bits(key, name, value);
    // To the end in any case: where two hashes differ takes no part in the time.
    let differences = kept.bytes().fold(0, |differences, digit| {
        bits = bits.rotate_left(4);
        differences | (digit ^ hex_digit(bits))
    });
    kept.len() == HEX_DIGITS && black_box(differences) == 0
}

/// The hexadecimal digit of the lowest four bits.
fn hex_digit(bits: u128) -> u8 {
    let digit = u8::try_from(bits & 15).unwrap_or_default();
    if digit < 10 {
        b'0' + digit
    } else {
        b'a' - 10 + digit
    }
}

fn cookie_bits(key: &HashKey, name: &str, value: &str) -> u128 {
    let mut hasher = key.hasher(OF_COOKIE);
    // The length keeps `a` + `bc` apart from `ab` + `c`.
    hasher.write(&(name.len() as u64).to_le_bytes());
    hasher.write(name.as_bytes());
    hasher.write(value.as_bytes());
    hasher.finish128().as_u128()
}
