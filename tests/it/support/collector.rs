//! A collector of traces, as strict as it can be: it takes OTLP over HTTP as protobuf at `/v1/traces`
//! and remembers everything else as a mistake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Shop;

/// What it does with what it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Takes it.
    #[default]
    Well,
    /// Takes it, but for so many spans.
    Rejects(i64),
    /// Is in trouble.
    Fails,
    /// Says nothing.
    Hangs,
}

#[derive(Debug, Default)]
struct Got {
    temper: Temper,
    spans: Vec<Span>,
    resource: BTreeMap<String, String>,
    bytes: Vec<u8>,
    bearer: Option<String>,
    mistakes: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Collector {
    pub address: SocketAddr,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            got: Arc::default(),
        };
        let router = axum::Router::new()
            .fallback(take)
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        collector
    }

    /// The part of a configuration that names it.
    pub(crate) fn configured(&self, more: &str) -> String {
        let address = self.address;
        format!("[traces]\nendpoint = \"http://{address}/v1/traces\"\n{more}")
    }

    pub(crate) fn is(&self, temper: Temper) {
        self.got.lock().temper = temper;
    }

    /// All spans that came; panics where something else came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let got = self.got.lock();
        assert!(got.mistakes.is_empty(), "{:?}", got.mistakes);
        got.spans.clone()
    }

    /// Every byte that came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.got.lock().bytes.clone()
    }

    /// What the last sender says of itself, and the token that it showed.
    pub(crate) fn sender(&self) -> (BTreeMap<String, String>, Option<String>) {
        let got = self.got.lock();
        (got.resource.clone(), got.bearer.clone())
    }
}

/// What sends the traces of a shop, until it is stopped.
pub(crate) struct Sending {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sending {
    pub(crate) fn of(shop: &Arc<Shop>) -> Self {
        let (ending, told) = watch::channel(false);
        let shared = Arc::clone(&shop.shared);
        let task = tokio::spawn(async move {
            let traces = shared.telemetry.traces().expect("they are configured");
            traces.send(told).await;
        });
        Self { stop: ending, task }
    }

    /// The process ends: what is left is sent.
    pub(crate) async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// Attributes as text.
pub(crate) fn told(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let pairs = attributes.iter().map(|pair| {
        let value = pair.value.clone().unwrap_or_default();
        (pair.key.clone(), text(&value))
    });
    pairs.collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<_> = list.values.iter().map(text).collect();
            items.join(",")
        }
        other => panic!("{other:?}"),
    }
}

async fn take(State(collector): State<Collector>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 1 << 24).await.unwrap();
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    let temper = {
        let mut got = collector.got.lock();
        let asked = (head.method.as_str(), head.uri.path());
        if asked != ("POST", "/v1/traces") || head.uri.query().is_some() {
            got.mistakes.push(format!("{} {}", head.method, head.uri));
        }
        if header("content-type") != Some("application/x-protobuf") {
            got.mistakes.push(format!("{:?}", header("content-type")));
        }
        got.bearer = header("authorization").map(str::to_owned);
        if matches!(got.temper, Temper::Well | Temper::Rejects(_)) {
            got.bytes.extend_from_slice(&body);
            match ExportTraceServiceRequest::decode(body) {
                Ok(request) => got.keep(request),
                Err(error) => got.mistakes.push(error.to_string()),
            }
        }
        got.temper
    };
    let partial = match temper {
        Temper::Well => None,
        Temper::Rejects(rejected_spans) => Some(ExportTracePartialSuccess {
            rejected_spans,
            ..ExportTracePartialSuccess::default()
        }),
        Temper::Fails => {
            let answer = Response::builder().status(503);
            return answer.body(Body::empty()).unwrap();
        }
        Temper::Hangs => std::future::pending().await,
    };
    let answer = ExportTraceServiceResponse {
        partial_success: partial,
    };
    let answer = Body::from(answer.encode_to_vec());
    let response = Response::builder().header("content-type", "application/x-protobuf");
    response.body(answer).unwrap()
}

impl Got {
    fn keep(&mut self, request: ExportTraceServiceRequest) {
        for resource in request.resource_spans {
            self.resource = told(&resource.resource.unwrap_or_default().attributes);
            for scope in resource.scope_spans {
                let name = scope.scope.unwrap_or_default().name;
                if name != "vestibule" {
                    self.mistakes.push(format!("scope {name}"));
                }
                self.spans.extend(scope.spans);
            }
        }
        let whole = self.spans.iter().all(|span| {
            span.trace_id.len() == 16
                && span.span_id.len() == 8
                && matches!(span.parent_span_id.len(), 0 | 8)
                && span.start_time_unix_nano <= span.end_time_unix_nano
        });
        if !whole {
            self.mistakes.push(format!("{:?}", self.spans));
        }
    }
}
