//! Sessions of a person, among all that are here: looks at every one.

use std::sync::Arc;

use super::MemoryStore;
use super::keeping::Entry;
use crate::domain::session::SessionId;
use crate::store::persons::{PersonKey, persons};
use crate::store::record::{Found, Resident};

impl MemoryStore {
    /// Every live session that is here.
    pub(in crate::store) fn each_live(&self, mut see: impl FnMut(&Arc<Resident>)) {
        for cache in [&self.anonymous, &self.authenticated] {
            for (_, entry) in cache {
                if let Some(resident) = entry.resident() {
                    see(resident);
                }
            }
        }
    }

    /// Live sessions that are here in which a person acts.
    pub(in crate::store) fn in_which(&self, person: PersonKey) -> Vec<Arc<Resident>> {
        let mut sessions = Vec::new();
        self.each_live(|resident| {
            if persons(resident.session()).any(|one| one == person) {
                sessions.push(Arc::clone(resident));
            }
        });
        sessions
    }

    /// Ended sessions that are here in which a person acted.
    pub(in crate::store) fn remains_of(&self, person: PersonKey) -> Vec<SessionId> {
        let entries = self.anonymous.iter().chain(self.authenticated.iter());
        let ended =
            entries.filter_map(
                |(id, entry)| match Entry::found(Arc::clone(entry.indexed())) {
                    Found::Ended(ended) if persons(&ended.session).any(|one| one == person) => {
                        Some(*id)
                    }
                    _ => None,
                },
            );
        ended.collect()
    }
}
