//! What happened, told: metrics, the event log and the audit log, all from one [`Event`].
//!
//! Neither tokens nor e-mails nor session ids appear anywhere; a session is named by a keyed hash.

use std::time::Duration;

use prometheus::{Encoder, IntCounter, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use crate::domain::session::SessionId;
use crate::domain::token::{HashKey, hash_token};
use crate::domain::transform::Note;
use crate::flow::Event;
use crate::memo::MemoCounters;

mod access;
mod apps;
mod calls;
mod certificates;
mod load;
mod metrics;
mod requests;
mod sources;
mod store;
mod upstreams;

pub use access::AccessLine;
pub use apps::{AppMetrics, CallOutcome};
pub use calls::{CallCounters, Outcome};
pub use certificates::CertificateMetrics;
pub use load::{Cause, LoadMetrics};
pub use sources::{LookupAnswer, LookupCounters, SourceMetrics, SourceOutcome};
pub use store::StoreMetrics;
pub use upstreams::{UpstreamCounters, UpstreamMetrics};

use metrics::Metrics;
use requests::RequestMetrics;

/// Counters and the logs behind them.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: RequestMetrics,
    events: IntCounterVec,
    ended: IntCounterVec,
    refusals: IntCounterVec,
    reloads: IntCounterVec,
    sessions: IntGaugeVec,
    memo: MemoCounters,
    apps: AppMetrics,
    sources: SourceMetrics,
    store: StoreMetrics,
    certificates: CertificateMetrics,
    upstreams: UpstreamMetrics,
    load: LoadMetrics,
    faults: Faults,
}

/// Counters of what clients, apps and upstreams do wrong.
#[derive(Debug)]
struct Faults {
    app_failures: IntCounterVec,
    tokens_rejected: IntCounterVec,
    requests_refused: IntCounterVec,
    spoofed: IntCounter,
    dropped_pairs: IntCounter,
    own_cookies_dropped: IntCounter,
}

impl Faults {
    fn new(m: &Metrics) -> Self {
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
            requests_refused: m.counts(
                "vestibule_requests_refused_total",
                "Malformed or oversized requests, by reason.",
                &["reason"],
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

impl Telemetry {
    /// Counters at zero.
    ///
    /// # Panics
    /// Never: the metrics' names are written here, and the first test runs this.
    pub fn new() -> Self {
        let metrics = Metrics(Registry::new());
        let m = &metrics;
        Self {
            requests: RequestMetrics::new(m),
            events: m.counts(
                "vestibule_events_total",
                "Things that happened to sessions.",
                &["event"],
            ),
            ended: m.counts(
                "vestibule_sessions_ended_total",
                "Sessions ended, by reason.",
                &["reason"],
            ),
            refusals: m.counts(
                "vestibule_refusals_total",
                "Values asked for by shoppers and refused, by status.",
                &["status"],
            ),
            reloads: m.counts(
                "vestibule_reloads_total",
                "Times that the configuration was read again, by outcome.",
                &["outcome"],
            ),
            sessions: m.gauges(
                "vestibule_sessions",
                "Sessions held in this process, by kind.",
                &["kind"],
            ),
            memo: MemoCounters {
                asked: m.count(
                    "vestibule_memo_questions_total",
                    "Questions to apps that could be answered from memory.",
                ),
                called: m.count(
                    "vestibule_memo_misses_total",
                    "Questions that went to an app.",
                ),
            },
            apps: AppMetrics::new(m),
            sources: SourceMetrics::new(m),
            store: StoreMetrics::new(m),
            certificates: CertificateMetrics::new(m),
            upstreams: UpstreamMetrics::new(m),
            load: LoadMetrics::new(m),
            faults: Faults::new(m),
            registry: metrics.0,
        }
    }

    /// Where the memo of every account counts.
    pub const fn memo(&self) -> &MemoCounters {
        &self.memo
    }

    /// Where certificates of listeners are counted.
    pub const fn certificates(&self) -> &CertificateMetrics {
        &self.certificates
    }

    /// Where calls of apps over HTTP are counted.
    pub const fn apps(&self) -> &AppMetrics {
        &self.apps
    }

    /// Where calls of sources of truth are counted.
    pub const fn sources(&self) -> &SourceMetrics {
        &self.sources
    }

    /// Where the store behind the cache counts.
    pub const fn store(&self) -> &StoreMetrics {
        &self.store
    }

    /// Where upstreams count.
    pub const fn upstreams(&self) -> &UpstreamMetrics {
        &self.upstreams
    }

    /// Where is counted what is turned away.
    pub const fn load(&self) -> &LoadMetrics {
        &self.load
    }

    /// How many sessions are held now.
    pub fn holds(&self, anonymous: u64, authenticated: u64) {
        for (kind, count) in [("anonymous", anonymous), ("authenticated", authenticated)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.sessions.with_label_values(&[kind]).set(count);
        }
    }

    /// A request is over.
    pub fn answered(&self, status: u16, took: Duration) {
        self.requests.answered(status, took);
    }

    /// A request was decided about.
    pub fn decided(&self, took: Duration) {
        self.requests.decided(took);
    }

    /// A call of the Session API was answered. Methods of others' making count as one.
    pub fn called(&self, method: &str, resource: &'static str, status: u16) {
        self.requests.called(method, resource, status);
    }

    /// A request was refused before anything was decided; the reason is one of a closed set.
    pub fn refused(&self, reason: &'static str) {
        self.faults
            .requests_refused
            .with_label_values(&[reason])
            .inc();
    }

    /// The configuration was read again: `unchanged`, `swapped` or `refused`.
    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.with_label_values(&[outcome]).inc();
    }

    /// A client sent headers with names of ours.
    pub fn spoofed(&self, count: usize, client: &str) {
        self.faults.spoofed.inc_by(count as u64);
        tracing::warn!(target: "audit", event = "spoofed_headers", count, client, "Headers with names of ours were removed.");
    }

    /// An upstream set cookies with names of ours; they did not leave.
    pub fn own_cookie_dropped(&self, count: usize) {
        self.faults.own_cookies_dropped.inc_by(count as u64);
    }

    /// Something happened to a session of this account.
    pub fn happened(&self, account: &str, key: &HashKey, event: &Event) {
        self.count(event);
        if let Event::UndeclaredWrites(app, keys) = event {
            self.apps.undeclared(account, app, *keys);
        }
        Self::log(account, key, event);
    }

    fn count(&self, event: &Event) {
        self.events.with_label_values(&[label(event)]).inc();
        match event {
            Event::Ended(_, reason) => self.ended.with_label_values(&[reason.label()]).inc(),
            Event::Logout(_) => self.ended.with_label_values(&["logout"]).inc(),
            Event::PairsDropped(count) => self.faults.dropped_pairs.inc_by(*count as u64),
            Event::Refused(status) => {
                let status = if *status == 401 { "401" } else { "403" };
                self.refusals.with_label_values(&[status]).inc();
            }
            Event::AppFailed(app, cause) => {
                self.faults
                    .app_failures
                    .with_label_values(&[&**app, cause])
                    .inc();
            }
            Event::TokenRejected(reason) => {
                self.faults
                    .tokens_rejected
                    .with_label_values(&["session", reason])
                    .inc();
            }
            Event::Noted(Note::TokenRefused(reason)) => {
                self.faults
                    .tokens_rejected
                    .with_label_values(&["vtexid", reason])
                    .inc();
            }
            _ => {}
        }
    }

    fn log(account: &str, key: &HashKey, event: &Event) {
        let name = label(event);
        match event {
            Event::Ended(id, reason) => {
                let (session, reason) = (pseudonym(key, *id), reason.label());
                tracing::info!(target: "audit", event = name, account, session, reason, "Session ended.");
            }
            Event::ImpersonationStarted(id, acting) | Event::ImpersonationStopped(id, acting) => {
                let session = pseudonym(key, *id);
                let (staff, customer) = (&*acting.staff, &*acting.customer);
                tracing::info!(target: "audit", event = name, account, session, staff, customer, "Staff and a customer's session.");
            }
            Event::Login(id) | Event::Logout(id) | Event::Rotated(id) => {
                let session = pseudonym(key, *id);
                tracing::info!(target: "audit", event = name, account, session, "Session changed hands.");
            }
            Event::Noted(note) => {
                tracing::info!(target: "audit", event = name, account, ?note, "An app noted something.");
            }
            Event::EndedLoginPresented(reason) => {
                let reason = reason.label();
                tracing::info!(target: "audit", event = name, account, reason, "A login that had ended was presented.");
            }
            Event::Refused(status) => {
                tracing::info!(target: "audit", event = name, account, status, "A trade policy was refused.");
            }
            Event::AppFailed(app, cause) => {
                tracing::warn!(
                    event = name,
                    account,
                    app = &**app,
                    cause,
                    "A session app failed."
                );
            }
            Event::Looped(record) => {
                tracing::warn!(event = name, account, apps = ?record.apps, fields = ?record.fields, "A transform cycle would not settle.");
            }
            Event::StoreUnavailable | Event::LimitReached | Event::Ambiguous => {
                tracing::warn!(
                    event = name,
                    account,
                    "A request was served without its session."
                );
            }
            _ => tracing::debug!(event = name, account, "Session event."),
        }
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory cannot fail, and metrics of our own are always encodable.
        if TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .is_err()
        {
            return String::new();
        }
        String::from_utf8(text).unwrap_or_default()
    }

    /// Where further metrics are registered.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

/// A name for a session in logs, from which its id cannot be had.
pub fn pseudonym(key: &HashKey, id: SessionId) -> String {
    format!("{:032x}", hash_token(key, &id.to_string()).as_u128())
}

fn label(event: &Event) -> &'static str {
    match event {
        Event::Created(_) => "created",
        Event::CreationLimited => "creation_limited",
        Event::Reissued => "reissued",
        Event::Ended(..) => "ended",
        Event::Login(_) => "login",
        Event::Logout(_) => "logout",
        Event::Rotated(_) => "rotated",
        Event::ImpersonationStarted(..) => "impersonation_started",
        Event::ImpersonationStopped(..) => "impersonation_stopped",
        Event::Noted(Note::TokenRefused(_)) => "login_token_refused",
        Event::Noted(Note::ImpersonationGranted) => "impersonation_granted",
        Event::Noted(Note::ImpersonationRefused(_)) => "impersonation_refused",
        Event::EndedLoginPresented(_) => "ended_login_presented",
        Event::Refused(_) => "refused",
        Event::AppFailed(..) => "app_failed",
        Event::UndeclaredWrites(..) => "undeclared_writes",
        Event::Overwritten(_) => "overwritten",
        Event::Looped(_) => "looped",
        Event::LimitReached => "limit_reached",
        Event::TokenRejected(_) => "token_rejected",
        Event::ClockStep => "clock_step",
        Event::CookiesCut => "cookies_cut",
        Event::PairsDropped(_) => "cookie_pairs_dropped",
        Event::SegmentCut(_) => "segment_cut",
        Event::Ambiguous => "ambiguous",
        Event::StoreUnavailable => "store_unavailable",
        Event::Owed => "owed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Ending;

    #[test]
    fn events_are_counted_under_labels_of_a_closed_set() {
        let telemetry = Telemetry::new();
        let (key, id) = (HashKey::from_bytes([1; 16]), SessionId::from_random(5));
        telemetry.happened("shop", &key, &Event::Ended(id, Ending::Idle));
        telemetry.happened("shop", &key, &Event::AppFailed("rnb".into(), "timeout"));
        telemetry.answered(200, Duration::from_millis(3));
        let text = telemetry.render();
        for line in [
            r#"vestibule_sessions_ended_total{reason="idle"} 1"#,
            r#"vestibule_app_failures_total{app="rnb",cause="timeout"} 1"#,
            r#"vestibule_requests_total{status="2xx"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn a_pseudonym_names_a_session_without_its_id() {
        let (one, other) = (HashKey::from_bytes([1; 16]), HashKey::from_bytes([2; 16]));
        let id = SessionId::from_random(5);
        assert_eq!(pseudonym(&one, id), pseudonym(&one, id));
        assert_ne!(pseudonym(&one, id), pseudonym(&other, id));
    }
}
