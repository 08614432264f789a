//! Traces of sampled requests, sent to a collector by OTLP over HTTP (protobuf).
//!
//! No request waits for it: what a full queue has no room for is left out and counted, and what the
//! collector does not take is gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prometheus::{IntCounter, IntCounterVec};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::metrics::Metrics;
use crate::domain::request::trace::RequestTrace;
use crate::domain::time::Millis;
use crate::outbound::{Allowance, Ask, Outbound};

mod recording;
mod spans;

pub use recording::Recording;
pub use spans::Whole;

/// Requests whose spans may wait to be sent.
const QUEUE: usize = 1024;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// How long what is left may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// The longest answer of a collector that is read, in bytes.
const ANSWER: usize = 64 * 1024;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("vestibule/", env!("CARGO_PKG_VERSION")));

/// Where traces go.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The collector's whole address.
    pub endpoint: Uri,
    /// What the collector is shown. Marked as sensitive.
    pub bearer: Option<HeaderValue>,
    /// How long one batch may take.
    pub timeout: Duration,
    /// `service.name`.
    pub service_name: String,
}

/// What is counted of spans.
#[derive(Clone, Debug)]
pub(super) struct TraceMetrics {
    exported: IntCounter,
    failed: IntCounter,
    dropped: IntCounter,
}

impl TraceMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        let spans: IntCounterVec = m.counts_of(
            "vestibule_trace_spans_total",
            "Spans of sampled requests, by whether the collector took them.",
            "outcome",
            &["exported", "failed", "dropped"],
        );
        let of = |outcome| spans.with_label_values(&[outcome]);
        Self {
            exported: of("exported"),
            failed: of("failed"),
            dropped: of("dropped"),
        }
    }
}

/// The way of spans to the collector.
#[derive(Debug)]
pub struct Traces {
    queue: mpsc::Sender<Vec<Span>>,
    /// For the one task that sends.
    waiting: Mutex<Option<mpsc::Receiver<Vec<Span>>>>,
    settings: TraceSettings,
    outbound: Arc<Outbound>,
    counters: TraceMetrics,
}

impl Traces {
    pub(super) fn new(
        settings: TraceSettings,
        outbound: Arc<Outbound>,
        counters: TraceMetrics,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            settings,
            outbound,
            counters,
        }
    }

    /// A sampled request is over, now, and took so long. Never waits.
    pub fn over(
        &self,
        recording: &Recording,
        trace: &RequestTrace,
        whole: &Whole<'_>,
        when: (Millis, Duration),
    ) {
        let spans = spans::spans(recording, trace, whole, when);
        if let Err(full) = self.queue.try_send(spans) {
            let (mpsc::error::TrySendError::Full(spans) | mpsc::error::TrySendError::Closed(spans)) =
                full;
            self.counters.dropped.inc_by(spans.len() as u64);
        }
    }

    /// Sends spans until it is told to stop, and then what is left. Only the first one who asks for
    /// it sends.
    pub async fn send(&self, mut stop: watch::Receiver<bool>) {
        let Some(mut waiting) = self.waiting.lock().take() else {
            return;
        };
        let mut well = true;
        while let Some(batch) = gather(&mut waiting, &mut stop).await {
            well = self.export(batch, self.settings.timeout, well).await;
        }
        let until = Instant::now() + FAREWELL;
        let left = std::iter::from_fn(|| waiting.try_recv().ok()).flatten();
        let left: Vec<Span> = left.collect();
        for batch in left.chunks(BATCH) {
            let within = until.saturating_duration_since(Instant::now());
            well = self.export(batch.to_vec(), within, well).await;
        }
    }

    /// Sends a batch; returns whether the collector took it. `well`: whether it took the one before.
    async fn export(&self, batch: Vec<Span>, within: Duration, well: bool) -> bool {
        let count = batch.len() as u64;
        let failure = match self.told(batch, within).await {
            Ok(rejected) => {
                self.counters.failed.inc_by(rejected.min(count));
                self.counters
                    .exported
                    .inc_by(count.saturating_sub(rejected));
                if !well {
                    tracing::info!("The collector takes traces again.");
                }
                return true;
            }
            Err(failure) => failure,
        };
        self.counters.failed.inc_by(count);
        // Once: while it is away, the counter says how much is lost.
        if well {
            tracing::warn!(%failure, "The collector does not take traces; they are lost until it does.");
        }
        false
    }

    /// Makes the call; returns how many spans were rejected.
    async fn told(&self, batch: Vec<Span>, within: Duration) -> Result<u64, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, PROTOBUF);
        headers.insert(USER_AGENT, AGENT);
        if let Some(bearer) = &self.settings.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        let ask = Ask {
            method: Method::POST,
            uri: self.settings.endpoint.clone(),
            headers,
            body: Bytes::from(self.request(batch).encode_to_vec()),
        };
        let allowance = Allowance {
            deadline: Instant::now() + within,
            reply_bytes: ANSWER,
            // A span that comes twice is one span to whoever keeps them: its ids are the same.
            retries: 1,
        };
        let told = self.outbound.send(&ask, allowance).await;
        let told = told.map_err(|error| error.to_string())?;
        if !told.status.is_success() {
            return Err(format!("it answered {}", told.status.as_u16()));
        }
        let answer = ExportTraceServiceResponse::decode(told.body)
            .map_err(|_| "its answer is no OTLP over protobuf".to_owned())?;
        let rejected = answer.partial_success.map_or(0, |one| one.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or(0))
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource {
            attributes: vec![
                spans::text("service.name", &self.settings.service_name),
                spans::text("service.version", version),
            ],
            ..Resource::default()
        };
        let scope = InstrumentationScope {
            name: "vestibule".to_owned(),
            version: version.to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans {
            scope: Some(scope),
            spans,
            ..ScopeSpans::default()
        }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans,
                ..ResourceSpans::default()
            }],
        }
    }
}

/// Waits for spans, and a moment longer for others that go with them; none: it is told to stop.
async fn gather(
    waiting: &mut mpsc::Receiver<Vec<Span>>,
    stop: &mut watch::Receiver<bool>,
) -> Option<Vec<Span>> {
    let mut batch = tokio::select! {
        // A sender that is gone means the same as one that says so.
        _ = stop.wait_for(|stop| *stop) => return None,
        first = waiting.recv() => first?,
    };
    let until = Instant::now() + GATHERING;
    while batch.len() < BATCH {
        let more = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            more = timeout_at(until, waiting.recv()) => more,
        };
        let Ok(Some(more)) = more else { break };
        batch.extend(more);
    }
    Some(batch)
}
