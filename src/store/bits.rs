//! The hash of keys that are random bits already.

use std::hash::{BuildHasher, Hasher};

/// Takes a key's own bits for its hash.
///
/// Fit for keys that no client chooses: ids drawn by us. A client that makes one up can look it up
/// and finds nothing, but never gets one stored, so it cannot crowd one place of the table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByBits;

impl BuildHasher for ByBits {
    type Hasher = Bits;

    fn build_hasher(&self) -> Bits {
        Bits::default()
    }
}

/// The bits folded to the 64 of a hash.
#[derive(Debug, Default)]
pub(super) struct Bits(u64);

impl Hasher for Bits {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            self.0 ^= u64::from_ne_bytes(word);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::SessionId;

    #[test]
    fn every_bit_of_an_id_counts() {
        let id = 0x26d2_cb6c_213e_4936_9e2a_1d1e_299e_c33b;
        let hash = ByBits.hash_one(SessionId::from_random(id));
        assert_eq!(hash, ByBits.hash_one(SessionId::from_random(id)));
        for bit in 0..128 {
            let other = SessionId::from_random(id ^ 1 << bit);
            assert_ne!(hash, ByBits.hash_one(other), "bit {bit}");
        }
    }
}
