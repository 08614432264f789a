//! Sessions of a person, among all that are here: looks at every one.

use std::sync::Arc;

use super::MemoryStore;
use crate::domain::session::SessionId;
use crate::store::persons::{PersonKey, persons};
use crate::store::record::{Found, Resident};

impl MemoryStore {
    /// Every session, marker and tombstone that is here.
    fn each(&self, mut see: impl FnMut(&Arc<Resident>)) {
        // Of the index, which holds what the caches do: these would be asked for each of them anew.
        self.index.tables().for_each(|see_all| see_all(&mut see));
    }

    /// Every live session that is here.
    pub(in crate::store) fn each_live(&self, mut see: impl FnMut(&Arc<Resident>)) {
        self.each(|resident| {
            if resident.instead().is_none() {
                see(resident);
            }
        });
    }

    /// Live sessions that are here in which a person acts.
    pub(in crate::store) fn in_which(&self, person: PersonKey) -> Vec<Arc<Resident>> {
        let mut sessions = Vec::new();
        self.each_live(|resident| {
            // In most of them nobody does, and whether that is so need not be read.
            let session = resident.session();
            if session.authenticated() && persons(session).any(|one| one == person) {
                sessions.push(Arc::clone(resident));
            }
        });
        sessions
    }

    /// Ended sessions that are here in which a person acted.
    pub(in crate::store) fn remains_of(&self, person: PersonKey) -> Vec<SessionId> {
        let mut remains = Vec::new();
        self.each(|resident| {
            if let Some(Found::Ended(ended)) = resident.instead()
                && ended.session.authenticated()
                && persons(&ended.session).any(|one| one == person)
            {
                remains.push(resident.session().id);
            }
        });
        remains
    }
}
