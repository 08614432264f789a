//! The memo of whole cycles: who comes by a link that others came by gets what came of their cycle,
//! and no app is asked (decision 0040).

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::MemoCapacity;
use crate::domain::time::Millis;
use crate::domain::transform::{CallResult, Outcome, Start, Timing};
use crate::telemetry::MemoCounters;

/// What an outcome takes beside its texts, in bytes, roughly.
const ENTRY_BYTES: usize = 1024;

/// What came of cycles that begin sessions, by all that they began with: body and request are compared
/// in full, a hash alone never decides.
#[derive(Debug)]
pub struct Outcomes {
    known: Cache<Start, Known>,
    counters: Vec<MemoCounters>,
}

#[derive(Clone, Debug)]
struct Known {
    outcome: Arc<Outcome>,
    until: Millis,
    keep: Duration,
}

#[derive(Debug)]
struct KeepKnown;

impl moka::Expiry<Start, Known> for KeepKnown {
    fn expire_after_create(&self, _: &Start, known: &Known, _: Instant) -> Option<Duration> {
        Some(known.keep)
    }
}

impl Outcomes {
    /// Room for outcomes; `counters` has one entry an app, in configured order.
    pub fn new(counters: Vec<MemoCounters>, capacity: MemoCapacity) -> Self {
        let known = Cache::builder()
            .max_capacity(capacity.bytes)
            .weigher(|start: &Start, known: &Known| {
                let asked = start.body.weight() + start.request.weight();
                let weight = ENTRY_BYTES + asked + known.outcome.body.weight();
                u32::try_from(weight).unwrap_or(u32::MAX)
            })
            .expire_after(KeepKnown)
            .build();
        Self { known, counters }
    }

    /// Whether others may begin with the same. What came with a login, or is looked up for its age, is
    /// one shopper's own.
    pub fn takes(start: &Start) -> bool {
        start.create && start.raw.is_empty() && start.recall.is_empty()
    }

    /// What came of the same start, while each app in it would give the same answer again. They count
    /// as asked.
    pub fn of(&self, start: &Start, now: Millis) -> Option<Outcome> {
        if !Self::takes(start) {
            return None;
        }
        let known = self.known.get(start).filter(|known| now < known.until)?;
        let calls = known.outcome.rounds.iter().flat_map(|round| &round.calls);
        for call in calls.filter(|call| call.result != CallResult::Idle) {
            if let Some(counters) = self.counters.get(call.app) {
                counters.asked.inc();
            }
        }
        Some(Outcome::clone(&known.outcome))
    }

    /// Remembers an outcome for as long as all its answers are remembered; others are let go.
    pub fn keep(&self, start: Start, outcome: &Outcome, now: Millis) {
        let until = outcome.again_until().filter(|until| now < *until);
        let Some(until) = until.filter(|_| Self::takes(&start)) else {
            return;
        };
        // Nobody waits for them again.
        let timings = outcome.timings.iter().map(|timing| Timing {
            took: Duration::ZERO,
            ..*timing
        });
        let outcome = Outcome {
            timings: timings.collect(),
            took: Duration::ZERO,
            ..outcome.clone()
        };
        let known = Known {
            outcome: Arc::new(outcome),
            until,
            keep: until.since(now),
        };
        self.known.insert(start, known);
    }
}

#[cfg(test)]
mod tests;
