//! Who is found by what: a key for each person of an account.

use sha2::{Digest as _, Sha256};

use crate::domain::session::Session;

/// Names a person of an account: the first 128 bits of a digest, so that every key has one length
/// and none can be made to look like another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonKey([u8; 16]);

impl PersonKey {
    /// The key of the shopper or member of staff with this id.
    pub fn of(account: &str, id: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(account.len().to_be_bytes())
            .chain_update(account)
            .chain_update(id)
            .finalize();
        let mut bits = [0; 16];
        bits.iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Self(bits)
    }

    /// The key of these bits, as they were kept.
    pub(super) const fn of_bytes(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// The bits, to be kept.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Everybody who acts in a session: the shopper, the staff, the customer that staff act as.
pub(super) fn persons(session: &Session) -> impl Iterator<Item = PersonKey> {
    let principal = session.principal();
    let acting = [principal.shopper, principal.staff, principal.acting_as];
    let account = session.account();
    let keys: Vec<PersonKey> = acting
        .into_iter()
        .flatten()
        .map(|id| PersonKey::of(account, id))
        .collect();
    keys.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_of_two_accounts_are_never_one() {
        assert_ne!(PersonKey::of("ab", "c"), PersonKey::of("a", "bc"));
        assert_ne!(PersonKey::of("a", "1"), PersonKey::of("b", "1"));
        assert_eq!(PersonKey::of("a", "1"), PersonKey::of("a", "1"));
    }
}
