//! What is counted of every request, with as little as possible to be looked up for one.

use std::time::Duration;

use http::StatusCode;
use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::metrics::Metrics;
use crate::domain::api::SESSIONS_PATH;

/// From well under a cached decision to a cycle that used its whole deadline, in seconds.
const DECIDE_BUCKETS: [f64; 12] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01, 0.1, 0.5, 1.0, 3.0,
];

/// Classes of statuses; the last is of requests whose client was gone.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// Counters of requests.
#[derive(Debug)]
pub(super) struct RequestMetrics {
    /// In the order of [`CLASSES`].
    answered: [IntCounter; 6],
    seconds: Histogram,
    decide_seconds: Histogram,
    api_calls: IntCounterVec,
    /// Of these, what nearly all are: sessions read.
    reads: IntCounter,
}

impl RequestMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let answered = m.counts(
            "vestibule_requests_total",
            "Requests answered, by class of status.",
            &["status"],
        );
        let api_calls = m.counts(
            "vestibule_api_calls_total",
            "Calls of the Session API, by method, resource and status.",
            &["method", "resource", "status"],
        );
        Self {
            answered: CLASSES.map(|class| answered.with_label_values(&[class])),
            seconds: m.seconds(
                "vestibule_request_seconds",
                "Time from the request's head to the end of its answer.",
                prometheus::DEFAULT_BUCKETS,
            ),
            decide_seconds: m.seconds(
                "vestibule_decide_seconds",
                "Time that deciding about a request took.",
                &DECIDE_BUCKETS,
            ),
            reads: api_calls.with_label_values(&["GET", SESSIONS_PATH, "200"]),
            api_calls,
        }
    }

    pub(super) fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).wrapping_sub(1);
        let [.., gone] = &self.answered;
        self.answered.get(class).unwrap_or(gone).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn decided(&self, took: Duration) {
        self.decide_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn called(&self, method: &str, resource: &'static str, status: u16) {
        if (method, resource, status) == ("GET", SESSIONS_PATH, 200) {
            self.reads.inc();
            return;
        }
        let known = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"];
        let method = known.iter().find(|known| **known == method);
        let method = method.copied().unwrap_or("other");
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let labels = [method, resource, status.as_str()];
        self.api_calls.with_label_values(&labels).inc();
    }
}
