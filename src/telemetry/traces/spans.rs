//! From a recording to spans as OTLP has them. What they tell is chosen here: words of closed sets,
//! names of the configuration, numbers, and the keyed hash of a session. Never anything that a client
//! said, but the trace that it is in.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use super::recording::{Noted, Recording};
use crate::domain::request::trace::RequestTrace;
use crate::domain::request::watch::{Part, SpanId};
use crate::domain::time::Millis;

/// Outcomes by which a part has failed.
const FAILED: [&str; 8] = [
    "timeout",
    "unavailable",
    "bad_reply",
    "broken",
    "failed",
    "unconnected",
    "broken_off",
    "unreadable",
];

/// What is told of a request as a whole.
#[derive(Clone, Debug, Default)]
pub struct Whole<'a> {
    /// The method; one that is no usual one counts as `_OTHER`.
    pub method: &'a str,
    /// The route's pattern, as it is configured.
    pub route: &'a str,
    /// The account.
    pub account: &'a str,
    /// The status, 0 where nothing was answered.
    pub status: u16,
    /// What was decided, and how the session was found; none where nothing was.
    pub decided: Option<[&'static str; 2]>,
    /// The session's keyed hash.
    pub session: Option<String>,
    /// What happened.
    pub events: Vec<&'static str>,
    /// Tries at servers.
    pub tries: u32,
}

/// All spans of a request that is over now, the request's own first.
pub(super) fn spans(
    recording: &Recording,
    trace: &RequestTrace,
    whole: &Whole<'_>,
    (now, took): (Millis, Duration),
) -> Vec<Span> {
    let Some((trace_id, root)) = trace.ids() else {
        return Vec::new();
    };
    let began = nanos(now.as_millis()).saturating_sub(nanos_of(took));
    let at = |since: Duration| began.saturating_add(nanos_of(since));
    let common = Span {
        trace_id: trace_id.to_be_bytes().to_vec(),
        trace_state: trace.tracestate.clone().unwrap_or_default(),
        // Bit 0: sampled (W3C Trace Context).
        flags: 1,
        ..Span::default()
    };
    let request = Span {
        span_id: bytes(root),
        parent_span_id: trace.parent.map(bytes).unwrap_or_default(),
        name: name_of(whole),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: began,
        end_time_unix_nano: at(took),
        attributes: attributes_of(whole),
        status: status(whole.status >= 500),
        ..common.clone()
    };
    let parts = recording.take().into_iter().map(|noted| {
        let (ended, outcome) = noted.ended.unwrap_or((took, "given_up"));
        Span {
            span_id: bytes(noted.id),
            parent_span_id: bytes(noted.within.unwrap_or(root)),
            start_time_unix_nano: at(noted.began),
            end_time_unix_nano: at(ended),
            status: status(FAILED.contains(&outcome)),
            ..part(&noted, outcome, &common)
        }
    });
    std::iter::once(request).chain(parts).collect()
}

/// What a part is called, and what is told of it.
fn part(noted: &Noted, outcome: &'static str, common: &Span) -> Span {
    let mut attributes = vec![text("vestibule.outcome", outcome)];
    let mut kind = SpanKind::Internal;
    let name = match &noted.part {
        Part::Decide => "decide".to_owned(),
        Part::Lookup => "lookup".to_owned(),
        Part::Cycle => "cycle".to_owned(),
        Part::Keep => "keep".to_owned(),
        Part::Leave => "leave".to_owned(),
        Part::App(app) => {
            kind = SpanKind::Client;
            attributes.push(text("vestibule.app", app));
            format!("app {app}")
        }
        Part::Upstream(upstream, server) => {
            kind = SpanKind::Client;
            attributes.push(text("vestibule.upstream", upstream));
            attributes.push(text("server.address", &server.ip().to_string()));
            attributes.push(number("server.port", server.port().into()));
            format!("upstream {upstream}")
        }
    };
    Span {
        name,
        kind: kind.into(),
        attributes,
        ..common.clone()
    }
}

fn name_of(whole: &Whole<'_>) -> String {
    format!("{} {}", method(whole.method), whole.route)
}

fn method(said: &str) -> &str {
    let usual = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    if usual.contains(&said) {
        said
    } else {
        "_OTHER"
    }
}

fn attributes_of(whole: &Whole<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("http.request.method", method(whole.method)),
        text("http.route", whole.route),
        text("vestibule.account", whole.account),
    ];
    if whole.status > 0 {
        let status = number("http.response.status_code", whole.status.into());
        attributes.push(status);
    }
    if let Some([verdict, lookup]) = whole.decided {
        attributes.push(text("vestibule.verdict", verdict));
        attributes.push(text("vestibule.lookup", lookup));
    }
    if let Some(session) = &whole.session {
        attributes.push(text("vestibule.session", session));
    }
    if whole.tries > 0 {
        attributes.push(number("vestibule.tries", whole.tries.into()));
    }
    if !whole.events.is_empty() {
        let events = whole.events.iter().map(|event| any(string(event)));
        let values = events.collect();
        let value = Value::ArrayValue(ArrayValue { values });
        attributes.push(pair("vestibule.events", value));
    }
    attributes
}

fn status(failed: bool) -> Option<Status> {
    failed.then(|| Status {
        code: StatusCode::Error.into(),
        message: String::new(),
    })
}

fn bytes(id: SpanId) -> Vec<u8> {
    id.get().to_be_bytes().to_vec()
}

fn nanos(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000)
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn string(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

const fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    pair(key, string(value))
}

fn number(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}
