//! What is kept of a person: told to them, or erased (GDPR, articles 15 and 17).

use std::sync::Arc;
use std::time::Duration;

use super::Flow;
use super::event::Event;
use crate::account::Account;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::ports::StoreError;
use crate::store::{Marker, PersonKey, Resident};

/// How long the place of an erased record is held, so that nothing that was on its way takes it.
const HELD: Duration = Duration::from_mins(1);

/// All that is kept of a person.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The live sessions in which they act.
    pub sessions: Vec<Arc<Resident>>,
    /// Ended sessions of theirs that still have a record.
    pub remains: Vec<SessionId>,
    /// Whether all are known: the store behind the memory could be asked.
    pub complete: bool,
}

/// What came of erasing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Live sessions that ended and were deleted.
    pub sessions: usize,
    /// Records of ended sessions that were deleted.
    pub ended: usize,
    /// Whether all are known, and the store has taken it.
    pub complete: bool,
    /// What happened, to be told.
    pub events: Vec<Event>,
}

impl Flow {
    /// Everything that is kept of a shopper or a member of staff, by the id that the shop has for
    /// them.
    pub async fn export(&self, account: &Account, id: &str) -> Result<Exported, StoreError> {
        let found = self
            .store
            .of_person(PersonKey::of(&account.name, id))
            .await?;
        Ok(Exported {
            sessions: found.sessions,
            remains: found.remains,
            complete: found.complete,
        })
    }

    /// Ends every session of a person and deletes their records, here, in the store and with every
    /// instance that shares it. Logins that they lived by have ended.
    pub async fn erase(&self, account: &Account, id: &str) -> Result<Erased, StoreError> {
        let person = PersonKey::of(&account.name, id);
        let found = self.store.of_person(person).await?;
        let mut erased = Erased {
            complete: found.complete,
            ..Erased::default()
        };
        for resident in found.sessions {
            let session = resident.session().id;
            let _turn = self.locks.lock(session).await;
            let events = self.end_by_operator(account, &resident).await?;
            self.forget(account, self.clock.now(), session).await?;
            erased.sessions += usize::from(!events.is_empty());
            erased.events.extend(events);
        }
        for session in found.remains {
            let _turn = self.locks.lock(session).await;
            self.forget(account, self.clock.now(), session).await?;
            erased.ended += 1;
        }
        self.past.forget_person(&account.name, id);
        erased.complete &= self.store.health().owed == 0;
        Ok(erased)
    }

    /// Puts a marker that leads nowhere in the place of whatever is under an id: it holds nothing of
    /// anybody, is gone in a moment, and every instance hears of it.
    pub(super) async fn forget(
        &self,
        account: &Account,
        now: Millis,
        id: SessionId,
    ) -> Result<SessionId, StoreError> {
        let marker = Marker {
            account: Arc::clone(&account.name),
            to: self.new_id(),
            until: now,
        };
        self.store.rotate(id, marker, HELD).await?;
        self.past.forget(id);
        Ok(id)
    }
}
