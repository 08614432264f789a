//! What is counted of sources of truth: calls, breakers, and how look-ups were answered.

use prometheus::IntCounterVec;

use super::calls::{CallCounters, CallMetrics, Outcome};
use super::metrics::Metrics;

/// From a source in the same building to one that used all its time, in seconds.
const BUCKETS: [f64; 11] = [
    0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// How one call of a source ended. A closed set: labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceOutcome {
    /// With an answer.
    Answered,
    /// With a status that says that the call was wrong, or not permitted.
    Refused,
    /// With nothing in time.
    Timeout,
    /// Without a connection, or with a status that says that the source is in trouble.
    Unavailable,
    /// With something that is no answer.
    BadReply,
    /// It was not made: too many were under way.
    Busy,
    /// It was not made: the breaker is open.
    LeftAlone,
    /// It was not made: the source asked for time.
    Waiting,
}

impl Outcome for SourceOutcome {
    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::BadReply => "bad_reply",
            Self::Busy => "busy",
            Self::LeftAlone => "breaker_open",
            Self::Waiting => "waiting",
        }
    }

    fn was_made(self) -> bool {
        !matches!(self, Self::Busy | Self::LeftAlone | Self::Waiting)
    }
}

/// The metrics of all sources.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    calls: CallMetrics,
    lookups: IntCounterVec,
}

impl SourceMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            calls: CallMetrics {
                calls: m.counts(
                    "vestibule_source_calls_total",
                    "Calls of sources of truth, by how they ended.",
                    &["account", "source", "outcome"],
                ),
                seconds: m.seconds_by(
                    "vestibule_source_call_seconds",
                    "Time that calls of sources took, repetitions included.",
                    &["account", "source"],
                    &BUCKETS,
                ),
                breakers: m.gauges(
                    "vestibule_source_breaker_state",
                    "Breakers before sources: 0 closed, 1 half open, 2 open.",
                    &["account", "source"],
                ),
            },
            lookups: m.counts(
                "vestibule_source_lookups_total",
                "Look-ups, by how they were answered: by the source or from memory.",
                &["account", "source", "answer"],
            ),
        }
    }

    /// The counters of one source.
    pub fn of(&self, account: &str, source: &str) -> CallCounters {
        self.calls.of(account, source)
    }

    /// The counters of one kind of look-up.
    pub fn lookups_of(&self, account: &str, source: &str) -> LookupCounters {
        LookupCounters {
            labels: [account.into(), source.into()],
            lookups: self.lookups.clone(),
        }
    }
}

/// The counters of one kind of look-up.
#[derive(Clone, Debug)]
pub struct LookupCounters {
    labels: [Box<str>; 2],
    lookups: IntCounterVec,
}

impl LookupCounters {
    /// A look-up was answered; the word is of a closed set.
    pub fn looked(&self, answer: &'static str) {
        let [account, source] = &self.labels;
        self.lookups
            .with_label_values(&[account, source, answer])
            .inc();
    }
}
