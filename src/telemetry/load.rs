//! What is counted of connections and requests that are turned away to keep room.

use prometheus::{IntCounter, IntGauge};

use super::metrics::Metrics;

/// Why a connection or a request was turned away, or ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The process has as many connections as it may.
    Connections,
    /// The listener has.
    ListenerConnections,
    /// The client has.
    ClientConnections,
    /// As many requests are under way as may be.
    Requests,
    /// On their route.
    RouteRequests,
    /// The client has written by the Session API as often as it may.
    ApiWrites,
    /// A head took too long.
    SlowHead,
    /// A head was larger than it may be, and was not read to its end.
    LargeHead,
    /// A body took too long.
    SlowBody,
    /// Nobody took an answer.
    SlowAnswer,
    /// An HTTP/2 client gave its requests up faster than they could be answered.
    Resets,
}

impl Cause {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Connections,
        Self::ListenerConnections,
        Self::ClientConnections,
        Self::Requests,
        Self::RouteRequests,
        Self::ApiWrites,
        Self::SlowHead,
        Self::LargeHead,
        Self::SlowBody,
        Self::SlowAnswer,
        Self::Resets,
    ];

    /// A label of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ListenerConnections => "listener_connections",
            Self::ClientConnections => "client_connections",
            Self::Requests => "requests",
            Self::RouteRequests => "route_requests",
            Self::ApiWrites => "api_writes",
            Self::SlowHead => "slow_head",
            Self::LargeHead => "large_head",
            Self::SlowBody => "slow_body",
            Self::SlowAnswer => "slow_answer",
            Self::Resets => "resets",
        }
    }
}

/// Counters of what is turned away, and how much goes on.
#[derive(Clone, Debug)]
pub struct LoadMetrics {
    /// In the order of [`Cause::ALL`].
    shed: [IntCounter; Cause::ALL.len()],
    connections: IntGauge,
    requests: IntGauge,
}

impl LoadMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let shed = m.counts(
            "vestibule_shed_total",
            "Connections and requests that were turned away or ended to keep room, by cause.",
            &["cause"],
        );
        let held = m.gauges(
            "vestibule_load",
            "Connections and requests that are there now.",
            &["what"],
        );
        Self {
            shed: Cause::ALL.map(|cause| shed.with_label_values(&[cause.label()])),
            connections: held.with_label_values(&["connections"]),
            requests: held.with_label_values(&["requests"]),
        }
    }

    /// One more was turned away.
    pub fn shed(&self, cause: Cause) {
        if let Some(count) = self.shed.get(cause as usize) {
            count.inc();
        }
    }

    /// So many are there now.
    pub fn holds(&self, connections: usize, requests: usize) {
        for (gauge, count) in [(&self.connections, connections), (&self.requests, requests)] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_place() {
        for (place, cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, place, "{}", cause.label());
        }
    }
}
