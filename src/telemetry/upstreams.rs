//! What is counted of the servers of upstreams.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::metrics::Metrics;
use crate::domain::standing::ServerState;

/// From a page that a cache in front of the store answers to a store that is given up, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The metrics of all upstreams.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    servers: IntGaugeVec,
    ejections: IntCounterVec,
    repeated: IntCounterVec,
    checks: IntCounterVec,
    seconds: HistogramVec,
}

impl UpstreamMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            servers: m.gauges(
                "vestibule_upstream_servers",
                "Servers of an upstream that are known now, by state.",
                &["account", "upstream", "state"],
            ),
            ejections: m.counts(
                "vestibule_upstream_ejections_total",
                "Servers that failed requests and were left alone for a while.",
                &["account", "upstream"],
            ),
            repeated: m.counts(
                "vestibule_upstream_retries_total",
                "Requests that were sent to another server because of what one answered.",
                &["account", "upstream"],
            ),
            checks: m.counts(
                "vestibule_upstream_checks_total",
                "Checks of servers beside the requests, by outcome.",
                &["account", "upstream", "outcome"],
            ),
            seconds: m.seconds_by(
                "vestibule_upstream_seconds",
                "Time from the decision about a request to the head of the store's answer, tries included.",
                &["account", "upstream"],
                &BUCKETS,
            ),
        }
    }

    /// The counters of one upstream.
    pub fn of(&self, account: &str, upstream: &str) -> UpstreamCounters {
        let check = |outcome| self.checks.with_label_values(&[account, upstream, outcome]);
        UpstreamCounters {
            servers: ServerState::ALL.map(|state| {
                self.servers
                    .with_label_values(&[account, upstream, state.label()])
            }),
            ejections: self.ejections.with_label_values(&[account, upstream]),
            repeated: self.repeated.with_label_values(&[account, upstream]),
            good_checks: check("good"),
            bad_checks: check("bad"),
            seconds: self.seconds.with_label_values(&[account, upstream]),
        }
    }
}

/// The counters of one upstream.
#[derive(Clone, Debug)]
pub struct UpstreamCounters {
    /// In the order of [`ServerState::ALL`].
    servers: [IntGauge; 3],
    ejections: IntCounter,
    repeated: IntCounter,
    good_checks: IntCounter,
    bad_checks: IntCounter,
    seconds: Histogram,
}

impl UpstreamCounters {
    /// Its servers stand so.
    pub fn servers(&self, states: &[ServerState]) {
        for (state, gauge) in ServerState::ALL.iter().zip(&self.servers) {
            let count = states.iter().filter(|one| *one == state).count();
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A server was ejected.
    pub fn ejected(&self) {
        self.ejections.inc();
    }

    /// A request was sent to another server.
    pub fn repeated(&self) {
        self.repeated.inc();
    }

    /// The head of an answer came after this long.
    pub fn answered(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    /// A check is over.
    pub fn checked(&self, good: bool) {
        if good {
            self.good_checks.inc();
        } else {
            self.bad_checks.inc();
        }
    }
}
