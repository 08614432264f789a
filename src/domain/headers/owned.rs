//! Recognising our names in every spelling that a backend might read as ours.

use std::collections::BTreeSet;

use http::HeaderName;

/// Longest name of ours; longer ones cannot be.
const LONGEST: usize = 128;

/// All names that are ours, over all accounts (contract §9). A backend behind CGI reads
/// `X_Session.Id` as `x-session-id`, so every byte that is no letter or digit counts as the same.
#[derive(Clone, Debug, Default)]
pub struct OwnedNames {
    canonical: BTreeSet<Box<[u8]>>,
    lengths: Vec<bool>,
}

impl OwnedNames {
    /// The set of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let canonical: BTreeSet<Box<[u8]>> = names
            .into_iter()
            .map(|name| canonical(name.as_str()))
            .filter(|name| name.len() <= LONGEST)
            .collect();
        let mut lengths = vec![false; LONGEST + 1];
        for name in &canonical {
            if let Some(length) = lengths.get_mut(name.len()) {
                *length = true;
            }
        }
        Self { canonical, lengths }
    }

    /// Whether a name reads as one of ours. Allocates nothing.
    pub fn owns(&self, name: &str) -> bool {
        if !self.lengths.get(name.len()).copied().unwrap_or(false) {
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

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'_'
    }
}
