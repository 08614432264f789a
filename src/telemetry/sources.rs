//! What is counted of sources of truth: calls, breakers, and how look-ups were answered.

use std::sync::{Arc, OnceLock};

use prometheus::{IntCounter, IntCounterVec};

use super::calls::{CallCounters, CallMetrics, Outcome};
use super::longest::LongestOf;
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
    const ALL: &'static [Self] = &[
        Self::Answered,
        Self::Refused,
        Self::Timeout,
        Self::Unavailable,
        Self::BadReply,
        Self::Busy,
        Self::LeftAlone,
        Self::Waiting,
    ];

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
                longest: LongestOf::default(),
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
        self.calls.of::<SourceOutcome>(account, source)
    }

    /// The sources that are left alone now: account and name.
    pub fn open(&self) -> Vec<[String; 2]> {
        self.calls.open()
    }

    /// The counters of one kind of look-up.
    pub fn lookups_of(&self, account: &str, source: &str) -> LookupCounters {
        LookupCounters(Arc::new(Lookups {
            labels: [account.into(), source.into()],
            all: self.lookups.clone(),
            found: Default::default(),
        }))
    }
}

/// How a look-up was answered. A closed set: labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupAnswer {
    /// By the source, just now.
    Asked,
    /// Here, without asking anybody.
    Checked,
    /// From memory.
    Kept,
    /// From memory, while a newer answer is fetched.
    Refreshing,
    /// From memory, because the source gave no answer.
    OnError,
    /// Not at all.
    Failed,
}

impl LookupAnswer {
    const ALL: usize = 6;

    /// The label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Checked => "checked",
            Self::Kept => "kept",
            Self::Refreshing => "refreshing",
            Self::OnError => "on_error",
            Self::Failed => "failed",
        }
    }
}

/// The counters of one kind of look-up.
#[derive(Clone, Debug)]
pub struct LookupCounters(Arc<Lookups>);

#[derive(Debug)]
struct Lookups {
    labels: [Box<str>; 2],
    all: IntCounterVec,
    /// Each counter once it was needed: finding one by its labels costs more than an answer from
    /// memory.
    found: [OnceLock<IntCounter>; LookupAnswer::ALL],
}

impl LookupCounters {
    /// A look-up was answered.
    pub fn looked(&self, answer: LookupAnswer) {
        let Lookups {
            labels: [account, source],
            all,
            found,
        } = &*self.0;
        let counter = || all.with_label_values(&[account, source, answer.label()]);
        if let Some(place) = found.get(answer as usize) {
            place.get_or_init(counter).inc();
        }
    }
}
