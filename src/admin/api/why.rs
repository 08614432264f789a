//! Cycles and values as the API tells them.

use serde_json::{Map, Value, json};

use crate::domain::session::{Body, Field};
use crate::domain::transform::{CallRecord, CallResult, RoundRecord};
use crate::flow::past::{Because, Between, Brief, Lived, Writer, why};

/// What stands where a session keeps the hash of a captured cookie.
const HASHED: &str = "(kept as a hash)";

/// Each value with its reason.
pub(super) fn values(body: &Body, cycles: &[Lived]) -> Vec<Value> {
    let told = why(body, cycles).into_iter().map(|one| {
        let because: Vec<Value> = one.because.iter().map(reason).collect();
        json!({
            "namespace": one.field.namespace(),
            "key": one.field.key(),
            "value": one.value,
            "writer": writer(&one.writer),
            "cycle": one.cycle,
            "round": one.round,
            "at": one.at.map(crate::domain::time::Millis::as_millis),
            "because": because,
        })
    });
    told.collect()
}

fn writer(writer: &Writer) -> Value {
    let (kind, name) = match writer {
        Writer::App(name) => ("app", Some(name.as_str())),
        Writer::Request => ("request", None),
        Writer::Call => ("api", None),
        Writer::Default => ("default", None),
        Writer::CarriedOver => ("carried_over", None),
        Writer::Unknown => ("unknown", None),
    };
    json!({"kind": kind, "name": name})
}

fn reason(because: &Because) -> Value {
    named(&because.field, [("value", because.value.clone())])
}

/// A field with values; those of captured cookies are hashes, and not shown.
fn named<const N: usize>(field: &Field, values: [(&str, Option<Value>); N]) -> Value {
    let mut said = Map::new();
    said.insert("namespace".to_owned(), field.namespace().into());
    said.insert("key".to_owned(), field.key().into());
    for (name, value) in values {
        let value = match (field.namespace(), value) {
            ("cookie", Some(_)) => HASHED.into(),
            (_, value) => value.unwrap_or_default(),
        };
        said.insert(name.to_owned(), value);
    }
    Value::Object(said)
}

/// A cycle, round by round.
pub(super) fn cycle(lived: &Lived) -> Value {
    let told = &lived.told;
    let between = Between::of(told);
    let mut timings = lived.timings.iter().copied();
    let asked = told.requested.iter().map(|(field, _)| {
        let values = [
            ("before", between.at_first(field)),
            ("after", between.asked(field)),
        ];
        named(field, values)
    });
    let asked: Vec<Value> = asked.collect();
    let mut parameters = asked.clone();
    let mut rounds = Vec::with_capacity(told.rounds.len());
    for (at, one) in told.rounds.iter().enumerate() {
        let changed = changed(&between, at, one);
        // A create call has no inputs; what the request says comes after it.
        let led = match one.number {
            0 => Vec::new(),
            _ => std::mem::take(&mut parameters),
        };
        parameters.extend(changed.iter().cloned());
        let calls = one.calls.iter();
        let apps = calls.map(|call| app(&between, at, (call, timings.next())));
        rounds.push(json!({
            "number": one.number,
            "parameters": led,
            "apps": apps.collect::<Vec<_>>(),
            "changed": changed,
        }));
    }
    let memo = !lived.timings.is_empty() && lived.timings.iter().all(|one| one.by_memo());
    json!({
        "at": lived.at.as_millis(),
        "trigger": told.trigger.label(),
        "session": lived.session.to_string(),
        "from": lived.from.map(|id| id.to_string()),
        "tookMs": millis(lived.took),
        "memo": memo,
        "asked": asked,
        "rounds": rounds,
        "settled": told.looped.is_none(),
        "denied": told.denied,
        "looped": told.looped.as_ref().map(|looped| json!({
            "apps": looped.apps.iter().map(|app| &**app).collect::<Vec<_>>(),
            "fields": looped.fields.iter().map(Field::as_str).collect::<Vec<_>>(),
        })),
    })
}

/// What a round changed.
fn changed(between: &Between<'_>, at: usize, round: &RoundRecord) -> Vec<Value> {
    let fields = round.changed.iter();
    fields
        .map(|field| {
            let values = [
                ("before", between.before_round(at, field)),
                ("after", between.after_round(at, field)),
            ];
            named(field, values)
        })
        .collect()
}

fn app(between: &Between<'_>, at: usize, (call, timing): (&CallRecord, Option<Brief>)) -> Value {
    let (outcome, error) = match &call.result {
        CallResult::Answered { .. } => ("answered", None),
        CallResult::Refused { status } => ("refused", Some(format!("refused with {status}"))),
        CallResult::Failed(failure) => (failure.label(), Some(failure.to_string())),
        CallResult::Idle => ("idle", None),
    };
    let wrote: Vec<Value> = match &call.result {
        CallResult::Answered { writes, .. } => writes
            .iter()
            .map(|field| named(field, [("value", between.after_round(at, field))]))
            .collect(),
        _ => Vec::new(),
    };
    let because = between.because(at, call);
    let mut said = json!({
        "name": &*call.name,
        "tookMs": timing.map(|timing| millis(timing.took())),
        "memo": timing.is_some_and(Brief::by_memo),
        "outcome": outcome,
        "because": because.iter().map(reason).collect::<Vec<_>>(),
        "wrote": wrote,
    });
    if let (Some(error), Some(members)) = (error, said.as_object_mut()) {
        members.insert("error".to_owned(), error.into());
    }
    said
}

/// Milliseconds, with their thousandths.
pub(super) fn millis(span: std::time::Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
