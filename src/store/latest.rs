//! The sessions that a process holds, those that were used last first: what is asked for, and how it is
//! picked from among all, in whatever order they come by.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::Resident;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// Where a page of sessions ends: the last activity of its last session, and that session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it was used last.
    pub seen: Millis,
    /// Which it is: many may have been used at one moment.
    pub id: SessionId,
}

/// Which sessions are asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Whether one is.
    pub fits: &'a (dyn Fn(&Resident) -> bool + Send + Sync),
    /// Only those that were used before this.
    pub after: Option<Place>,
    /// So many at most.
    pub most: usize,
}

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("after", &self.after)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// A page of sessions.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The one that was used last first, each with the place where a page that ends with it ends.
    pub sessions: Vec<(Place, Arc<Resident>)>,
    /// Whether there are more of them after these.
    pub more: bool,
    /// Whether all were looked at; otherwise there may be any number of others.
    pub complete: bool,
}

/// Picks the latest of what it sees.
#[derive(Debug)]
pub(super) struct Picking<'a> {
    wanted: Wanted<'a>,
    /// One more than is wanted, to know whether there are more.
    picked: BTreeMap<Place, Arc<Resident>>,
}

impl<'a> Picking<'a> {
    pub(super) const fn new(wanted: Wanted<'a>) -> Self {
        Self {
            wanted,
            picked: BTreeMap::new(),
        }
    }

    pub(super) fn see(&mut self, resident: &Arc<Resident>) {
        let place = Place {
            seen: resident.last_seen(),
            id: resident.session().id,
        };
        let Wanted { fits, after, most } = self.wanted;
        let full = self.picked.len() > most;
        let least = self.picked.first_key_value().map(|(least, _)| *least);
        // The cheap questions first: nearly all of many sessions are dropped by them.
        if after.is_some_and(|after| place >= after)
            || (full && least.is_some_and(|least| place < least))
            || resident.instead().is_some()
            || !fits(resident)
        {
            return;
        }
        self.picked.insert(place, Arc::clone(resident));
        if self.picked.len() > most.saturating_add(1) {
            self.picked.pop_first();
        }
    }

    pub(super) fn done(mut self, complete: bool) -> Latest {
        let more = self.picked.len() > self.wanted.most;
        if more {
            self.picked.pop_first();
        }
        Latest {
            sessions: self.picked.into_iter().rev().collect(),
            more,
            complete,
        }
    }
}
