//! Recognising our names in every spelling that a backend might read as ours.

use std::collections::BTreeSet;

use http::HeaderName;

/// Longest name of ours; longer ones cannot be.
const LONGEST: usize = 127;

/// All names that are ours, over all accounts (contract §9). A backend behind CGI reads
/// `X_Session.Id` as `x-session-id`, so every byte that is no letter or digit counts as the same.
#[derive(Clone, Debug, Default)]
pub struct OwnedNames {
    canonical: BTreeSet<Box<[u8]>>,
    /// A bit for each length and for each first letter that there is: nearly every header of
    /// others is told by them.
    lengths: u128,
    firsts: u128,
}

impl OwnedNames {
    /// The set of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let canonical: BTreeSet<Box<[u8]>> = names
            .into_iter()
            .map(|name| canonical(name.as_str()))
            .filter(|name| name.len() <= LONGEST)
            .collect();
        let lengths = canonical.iter().map(|name| bit(name.len()));
        let firsts = canonical.iter().map(|name| first_bit(name));
        Self {
            lengths: lengths.fold(0, |all, one| all | one),
            firsts: firsts.fold(0, |all, one| all | one),
            canonical,
        }
    }

    /// Whether a name reads as one of ours. Allocates nothing.
    pub fn owns(&self, name: &str) -> bool {
        let may_be = self.lengths & bit(name.len()) != 0
            && self.firsts & first_bit(name.as_bytes()) != 0
            && name.len() <= LONGEST;
        if !may_be {
            return false;
        }
        let mut buffer = [0; LONGEST];
        let Some(read) = buffer.get_mut(..name.len()) else {
            return false;
        };
        for (to, byte) in read.iter_mut().zip(name.bytes()) {
            *to = fold(byte);
        }
        self.canonical.contains(&*read)
    }
}

/// The form in which alike names are equal.
pub(super) fn canonical(name: &str) -> Box<[u8]> {
    name.bytes().map(fold).collect()
}

/// Whether two names read alike.
pub(super) fn alike(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// The bit of a length; longer ones share the first, which no name has.
const fn bit(length: usize) -> u128 {
    if length > LONGEST { 1 } else { 1 << length }
}

/// The bit of a first byte; bytes outside ASCII fold to one within.
fn first_bit(name: &[u8]) -> u128 {
    name.first().map_or(0, |&first| 1 << (fold(first) & 127))
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'_'
    }
}
