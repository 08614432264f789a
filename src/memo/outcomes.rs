//! The memo of whole cycles: who comes by a link that others came by gets what came of their cycle,
//! and no app is asked (decision 0040).

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::MemoCapacity;
use crate::domain::plans::SharedBody;
use crate::domain::session::Body;
use crate::domain::time::Millis;
use crate::domain::transform::{CallResult, Outcome, SharedStart, Start};
use crate::telemetry::MemoCounters;

/// What an outcome takes beside its texts, in bytes, roughly: the record of its calls, and the body that
/// sessions share with its headers.
const ENTRY_BYTES: usize = 4096;

/// What came of cycles that begin sessions, by all that apps were told then: it is compared in full, a
/// hash alone never decides.
#[derive(Debug)]
pub struct Outcomes {
    known: Cache<Start, Arc<Known>>,
    counters: Vec<MemoCounters>,
}

/// What a beginning came to.
#[derive(Debug)]
pub struct Known {
    outcome: Outcome,
    shared: OnceLock<Arc<SharedBody>>,
    until: Millis,
    keep: Duration,
}

impl Known {
    /// What a session comes to that begins so. `share` finds the body that sessions share.
    pub fn outcome(
        &self,
        common: SharedStart,
        share: impl FnOnce(&Body) -> Arc<SharedBody>,
    ) -> Outcome {
        let mut outcome = self.outcome.clone();
        if common.is_all() {
            let shared = self.shared.get_or_init(|| share(&outcome.body));
            outcome.shared = Some(Arc::clone(shared));
        } else {
            common.add_beside(&mut outcome);
        }
        outcome
    }
}

#[derive(Debug)]
struct KeepKnown;

impl moka::Expiry<Start, Arc<Known>> for KeepKnown {
    fn expire_after_create(&self, _: &Start, known: &Arc<Known>, _: Instant) -> Option<Duration> {
        Some(known.keep)
    }
}

impl Outcomes {
    /// Room for outcomes; `counters` has one entry an app, in configured order.
    pub fn new(counters: Vec<MemoCounters>, capacity: MemoCapacity) -> Self {
        let known = Cache::builder()
            .max_capacity(capacity.bytes)
            .weigher(|start: &Start, known: &Arc<Known>| {
                let asked = start.body.weight() + start.request.weight();
                let weight = ENTRY_BYTES + asked + known.outcome.body.weight();
                u32::try_from(weight).unwrap_or(u32::MAX)
            })
            .expire_after(KeepKnown)
            .build();
        Self { known, counters }
    }

    /// What is known of a beginning, while each app in it would give the same answer again; they count
    /// as asked.
    pub fn find(&self, common: &SharedStart, now: Millis) -> Option<Arc<Known>> {
        let known = self.known.get(common.start())?;
        if now >= known.until {
            return None;
        }
        let calls = known.outcome.rounds.iter().flat_map(|round| &round.calls);
        for call in calls.filter(|call| call.result != CallResult::Idle) {
            if let Some(counters) = self.counters.get(call.app) {
                counters.asked.inc();
            }
        }
        Some(known)
    }

    /// Remembers an outcome for as long as all its answers are remembered; others are let go.
    pub fn keep(&self, common: SharedStart, outcome: &Outcome, now: Millis) {
        let Some(until) = outcome.again_until().filter(|until| now < *until) else {
            return;
        };
        let mut outcome = common.alone(outcome);
        outcome.took = Duration::ZERO;
        for timing in &mut outcome.timings {
            // Nobody waits for it again.
            timing.took = Duration::ZERO;
        }
        let known = Known {
            outcome,
            shared: OnceLock::new(),
            until,
            keep: until.since(now),
        };
        self.known.insert(common.into_start(), Arc::new(known));
    }
}

#[cfg(test)]
mod tests;
