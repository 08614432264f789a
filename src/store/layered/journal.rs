//! What is owed to a far store that cannot be asked: kept here until it answers, one entry a
//! session or login, and paid back in order, endings first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::super::record::{Ended, Ending, Found, Login, Marker, Resident};
use crate::domain::plans::SharedBody;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::telemetry::StoreMetrics;

/// What is owed of one session.
#[derive(Clone, Debug)]
pub(super) enum Owed {
    /// It began.
    Begun { session: Session, keep: Duration },
    /// It changed; `base` and `based_on` are what the far store had when it was last heard.
    Changed {
        base: Arc<SharedBody>,
        based_on: u64,
        session: Session,
        keep: Duration,
    },
    /// Its cookie was issued, and nothing else.
    Issued { token: TokenHash, at: Millis },
    /// It was replaced.
    Moved { marker: Marker, keep: Duration },
    /// It ended.
    Ended {
        ended: Ended,
        keep: Duration,
        /// Whether the far store never heard of it.
        light: bool,
    },
}

impl Owed {
    const fn ends(&self) -> bool {
        matches!(self, Self::Moved { .. } | Self::Ended { .. })
    }

    const fn label(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "begun",
            Self::Changed { .. } => "changed",
            Self::Issued { .. } => "issued",
            Self::Moved { .. } => "moved",
            Self::Ended { .. } => "ended",
        }
    }

    /// The session as it stands by this entry, and how long it is kept; none where the entry does
    /// not hold it whole.
    pub(super) fn found(&self, logins: Box<[Arc<Login>]>) -> Option<(Found, Duration)> {
        match self {
            Self::Begun { session, keep } | Self::Changed { session, keep, .. } => {
                let resident = Resident::new(session.clone(), logins);
                Some((Found::Live(Arc::new(resident)), *keep))
            }
            Self::Moved { marker, keep } => Some((Found::Moved(marker.clone()), *keep)),
            Self::Ended { ended, keep, .. } => Some((Found::Ended(ended.clone()), *keep)),
            Self::Issued { .. } => None,
        }
    }

    /// The session, where the entry holds it live and whole.
    pub(super) const fn live(&self) -> Option<&Session> {
        match self {
            Self::Begun { session, .. } | Self::Changed { session, .. } => Some(session),
            _ => None,
        }
    }
}

/// What is owed of one login: its beginning, its end, or both.
#[derive(Clone, Debug, Default)]
pub(super) struct OwedLogin {
    pub(super) opened: Option<Arc<Login>>,
    pub(super) closed: Option<Ending>,
}

/// Whose entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Session(SessionId),
    Login(TokenHash),
}

/// An entry's place in the order. A later entry of the same owner has another.
pub(super) type Turn = u64;

/// The journal of an outage. Holds at most so many entries; endings have room beyond.
#[derive(Debug)]
pub(super) struct Journal {
    entries: Mutex<Entries>,
    most: usize,
    metrics: StoreMetrics,
}

#[derive(Debug, Default)]
struct Entries {
    sessions: HashMap<SessionId, (Turn, Owed)>,
    /// By the bits of the token's keyed hash.
    logins: HashMap<u128, (Turn, OwedLogin)>,
    endings: BTreeMap<Turn, Owner>,
    others: BTreeMap<Turn, Owner>,
    last: Turn,
    /// Whether somebody is paying.
    paying: bool,
}

impl Entries {
    fn len(&self) -> usize {
        self.sessions.len() + self.logins.len()
    }

    fn place(&mut self, owner: Owner, ends: bool, before: Option<Turn>) -> Turn {
        if let Some(before) = before {
            self.endings.remove(&before);
            self.others.remove(&before);
        }
        self.last += 1;
        let order = if ends {
            &mut self.endings
        } else {
            &mut self.others
        };
        order.insert(self.last, owner);
        self.last
    }

    fn drop_turn(&mut self, turn: Turn) {
        self.endings.remove(&turn);
        self.others.remove(&turn);
    }
}

impl Journal {
    pub(super) fn new(most: usize, metrics: StoreMetrics) -> Self {
        Self {
            entries: Mutex::default(),
            most,
            metrics,
        }
    }

    /// What is owed of a session, and the entry's turn.
    pub(super) fn of(&self, id: SessionId) -> Option<(Turn, Owed)> {
        self.entries.lock().sessions.get(&id).cloned()
    }

    /// Whether anything is owed of a session.
    pub(super) fn owes(&self, id: SessionId) -> bool {
        self.entries.lock().sessions.contains_key(&id)
    }

    /// What is owed of a login, and the entry's turn.
    pub(super) fn of_login(&self, token: TokenHash) -> Option<(Turn, OwedLogin)> {
        self.entries.lock().logins.get(&token.as_u128()).cloned()
    }

    /// Where it is counted.
    pub(super) const fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Takes an entry in place of the one before of the same session. `false`, and nothing
    /// changed, where there is no room: endings are refused last.
    pub(super) fn owe(&self, id: SessionId, owed: Owed) -> bool {
        let mut entries = self.entries.lock();
        let before = entries.sessions.get(&id).map(|(turn, _)| *turn);
        if before.is_none() && !self.has_room(&entries, owed.ends()) {
            drop(entries);
            self.metrics.journal_full();
            return false;
        }
        let turn = entries.place(Owner::Session(id), owed.ends(), before);
        self.metrics.owed(owed.label());
        entries.sessions.insert(id, (turn, owed));
        self.metrics.owing(entries.len());
        true
    }

    /// The same for a login; what is there stays, and is added to.
    pub(super) fn owe_login(&self, token: TokenHash, owed: OwedLogin) -> bool {
        let mut entries = self.entries.lock();
        let before = entries.logins.get(&token.as_u128()).cloned();
        let ends = owed.closed.is_some();
        if before.is_none() && !self.has_room(&entries, ends) {
            drop(entries);
            self.metrics.journal_full();
            return false;
        }
        let (turn, old) = before.unzip();
        let old = old.unwrap_or_default();
        // The first reason stays, as everywhere.
        let owed = OwedLogin {
            opened: old.opened.or(owed.opened),
            closed: old.closed.or(owed.closed),
        };
        let turn = entries.place(Owner::Login(token), owed.closed.is_some(), turn);
        self.metrics
            .owed(if ends { "login_ended" } else { "login" });
        entries.logins.insert(token.as_u128(), (turn, owed));
        self.metrics.owing(entries.len());
        true
    }

    fn has_room(&self, entries: &Entries, ends: bool) -> bool {
        let most = if ends {
            self.most.saturating_mul(2)
        } else {
            self.most
        };
        entries.len() < most
    }

    /// Drops an entry that was paid, unless it was replaced meanwhile.
    pub(super) fn paid(&self, owner: Owner, turn: Turn) {
        let mut entries = self.entries.lock();
        let current = match owner {
            Owner::Session(id) => entries.sessions.get(&id).map(|(turn, _)| *turn),
            Owner::Login(token) => entries.logins.get(&token.as_u128()).map(|(turn, _)| *turn),
        };
        if current == Some(turn) {
            match owner {
                Owner::Session(id) => drop(entries.sessions.remove(&id)),
                Owner::Login(token) => drop(entries.logins.remove(&token.as_u128())),
            }
            entries.drop_turn(turn);
        }
        self.metrics.owing(entries.len());
    }

    /// Drops what is owed of a session: it was overtaken by what the far store has taken. Returns
    /// whether the entry held it live.
    pub(super) fn forgive(&self, id: SessionId) -> bool {
        let mut entries = self.entries.lock();
        let Some((turn, owed)) = entries.sessions.remove(&id) else {
            return false;
        };
        entries.drop_turn(turn);
        self.metrics.owing(entries.len());
        owed.live().is_some()
    }

    /// The next to be paid of those that are not `left`: the oldest ending, else the oldest of all.
    pub(super) fn next(&self, left: &[Owner]) -> Option<Owner> {
        let entries = self.entries.lock();
        let mut order = entries.endings.values().chain(entries.others.values());
        order.find(|owner| !left.contains(owner)).copied()
    }

    /// Whether the caller is to begin paying; true for one at a time.
    pub(super) fn begin_paying(&self) -> bool {
        let mut entries = self.entries.lock();
        let first = !entries.paying && entries.len() > 0;
        entries.paying |= first;
        first
    }

    /// Whether the caller, who pays, is done. Another may begin from then on.
    pub(super) fn done_paying(&self) -> bool {
        let mut entries = self.entries.lock();
        let done = entries.len() == 0;
        entries.paying = !done;
        done
    }
}
