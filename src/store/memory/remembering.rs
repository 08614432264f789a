//! Logins that are here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::MemoryStore;
use crate::domain::token::TokenHash;
use crate::store::record::Login;

impl MemoryStore {
    /// Whether sessions here may live by logins that are not remembered.
    pub(in crate::store) fn crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// A login that is here.
    pub(in crate::store) fn remembered(&self, token: TokenHash) -> Option<Arc<Login>> {
        self.logins.get(&token.as_u128())
    }

    /// Keeps a login that another store has; the one that is here already stays, and learns of it.
    pub(in crate::store) fn remember(&self, token: TokenHash, login: Login) -> Arc<Login> {
        let login = Arc::new(login);
        let entry = self.logins.entry(token.as_u128());
        let kept = entry.or_insert_with(|| Arc::clone(&login)).into_value();
        if !Arc::ptr_eq(&kept, &login) {
            kept.learn(&login);
        }
        kept
    }
}
