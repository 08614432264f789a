//! What is counted of the servers of upstreams.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::metrics::Metrics;
use crate::domain::standing::ServerState;

/// The metrics of all upstreams.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics {
    servers: IntGaugeVec,
    ejections: IntCounterVec,
    repeated: IntCounterVec,
    checks: IntCounterVec,
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

    /// A check is over.
    pub fn checked(&self, good: bool) {
        if good {
            self.good_checks.inc();
        } else {
            self.bad_checks.inc();
        }
    }
}
