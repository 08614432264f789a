//! What happened, told: metrics, the event log and the audit log, all from one [`crate::flow::Event`].
//!
//! Neither tokens nor e-mails nor session ids appear anywhere; a session is named by a keyed hash.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{Encoder, IntCounterVec, Registry, TextEncoder};

use crate::domain::session::SessionId;
use crate::domain::token::{HashKey, hash_token};

mod access;
mod apps;
mod calls;
mod certificates;
mod cycles;
mod events;
mod faults;
mod lines;
mod load;
mod longest;
mod memo;
mod metrics;
mod panics;
mod requests;
mod sessions;
mod sources;
mod state;
mod store;
mod traces;
mod upstreams;

pub use access::{AccessLine, Took, Went};
pub use apps::{AppMetrics, CallOutcome};
pub use calls::{CallCounters, Outcome};
pub use certificates::CertificateMetrics;
pub use cycles::CycleMetrics;
pub use events::About;
pub(crate) use events::label;
pub use lines::filter;
pub use load::{Cause, LoadMetrics};
pub use longest::Longest;
pub use memo::{MemoCounters, MemoMetrics};
pub use panics::tell_panics;
pub use requests::Traffic;
pub use sources::{LookupAnswer, LookupCounters, SourceMetrics, SourceOutcome};
pub use state::ProcessState;
pub use store::StoreMetrics;
pub use traces::{Recording, TraceSettings, Traces, Whole};
pub use upstreams::{UpstreamCounters, UpstreamMetrics};

use crate::domain::access::Verdict;
use crate::flow::Lookup;
use crate::outbound::Outbound;
use crate::store::{Census, Ending};
use events::EVENTS;
use faults::Faults;
use metrics::Metrics;
use requests::RequestMetrics;
use sessions::SessionMetrics;
use traces::TraceMetrics;

const ENDINGS: [Ending; 4] = [
    Ending::Idle,
    Ending::Absolute,
    Ending::Logout,
    Ending::Revoked,
];

/// Counters and the logs behind them.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: RequestMetrics,
    events: IntCounterVec,
    ended: IntCounterVec,
    refusals: IntCounterVec,
    reloads: IntCounterVec,
    console_logins: IntCounterVec,
    sessions: SessionMetrics,
    cycles: CycleMetrics,
    memo: MemoMetrics,
    apps: AppMetrics,
    sources: SourceMetrics,
    store: StoreMetrics,
    certificates: CertificateMetrics,
    upstreams: UpstreamMetrics,
    load: LoadMetrics,
    faults: Faults,
    state: ProcessState,
    spans: TraceMetrics,
    /// Where traces go; none: nobody is told.
    traces: Option<Traces>,
}

impl Telemetry {
    /// Counters at zero.
    ///
    /// # Panics
    /// Never: the metrics' names are written here, and the first test runs this.
    pub fn new() -> Self {
        let metrics = Metrics(Registry::new());
        let m = &metrics;
        panics::register(m);
        Self {
            requests: RequestMetrics::new(m),
            events: m.counts_of(
                "vestibule_events_total",
                "Things that happened to sessions.",
                "event",
                &EVENTS,
            ),
            ended: m.counts_of(
                "vestibule_sessions_ended_total",
                "Sessions ended, by reason.",
                "reason",
                &ENDINGS.map(Ending::label),
            ),
            refusals: m.counts_of(
                "vestibule_refusals_total",
                "Values asked for by shoppers and refused, by status.",
                "status",
                &["401", "403"],
            ),
            reloads: m.counts_of(
                "vestibule_reloads_total",
                "Times that the configuration was read again, by outcome.",
                "outcome",
                &["unchanged", "swapped", "refused"],
            ),
            console_logins: m.counts_of(
                "vestibule_console_logins_total",
                "Logins at the console, by what was shown; refused ones, and those that were ended.",
                "outcome",
                &["token", "link", "refused", "ended"],
            ),
            sessions: SessionMetrics::new(m),
            cycles: CycleMetrics::new(m),
            memo: MemoMetrics::new(m),
            apps: AppMetrics::new(m),
            sources: SourceMetrics::new(m),
            store: StoreMetrics::new(m),
            certificates: CertificateMetrics::new(m),
            upstreams: UpstreamMetrics::new(m),
            load: LoadMetrics::new(m),
            faults: Faults::new(m),
            state: ProcessState::default(),
            spans: TraceMetrics::new(m),
            traces: None,
            registry: metrics.0,
        }
    }

    /// Where the memo of every account counts.
    pub const fn memo(&self) -> &MemoMetrics {
        &self.memo
    }

    /// The same, with traces sent to a collector.
    #[must_use]
    pub fn with_traces(mut self, settings: TraceSettings, outbound: Arc<Outbound>) -> Self {
        self.traces = Some(Traces::new(settings, outbound, self.spans.clone()));
        self
    }

    /// The way of traces to the collector, where there is one.
    pub const fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// The state of the process.
    pub const fn state(&self) -> &ProcessState {
        &self.state
    }

    /// Where cycles are counted.
    pub const fn cycles(&self) -> &CycleMetrics {
        &self.cycles
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

    /// Which sessions are held now.
    pub fn holds(&self, census: &Census) {
        self.sessions.holds(census);
    }

    /// The counters of the requests of one account.
    pub fn traffic(&self, account: &str) -> Traffic {
        self.requests.of(account)
    }

    /// A request for no account is over.
    pub fn answered(&self, status: u16) {
        self.requests.elsewhere.answered(status);
    }

    /// A request is over that took this long.
    pub fn took(&self, took: Duration) {
        self.requests.took(took);
    }

    /// The longest request.
    pub const fn longest(&self) -> &Longest {
        &self.requests.longest
    }

    /// A request was decided about.
    pub fn decided(&self, took: Duration) {
        self.requests.decided(took);
    }

    /// How a session was looked for, and whether the request goes on.
    pub fn judged(&self, lookup: Lookup, verdict: &Verdict) {
        self.requests.judged(lookup, verdict);
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
        self.state.reloaded(outcome == "refused");
    }

    /// Somebody came into the console, was not let in, or left: a word of a closed set.
    pub fn console_login(&self, outcome: &'static str) {
        self.console_logins.with_label_values(&[outcome]).inc();
        tracing::info!(target: "audit", event = "console_login", outcome, "Somebody is at the console's door.");
    }

    /// The certificate of an operator was not accepted: the reason is one of a closed set.
    pub fn operator_refused(&self, reason: &'static str, client: &str) {
        self.console_logins.with_label_values(&["refused"]).inc();
        tracing::warn!(target: "audit", event = "operator_refused", reason, client, "The certificate of an operator was not accepted.");
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudonym(u128);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The name of a session under a key.
pub fn pseudonym(key: &HashKey, id: SessionId) -> Pseudonym {
    let mut text = [0; SessionId::TEXT_BYTES];
    Pseudonym(hash_token(key, id.write(&mut text)).as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Event;

    #[test]
    fn events_are_counted_under_labels_of_a_closed_set() {
        let telemetry = Telemetry::new();
        let (key, id) = (HashKey::from_bytes([1; 16]), SessionId::from_random(5));
        let about = About {
            account: "shop",
            key: &key,
            session: None,
            request_id: "",
            operator: None,
        };
        telemetry.happened(about, &Event::Ended(id, Ending::Idle));
        telemetry.happened(about, &Event::AppFailed("rnb".into(), "timeout"));
        telemetry.traffic("shop").answered(200);
        let text = telemetry.render();
        for line in [
            r#"vestibule_sessions_ended_total{reason="idle"} 1"#,
            r#"vestibule_app_failures_total{app="rnb",cause="timeout"} 1"#,
            r#"vestibule_requests_total{account="shop",status="2xx"} 1"#,
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
