//! What is counted of calls of session apps.

use prometheus::IntCounterVec;

use super::calls::{CallCounters, CallMetrics, Outcome};
use super::longest::{Longest, LongestOf};
use super::metrics::Metrics;
use crate::domain::transform::Failure;

/// From a built-in app that asks nobody to one that used all its time, in seconds.
const BUCKETS: [f64; 13] = [
    0.000_05, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
];

/// How one call of an app ended. A closed set: labels of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// With an answer that was understood.
    Answered,
    /// With nothing in time.
    Timeout,
    /// Without a connection, or with a status that says that the app is in trouble.
    Unavailable,
    /// With something that is no answer.
    BadReply,
    /// With a mistake of ours.
    Broken,
    /// It was not made: too many were under way.
    Busy,
    /// It was not made: the breaker is open.
    BreakerOpen,
}

impl From<&Failure> for CallOutcome {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Timeout => Self::Timeout,
            Failure::Unavailable(_) => Self::Unavailable,
            Failure::BadReply(_) => Self::BadReply,
            Failure::Broken => Self::Broken,
        }
    }
}

impl Outcome for CallOutcome {
    const ALL: &'static [Self] = &[
        Self::Answered,
        Self::Timeout,
        Self::Unavailable,
        Self::BadReply,
        Self::Broken,
        Self::Busy,
        Self::BreakerOpen,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::BadReply => "bad_reply",
            Self::Broken => "broken",
            Self::Busy => "busy",
            Self::BreakerOpen => "breaker_open",
        }
    }

    fn was_made(self) -> bool {
        !matches!(self, Self::Busy | Self::BreakerOpen)
    }
}

/// The metrics of all apps.
#[derive(Clone, Debug)]
pub struct AppMetrics {
    calls: CallMetrics,
    undeclared: IntCounterVec,
}

impl AppMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            calls: CallMetrics {
                calls: m.counts(
                    "vestibule_app_calls_total",
                    "Calls of session apps, by how they ended.",
                    &["account", "app", "outcome"],
                ),
                seconds: m.seconds_by(
                    "vestibule_app_call_seconds",
                    "Time that calls of session apps took, repetitions included.",
                    &["account", "app"],
                    &BUCKETS,
                ),
                breakers: m.gauges(
                    "vestibule_app_breaker_state",
                    "Breakers before session apps over HTTP: 0 closed, 1 half open, 2 open.",
                    &["account", "app"],
                ),
                longest: LongestOf::default(),
            },
            undeclared: m.counts(
                "vestibule_app_undeclared_keys_total",
                "Keys that session apps wrote without having declared them; all were dropped.",
                &["account", "app"],
            ),
        }
    }

    /// The counters of one app over HTTP.
    pub fn of(&self, account: &str, app: &str) -> CallCounters {
        self.calls.of::<CallOutcome>(account, app)
    }

    /// The counters of one built-in app: no breaker stands before it.
    pub fn built_in(&self, account: &str, app: &str) -> CallCounters {
        self.calls.without_breaker::<CallOutcome>(account, app)
    }

    /// The longest call of an app.
    pub fn longest(&self, account: &str, app: &str) -> Longest {
        self.calls.longest.of(account, app)
    }

    /// The apps over HTTP that are left alone now: account and name.
    pub fn open(&self) -> Vec<[String; 2]> {
        self.calls.open()
    }

    /// An app wrote keys that it had not declared.
    pub fn undeclared(&self, account: &str, app: &str, keys: usize) {
        self.undeclared
            .with_label_values(&[account, app])
            .inc_by(keys as u64);
    }
}
