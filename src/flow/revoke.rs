//! An operator ends every session of a person, with the logins that they live by.

use std::sync::Arc;

use super::Flow;
use super::event::Event;
use crate::account::Account;
use crate::ports::StoreError;
use crate::store::PersonKey;

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
            let _turn = self.locks.lock(resident.session().id).await;
            let events = self.end_by_operator(account, &resident).await?;
            revoked.sessions += usize::from(!events.is_empty());
            revoked.events.extend(events);
        }
        revoked.complete &= self.store.health().owed == 0;
        Ok(revoked)
    }
}
