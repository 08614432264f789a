//! Counters of the store behind the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};

use super::longest::Longest;
use super::metrics::Metrics;

/// From a read that memory answers to a disk that hardly moves, in seconds.
const BUCKETS: [f64; 11] = [
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0,
];

/// What may be owed, and that there was no room for it.
const CHANGES: [&str; 8] = [
    "begun",
    "changed",
    "issued",
    "moved",
    "ended",
    "login",
    "login_ended",
    "full",
];

/// What the far store counts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    operations: IntCounterVec,
    seconds: HistogramVec,
    longest: Longest,
    state: IntGaugeVec,
    set_aside: IntCounter,
    reclaimed: IntCounter,
    journal: IntCounterVec,
    light: IntCounterVec,
    waiting: Arc<AtomicI64>,
}

impl StoreMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            operations: m.counts(
                "vestibule_store_operations_total",
                "Operations of the store behind the cache, by outcome.",
                &["operation", "outcome"],
            ),
            seconds: m.seconds_by(
                "vestibule_store_seconds",
                "Time that they took, waiting included.",
                &["operation"],
                &BUCKETS,
            ),
            longest: Longest::default(),
            state: m.gauges(
                "vestibule_store",
                "The store behind the cache: whether it can be written, whether it answers reads and writes, whether changes of other instances are heard, writes that wait, sessions and logins owed to it, records at the last round.",
                &["what"],
            ),
            set_aside: m.count(
                "vestibule_store_set_aside_total",
                "Damaged records and files that were set aside.",
            ),
            reclaimed: m.count(
                "vestibule_store_reclaimed_total",
                "Records removed because they had outlived themselves.",
            ),
            journal: m.counts_of(
                "vestibule_store_journal_total",
                "Changes that were owed to the store because it could not be asked, by what they are; `full`: refused for want of room.",
                "change",
                &CHANGES,
            ),
            light: m.counts_of(
                "vestibule_store_light_total",
                "Sessions that hold nothing but defaults: begun in memory alone, written when the cookie came back.",
                "what",
                &["begun", "written"],
            ),
            waiting: Arc::default(),
        }
    }

    /// An operation is over; both names are of closed sets.
    pub(crate) fn done(&self, operation: &'static str, outcome: &'static str, took: Duration) {
        self.operations
            .with_label_values(&[operation, outcome])
            .inc();
        let seconds = self.seconds.with_label_values(&[operation]);
        seconds.observe(took.as_secs_f64());
        self.longest.note(took);
    }

    /// The longest operation.
    pub const fn longest(&self) -> &Longest {
        &self.longest
    }

    /// A write begins to wait.
    pub(crate) fn queued(&self) {
        self.wait(1);
    }

    /// So many writes wait no longer.
    pub(crate) fn taken(&self, count: usize) {
        self.wait(-i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn wait(&self, by: i64) {
        let waiting = self.waiting.fetch_add(by, Ordering::Relaxed) + by;
        self.state.with_label_values(&["waiting"]).set(waiting);
    }

    /// How many writes wait.
    pub(crate) fn waiting(&self) -> i64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether the store takes writes.
    pub(crate) fn writable(&self, is: bool) {
        self.state
            .with_label_values(&["writable"])
            .set(i64::from(is));
    }

    /// Whether calls of a kind are answered.
    pub(crate) fn answers(&self, kind: &'static str, does: bool) {
        let what = match kind {
            "read" => "answers_reads",
            _ => "answers_writes",
        };
        self.state.with_label_values(&[what]).set(i64::from(does));
    }

    /// A change is owed; its name is of a closed set.
    pub(crate) fn owed(&self, change: &'static str) {
        self.journal.with_label_values(&[change]).inc();
    }

    /// A change could not be owed: there is no room.
    pub(crate) fn journal_full(&self) {
        self.journal.with_label_values(&["full"]).inc();
    }

    /// What became of a light session; the name is of a closed set.
    pub(crate) fn light(&self, what: &'static str) {
        self.light.with_label_values(&[what]).inc();
    }

    /// How much is owed now.
    pub(crate) fn owing(&self, entries: usize) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.state.with_label_values(&["owed"]).set(entries);
    }

    /// Whether changes of other instances are heard.
    pub(crate) fn subscribed(&self, is: bool) {
        self.state
            .with_label_values(&["subscribed"])
            .set(i64::from(is));
    }

    /// What a round through all records found.
    pub(crate) fn counted(&self, standing: i64, newer: i64) {
        for (what, count) in [("records", standing), ("newer_records", newer)] {
            self.state.with_label_values(&[what]).set(count);
        }
    }

    /// Damage was set aside.
    pub(crate) fn set_aside(&self, count: usize) {
        self.set_aside.inc_by(count as u64);
    }

    /// A record had outlived itself.
    pub(crate) fn reclaimed(&self) {
        self.reclaimed.inc();
    }
}
