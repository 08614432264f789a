//! What is counted of every request, with as little as possible to be looked up for one.

use std::time::Duration;

use http::StatusCode;
use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::longest::Longest;
use super::metrics::Metrics;
use crate::domain::access::Verdict;
use crate::domain::api::SESSIONS_PATH;
use crate::flow::Lookup;

/// From well under a cached decision to a cycle that used its whole deadline, in seconds.
const DECIDE_BUCKETS: [f64; 12] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01, 0.1, 0.5, 1.0, 3.0,
];

/// Classes of statuses; the last is of requests whose client was gone.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// Counters of requests.
#[derive(Debug)]
pub(super) struct RequestMetrics {
    answered: IntCounterVec,
    /// Of requests that are for no account.
    pub(super) elsewhere: Traffic,
    seconds: Histogram,
    pub(super) longest: Longest,
    decide_seconds: Histogram,
    /// In the order of [`Lookup::LABELS`].
    lookups: [IntCounter; Lookup::LABELS.len()],
    /// In the order of [`Verdict::LABELS`].
    verdicts: [IntCounter; Verdict::LABELS.len()],
    api_calls: IntCounterVec,
    /// Of these, what nearly all are: sessions read.
    reads: IntCounter,
}

/// Counters of the requests of one account. They are looked up once.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// In the order of [`CLASSES`].
    answered: [IntCounter; 6],
}

impl Traffic {
    fn of(answered: &IntCounterVec, account: &str) -> Self {
        Self {
            answered: CLASSES.map(|class| answered.with_label_values(&[account, class])),
        }
    }

    /// A request is over.
    pub fn answered(&self, status: u16) {
        let class = usize::from(status / 100).wrapping_sub(1);
        let [.., gone] = &self.answered;
        self.answered.get(class).unwrap_or(gone).inc();
    }
}

impl RequestMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let answered = m.counts(
            "vestibule_requests_total",
            "Requests answered, by account and class of status.",
            &["account", "status"],
        );
        let lookups = m.counts(
            "vestibule_lookups_total",
            "Requests decided about, by how their session was found.",
            &["result"],
        );
        let verdicts = m.counts(
            "vestibule_verdicts_total",
            "Requests decided about, by whether they went on, and what was answered if not.",
            &["verdict"],
        );
        let api_calls = m.counts(
            "vestibule_api_calls_total",
            "Calls of the Session API, by method, resource and status.",
            &["method", "resource", "status"],
        );
        Self {
            elsewhere: Traffic::of(&answered, ""),
            answered,
            seconds: m.seconds(
                "vestibule_request_seconds",
                "Time from the request's head to the end of its answer.",
                prometheus::DEFAULT_BUCKETS,
            ),
            longest: Longest::default(),
            decide_seconds: m.seconds(
                "vestibule_decide_seconds",
                "Time that deciding about a request took.",
                &DECIDE_BUCKETS,
            ),
            lookups: Lookup::LABELS.map(|label| lookups.with_label_values(&[label])),
            verdicts: Verdict::LABELS.map(|label| verdicts.with_label_values(&[label])),
            reads: api_calls.with_label_values(&["GET", SESSIONS_PATH, "200"]),
            api_calls,
        }
    }

    pub(super) fn of(&self, account: &str) -> Traffic {
        Traffic::of(&self.answered, account)
    }

    pub(super) fn took(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        self.longest.note(took);
    }

    pub(super) fn decided(&self, took: Duration) {
        self.decide_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn judged(&self, lookup: Lookup, verdict: &Verdict) {
        if let Some(counter) = self.lookups.get(lookup.place()) {
            counter.inc();
        }
        if let Some(counter) = self.verdicts.get(verdict.place()) {
            counter.inc();
        }
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
