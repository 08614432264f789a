//! The logins that a session lives by, as it names them.

use std::ops::Deref;
use std::sync::Arc;

use crate::domain::token::TokenHash;

/// Hashes of login tokens: of a shopper, of staff, or both. Cheap to clone, and one word in the
/// head of a session that has none, as most have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginHashes(Option<Arc<Listed>>);

#[derive(Debug, PartialEq, Eq)]
struct Listed(Box<[TokenHash]>);

impl Deref for LoginHashes {
    type Target = [TokenHash];

    fn deref(&self) -> &[TokenHash] {
        self.0.as_deref().map_or(&[], |Listed(hashes)| hashes)
    }
}

impl FromIterator<TokenHash> for LoginHashes {
    fn from_iter<I: IntoIterator<Item = TokenHash>>(hashes: I) -> Self {
        let hashes: Box<[TokenHash]> = hashes.into_iter().collect();
        Self((!hashes.is_empty()).then(|| Arc::new(Listed(hashes))))
    }
}

impl From<Vec<TokenHash>> for LoginHashes {
    fn from(hashes: Vec<TokenHash>) -> Self {
        hashes.into_iter().collect()
    }
}

impl<const COUNT: usize> From<[TokenHash; COUNT]> for LoginHashes {
    fn from(hashes: [TokenHash; COUNT]) -> Self {
        hashes.into_iter().collect()
    }
}
