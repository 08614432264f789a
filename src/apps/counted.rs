//! One call of a built-in app, counted however it ends.

use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::{CallCounters, CallOutcome};

/// A call under way. Dropped before its end, it was given up: its time, or the cycle's, has passed.
pub(super) struct Counted<'a> {
    counters: &'a CallCounters,
    began: Instant,
    over: bool,
}

impl<'a> Counted<'a> {
    pub(super) fn begin(counters: &'a CallCounters) -> Self {
        Self {
            counters,
            began: Instant::now(),
            over: false,
        }
    }

    pub(super) fn end(mut self, outcome: CallOutcome) {
        self.over = true;
        self.counters.ended(outcome, self.took());
    }

    fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let outcome = if std::thread::panicking() {
            CallOutcome::Broken
        } else {
            CallOutcome::Timeout
        };
        self.counters.ended(outcome, self.took());
    }
}
