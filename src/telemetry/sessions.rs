//! What is told of the sessions that this process holds.

use prometheus::IntGaugeVec;

use super::metrics::Metrics;
use crate::store::Census;

/// Gauges that are set when somebody asks.
#[derive(Debug)]
pub(super) struct SessionMetrics {
    live: IntGaugeVec,
    remains: IntGaugeVec,
}

impl SessionMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            live: m.gauges(
                "vestibule_sessions",
                "Live sessions in the memory of this process, by kind, and by whether they are kept or hold nothing but defaults.",
                &["kind", "state"],
            ),
            remains: m.gauges(
                "vestibule_session_remains",
                "What is left in memory of sessions that were replaced or have ended.",
                &["kind"],
            ),
        }
    }

    pub(super) fn holds(&self, census: &Census) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (kind, state, number) in [
            ("anonymous", "kept", census.anonymous),
            ("anonymous", "light", census.light),
            ("authenticated", "kept", census.authenticated),
        ] {
            let gauge = self.live.with_label_values(&[kind, state]);
            gauge.set(count(number));
        }
        for (kind, number) in [("marker", census.markers), ("tombstone", census.tombstones)] {
            self.remains.with_label_values(&[kind]).set(count(number));
        }
    }
}
