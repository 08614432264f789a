//! What is counted of the memo before each app.

use prometheus::{IntCounter, IntCounterVec};

use super::metrics::Metrics;

/// The metrics of all memos.
#[derive(Clone, Debug)]
pub struct MemoMetrics {
    asked: IntCounterVec,
    called: IntCounterVec,
}

impl MemoMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let labels = ["account", "app"];
        Self {
            asked: m.counts(
                "vestibule_memo_questions_total",
                "Questions to apps that could be answered from memory.",
                &labels,
            ),
            called: m.counts(
                "vestibule_memo_misses_total",
                "Those of them that went to the app.",
                &labels,
            ),
        }
    }

    /// The counters of one app.
    pub fn of(&self, account: &str, app: &str) -> MemoCounters {
        let labels = [account, app];
        MemoCounters {
            asked: self.asked.with_label_values(&labels),
            called: self.called.with_label_values(&labels),
        }
    }
}

/// How questions to one app were answered.
#[derive(Clone, Debug)]
pub struct MemoCounters {
    /// Questions that could be answered from memory.
    pub asked: IntCounter,
    /// Questions that went to the app.
    pub called: IntCounter,
}
