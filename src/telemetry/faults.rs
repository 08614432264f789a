//! Counters of what clients, apps and upstreams do wrong.

use prometheus::{IntCounter, IntCounterVec};

use super::metrics::Metrics;
use crate::edge::IngressError;

/// Counters of what clients, apps and upstreams do wrong.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) app_failures: IntCounterVec,
    pub(super) tokens_rejected: IntCounterVec,
    pub(super) requests_refused: IntCounterVec,
    pub(super) spoofed: IntCounter,
    pub(super) dropped_pairs: IntCounter,
    pub(super) own_cookies_dropped: IntCounter,
}

impl Faults {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            app_failures: m.counts(
                "vestibule_app_failures_total",
                "Calls of session apps that failed.",
                &["app", "cause"],
            ),
            tokens_rejected: m.counts(
                "vestibule_tokens_rejected_total",
                "Presented tokens that were not accepted, by kind and reason.",
                &["kind", "reason"],
            ),
            requests_refused: m.counts_of(
                "vestibule_requests_refused_total",
                "Malformed or oversized requests, by reason.",
                "reason",
                &IngressError::ALL.map(|error| error.label()),
            ),
            spoofed: m.count(
                "vestibule_spoofed_headers_total",
                "Headers with names of ours that clients sent; all were removed.",
            ),
            dropped_pairs: m.count(
                "vestibule_cookie_pairs_dropped_total",
                "Malformed cookie pairs, dropped alone.",
            ),
            own_cookies_dropped: m.count(
                "vestibule_upstream_cookies_dropped_total",
                "Cookies with names of ours that upstreams set; none left.",
            ),
        }
    }
}
