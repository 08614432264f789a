//! Session ids: 128 random bits, written as a GUID.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// A session's id. All 128 bits are random, so it is a GUID in shape, not of a UUID version.
///
/// Bytes, because a number of 128 bits makes everything that holds one larger by its alignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Without the length that a list of bytes would add: all ids have the same.
        state.write(&self.0);
    }
}

/// The text is no GUID in its 36-character lower-case form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a session id is a lower-case GUID")]
pub struct SessionIdError;

impl SessionId {
    /// Makes an id of 128 random bits; only the entropy port's bits belong here.
    pub const fn from_random(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// An id that was kept.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The length of its one spelling.
    pub const TEXT_BYTES: usize = Hyphenated::LENGTH;

    /// Writes its one spelling into a buffer.
    pub fn write(self, text: &mut [u8; Self::TEXT_BYTES]) -> &str {
        Uuid::from_bytes(self.0).hyphenated().encode_lower(text)
    }

    /// The bits in two halves.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn halves(self) -> [u64; 2] {
        let bits = self.as_u128();
        [(bits >> u64::BITS) as u64, bits as u64]
    }

    /// The bits themselves, for use as a key.
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        // One spelling per id: braces, upper case and bare hex would make aliases.
        if text.len() != 36 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(SessionIdError);
        }
        Uuid::try_parse(text)
            .map(|uuid| Self(uuid.into_bytes()))
            .map_err(|_| SessionIdError)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid::from_bytes(self.0).hyphenated(), f)
    }
}

/// Never the id itself: whoever reads a log must not be able to take a session over.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_one_spelling() {
        let id = SessionId::from_random(0x26d2_cb6c_213e_4936_9e2a_1d1e_299e_c33b);
        let text = "26d2cb6c-213e-4936-9e2a-1d1e299ec33b";
        assert_eq!(id.to_string(), text);
        assert_eq!(id.write(&mut [0; SessionId::TEXT_BYTES]), text);
        assert_eq!(text.parse(), Ok(id));
        for alias in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
        ] {
            assert_eq!(alias.parse::<SessionId>(), Err(SessionIdError), "{alias}");
        }
    }

    #[test]
    fn debug_output_never_shows_the_id() {
        assert!(!format!("{:?}", SessionId::from_random(7)).contains('7'));
    }
}
