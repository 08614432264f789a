//! Sessions of a person, among all that are here: looks at every one.

use std::collections::HashMap;
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
        // Sessions of the same content are of the same people: it is read once.
        let mut read = HashMap::new();
        self.each_live(|resident| {
            // In most of them nobody does, and whether that is so need not be read.
            let session = resident.session();
            if !session.authenticated() {
                return;
            }
            // The content is held, so that no other takes its place in memory meanwhile.
            let held = || {
                let acts = persons(session).any(|one| one == person);
                (Arc::clone(&session.body), acts)
            };
            let at = Arc::as_ptr(&session.body).addr();
            if read.entry(at).or_insert_with(held).1 {
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
