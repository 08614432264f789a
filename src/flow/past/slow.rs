//! The calls of apps that shoppers waited for longest, among the cycles remembered.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::{Past, Trigger};
use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// How many of the last cycles are looked at: the lock is held for as long as that takes.
const LOOKED_AT: usize = 2048;

/// A call that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowCall {
    /// Whose app.
    pub account: Arc<str>,
    /// Which.
    pub app: Arc<str>,
    /// The session after the cycle in which it was called.
    pub session: SessionId,
    /// When that cycle was kept.
    pub at: Millis,
    /// How long it took.
    pub took: Duration,
    /// What the cycle was for.
    pub trigger: Trigger,
}

impl Past {
    /// Calls of the last cycles that took this long or longer, the longest first. Those that a memo
    /// answered were not made.
    pub fn slow_calls(&self, at_least: Duration) -> Vec<SlowCall> {
        let mut slow = Vec::new();
        let ring = self.ring.lock();
        for entry in ring.entries.iter().rev().take(LOOKED_AT) {
            let lived = &entry.lived;
            let calls = lived.told.rounds.iter().flat_map(|round| &round.calls);
            for (call, brief) in calls.zip(&lived.timings) {
                if brief.took() >= at_least && !brief.by_memo() {
                    slow.push(SlowCall {
                        account: Arc::clone(lived.told.after.account()),
                        app: Arc::clone(&call.name),
                        session: lived.session,
                        at: lived.at,
                        took: brief.took(),
                        trigger: lived.told.trigger,
                    });
                }
            }
        }
        drop(ring);
        slow.sort_by_key(|call| (Reverse(call.took), Reverse(call.at)));
        slow
    }
}
