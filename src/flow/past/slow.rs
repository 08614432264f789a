//! The cycles that shoppers waited longest for an app in, among those remembered.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Lived, Past, Trigger};
use crate::domain::plans::SharedBody;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// How many of the last cycles are looked at: the lock is held for as long as that takes.
const LOOKED_AT: usize = 2048;

/// A cycle that waited long for an app, be it in one round or in several.
#[derive(Clone)]
pub struct Wait {
    /// Which app.
    pub app: Arc<str>,
    /// The session after the cycle.
    pub session: SessionId,
    /// What it held then: whose it was.
    pub body: Arc<SharedBody>,
    /// When that cycle was kept.
    pub at: Millis,
    /// The rounds in which it was called, by their numbers, and how long each call took.
    pub calls: Vec<(u32, Duration)>,
    /// What the cycle was for.
    pub trigger: Trigger,
}

impl Wait {
    /// Whose app.
    pub fn account(&self) -> &str {
        self.body.account()
    }

    /// How long the calls took together: one comes after the other.
    pub fn took(&self) -> Duration {
        self.calls.iter().map(|(_, took)| *took).sum()
    }
}

impl Past {
    /// Cycles of late that waited this long or longer for an app, the longest first. Calls that a memo
    /// answered were not made.
    pub fn waits(&self, at_least: Duration) -> Vec<Wait> {
        let mut waits = Vec::new();
        let ring = self.ring.lock();
        for entry in ring.entries.iter().rev().take(LOOKED_AT) {
            let all: Duration = entry.lived.timings.iter().map(|one| one.took()).sum();
            if all >= at_least {
                let long = waits_in(&entry.lived).into_iter();
                waits.extend(long.filter(|wait| wait.took() >= at_least));
            }
        }
        drop(ring);
        waits.sort_by_key(|wait| (Reverse(wait.took()), Reverse(wait.at)));
        waits
    }
}

fn waits_in(lived: &Lived) -> Vec<Wait> {
    let mut waits: Vec<Wait> = Vec::new();
    let rounds = lived.told.rounds.iter();
    let calls = rounds.flat_map(|round| round.calls.iter().map(|call| (round.number, call)));
    for ((round, call), brief) in calls.zip(&lived.timings) {
        if brief.by_memo() {
            continue;
        }
        let made = (round, brief.took());
        match waits.iter_mut().find(|wait| wait.app == call.name) {
            Some(wait) => wait.calls.push(made),
            None => waits.push(Wait {
                app: Arc::clone(&call.name),
                session: lived.session,
                body: Arc::clone(&lived.told.after),
                at: lived.at,
                calls: vec![made],
                trigger: lived.told.trigger,
            }),
        }
    }
    waits
}

/// Never values: they are a shopper's own.
impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("app", &self.app)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}
