//! What sessions went through lately: the last transform cycles, kept in memory for whoever asks why
//! a value is what it is.
//!
//! Written only where a cycle ran and its session was kept; a request that says nothing new does not
//! come here. Bounded in entries and in bytes; cycles that are the same but for whose they were are
//! kept once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::account::Account;
use crate::domain::patch::Patch;
use crate::domain::plans::SharedBody;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::domain::transform::{
    CallResult, CycleError, LoopRecord, Outcome, RoundRecord, Rounds, Timing,
};

mod parting;
mod persons;
mod slow;
mod told;
mod values;
mod whose;

use persons::acts_in;

pub use parting::{Cause, LastRequest, Parting, Was};
pub use slow::Wait;
pub use told::{Brief, Told, Trigger};
pub(super) use whose::Whose;

pub use values::{Because, Between, Value, Writer, why};

/// How many cycles are remembered.
pub const MOST: usize = 16_384;
/// How much they may weigh together, in bytes; bodies count in full, shared or not.
pub const BYTES: usize = 16 * 1024 * 1024;
/// How long any is remembered after which another one came.
pub const AGE: Duration = Duration::from_hours(24);
/// How many of these one session is told of at most.
pub const LAST: usize = 16;
/// How many failed calls of apps are remembered, of all apps together.
const FAILURES: usize = 64;

/// One cycle of one session.
#[derive(Clone, Debug)]
pub struct Lived {
    /// The session after it.
    pub session: SessionId,
    /// The id that the session had before, where the cycle gave it another.
    pub from: Option<SessionId>,
    /// When the session of that other id had begun.
    pub began: Option<Millis>,
    /// When it was kept.
    pub at: Millis,
    /// How long it took.
    pub took: Duration,
    /// How each call was answered, in the order of the rounds' calls.
    pub timings: Box<[Brief]>,
    /// What happened.
    pub told: Arc<Told>,
}

impl Lived {
    /// A cycle that was worked out for whoever asks, and that nobody went through.
    pub(super) fn anew((session, at): (SessionId, Millis), outcome: &Outcome, told: Told) -> Self {
        let timings = outcome.timings.iter();
        Self {
            session,
            from: None,
            began: None,
            at,
            took: outcome.took,
            timings: timings.map(|one| Brief::of(*one, at)).collect(),
            told: Arc::new(told),
        }
    }
}

/// A call of an app that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Whose app.
    pub account: Arc<str>,
    /// Which.
    pub app: Arc<str>,
    /// When.
    pub at: Millis,
    /// Why, without anything of a shopper.
    pub message: String,
}

/// The last cycles, and the last failures of apps.
#[derive(Default)]
pub struct Past {
    ring: Mutex<Ring>,
    failures: Mutex<VecDeque<Failed>>,
    partings: parting::Partings,
}

#[derive(Default)]
struct Ring {
    entries: VecDeque<Entry>,
    told: HashMap<u64, Held>,
    /// The latest of what happened between two bodies, by where these lie in memory.
    by_bodies: HashMap<[usize; 2], u64>,
    next: u64,
    bytes: usize,
}

struct Entry {
    lived: Lived,
    told: u64,
}

struct Held {
    told: Arc<Told>,
    uses: usize,
}

impl Past {
    /// Takes note of a cycle whose session was kept.
    pub(super) fn note(&self, whose: Whose, outcome: &mut Outcome) {
        let Whose {
            session,
            from,
            began,
            at,
            trigger,
            bodies: [before, after],
        } = whose;
        let told = Told {
            trigger,
            before,
            after,
            requested: std::mem::take(&mut outcome.requested),
            rounds: outcome.rounds.clone(),
            looped: outcome.looped.clone(),
            denied: outcome.denied,
        };
        let timings: Box<[Brief]> = {
            let timings = outcome.timings.iter();
            timings.map(|one| Brief::of(*one, at)).collect()
        };
        let took = outcome.took;
        let mut ring = self.ring.lock();
        let (told, number) = ring.share(told);
        let lived = Lived {
            session,
            from,
            began,
            at,
            took,
            timings,
            told,
        };
        ring.push(Entry {
            lived,
            told: number,
        });
    }

    /// Takes note of calls of apps that failed.
    pub(super) fn note_failures(
        &self,
        account: &Account,
        finished: &Result<Outcome, CycleError>,
        at: Millis,
    ) {
        let failed = |app: &Arc<str>, failure: &dyn fmt::Display| Failed {
            account: Arc::clone(&account.name),
            app: Arc::clone(app),
            at,
            message: failure.to_string(),
        };
        match finished {
            Ok(outcome) if outcome.failed.is_empty() => {}
            Ok(outcome) => {
                let calls = outcome.rounds.iter().flat_map(|round| &round.calls);
                let failures = calls.filter_map(|call| match &call.result {
                    CallResult::Failed(failure) => Some(failed(&call.name, failure)),
                    _ => None,
                });
                self.add_failures(failures);
            }
            Err(CycleError::AppFailed { name, failure }) => {
                self.add_failures(std::iter::once(failed(name, failure)));
            }
            Err(CycleError::Loop(record)) => {
                let said = "it keeps writing, and the cycle does not settle";
                let looped = record.apps.iter().map(|app| failed(app, &said));
                self.add_failures(looped);
            }
        }
    }

    fn add_failures(&self, failures: impl Iterator<Item = Failed>) {
        let mut all = self.failures.lock();
        for failure in failures {
            if all.len() >= FAILURES {
                all.pop_front();
            }
            all.push_back(failure);
        }
    }

    /// The last failures of an app, the latest first.
    pub fn failures(&self, account: &str, app: &str) -> Vec<Failed> {
        let all = self.failures.lock();
        let of = all.iter().rev();
        let of = of.filter(|one| *one.account == *account && *one.app == *app);
        of.cloned().collect()
    }

    /// The last cycles of a session, the latest first; those too that it went through under an id
    /// that was replaced.
    pub fn of(&self, session: SessionId) -> Vec<Lived> {
        let ring = self.ring.lock();
        let mut ids = vec![session];
        let mut found = Vec::new();
        for entry in ring.entries.iter().rev() {
            if ids.contains(&entry.lived.session) {
                found.push(entry.lived.clone());
                ids.extend(entry.lived.from);
            }
            if found.len() >= LAST {
                break;
            }
        }
        found
    }

    /// Takes note of a session that somebody ends.
    pub(super) fn note_parting(&self, parting: Parting) {
        self.partings.note(parting);
    }

    /// How a session ended, where somebody did that here.
    pub fn parting(&self, session: SessionId) -> Option<Parting> {
        self.partings.of(session)
    }

    /// The session that ended last of all.
    pub fn last_parting(&self) -> Option<Parting> {
        self.partings.last()
    }

    /// Forgets what a session went through, under any of its ids.
    pub(super) fn forget(&self, session: SessionId) {
        let mut ring = self.ring.lock();
        let mut ids = vec![session];
        for Entry { lived, .. } in ring.entries.iter().rev() {
            if ids.contains(&lived.session) {
                ids.extend(lived.from);
            }
        }
        ring.retain(|lived| !ids.contains(&lived.session));
        self.partings.forget(&ids);
    }

    /// Forgets every cycle before or after which a person acted.
    pub(super) fn forget_person(&self, account: &str, id: &str) {
        let acts = |body: &SharedBody| acts_in(body, account, id);
        let keep = |lived: &Lived| !(acts(&lived.told.before) || acts(&lived.told.after));
        self.ring.lock().retain(keep);
        self.partings.forget_person(account, id);
    }

    /// How many cycles are remembered, how many different ones among them, and their weight in bytes.
    pub fn size(&self) -> [usize; 3] {
        let ring = self.ring.lock();
        [ring.entries.len(), ring.told.len(), ring.bytes]
    }
}

impl Ring {
    /// The same as something that happened before, or this.
    fn share(&mut self, told: Told) -> (Arc<Told>, u64) {
        let key = told.key();
        let known = self.by_bodies.get(&key).copied();
        if let Some(number) = known
            && let Some(held) = self.told.get_mut(&number)
            && *held.told == told
        {
            held.uses += 1;
            return (Arc::clone(&held.told), number);
        }
        let number = self.next;
        self.next += 1;
        self.bytes += told.weight();
        let told = Arc::new(told);
        let held = Held {
            told: Arc::clone(&told),
            uses: 1,
        };
        self.told.insert(number, held);
        self.by_bodies.insert(key, number);
        (told, number)
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.weight();
        let now = entry.lived.at;
        self.entries.push_back(entry);
        let is_old = |oldest: &Entry| now.since(oldest.lived.at) > AGE;
        while self.entries.len() > MOST
            || self.bytes > BYTES
            || self.entries.front().is_some_and(is_old)
        {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.let_go(&oldest);
        }
    }

    fn let_go(&mut self, entry: &Entry) {
        self.bytes -= entry.weight();
        let Some(held) = self.told.get_mut(&entry.told) else {
            return;
        };
        held.uses -= 1;
        if held.uses > 0 {
            return;
        }
        let key = held.told.key();
        self.bytes -= held.told.weight();
        self.told.remove(&entry.told);
        if self.by_bodies.get(&key) == Some(&entry.told) {
            self.by_bodies.remove(&key);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Lived) -> bool) {
        let all = std::mem::take(&mut self.entries);
        let (kept, gone): (VecDeque<_>, Vec<_>) = split(all, |entry| keep(&entry.lived));
        self.entries = kept;
        for entry in &gone {
            self.let_go(entry);
        }
    }
}

fn split(all: VecDeque<Entry>, keep: impl Fn(&Entry) -> bool) -> (VecDeque<Entry>, Vec<Entry>) {
    let (mut kept, mut gone) = (VecDeque::with_capacity(all.len()), Vec::new());
    for entry in all {
        if keep(&entry) {
            kept.push_back(entry);
        } else {
            gone.push(entry);
        }
    }
    (kept, gone)
}

impl Entry {
    fn weight(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.lived.timings)
    }
}

/// Sizes alone: what is remembered is of shoppers.
impl fmt::Debug for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Past").field(&self.size()).finish()
    }
}

#[cfg(test)]
mod tests;
