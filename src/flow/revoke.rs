//! An operator ends every session of a person, with the logins that they live by.

use std::sync::Arc;

use super::Flow;
use super::ending::ending_events;
use super::event::Event;
use crate::account::Account;
use crate::ports::StoreError;
use crate::store::{Ended, Ending, PersonKey, Resident};

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// How many sessions ended.
    pub sessions: usize,
    /// Whether all are known: the store behind the memory could be asked, and has taken it.
    pub complete: bool,
    /// What happened, to be told.
    pub events: Vec<Event>,
}

impl Flow {
    /// Ends the sessions of a shopper or a member of staff, by the id that the shop has for them.
    /// Their login cookies open no other session.
    pub async fn revoke(
        self: &Arc<Self>,
        account: &Account,
        id: &str,
    ) -> Result<Revoked, StoreError> {
        let person = PersonKey::of(&account.name, id);
        let found = self.store.of_person(person).await?;
        let mut revoked = Revoked {
            complete: found.complete,
            ..Revoked::default()
        };
        for resident in found.sessions {
            if self.revoke_one(account, &resident).await? {
                let session = resident.session();
                revoked.sessions += 1;
                revoked
                    .events
                    .extend(ending_events(session, Ending::Revoked));
            }
        }
        revoked.complete &= self.store.health().owed == 0;
        Ok(revoked)
    }

    async fn revoke_one(&self, account: &Account, resident: &Resident) -> Result<bool, StoreError> {
        let session = resident.session();
        let _turn = self.locks.lock(session.id).await;
        // First of all: from here on the login opens nothing.
        for &token in session.logins.iter() {
            self.store.close_login(token, Ending::Revoked).await?;
        }
        let tombstone = Ended {
            session: Arc::new(resident.snapshot()),
            reason: Ending::Revoked,
            successor: None,
        };
        let keep = account.policies.of(true).record_ttl(true);
        self.store.end(session.id, tombstone, keep).await
    }
}
