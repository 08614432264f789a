//! Whose the last cycles and partings were.

use std::collections::HashSet;

use super::Past;
use crate::domain::plans::SharedBody;
use crate::domain::session::{Principal, SessionId};

impl Past {
    /// Sessions in which a person acted after a cycle or at their end, the latest first; those that are
    /// known already are left out.
    pub fn of_person(
        &self,
        (account, id): (&str, &str),
        mut known: HashSet<SessionId>,
    ) -> Vec<SessionId> {
        let ring = self.ring.lock();
        // Thousands of cycles share what happened in them: who acts is read once for each of these.
        let told = ring.told.iter();
        let theirs = told.filter(|(_, held)| acts_in(&held.told.after, account, id));
        let theirs: HashSet<u64> = theirs.map(|(number, _)| *number).collect();
        let entries = ring.entries.iter().rev();
        let entries = entries.filter(|entry| theirs.contains(&entry.told));
        let cycles: Vec<SessionId> = entries.map(|entry| entry.lived.session).collect();
        drop(ring);
        let all = cycles.into_iter();
        let all = all.chain(self.partings.of_person(account, id));
        all.filter(|session| known.insert(*session)).collect()
    }
}

/// Whether a person acts in a session of this content.
pub(super) fn acts_in(body: &SharedBody, account: &str, id: &str) -> bool {
    let Principal {
        shopper,
        staff,
        acting_as,
    } = Principal::of_packed(body.packed());
    **body.account() == *account && [shopper, staff, acting_as].contains(&Some(id))
}
