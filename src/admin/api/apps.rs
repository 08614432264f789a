//! The session apps: what they are, how they do, and how they failed last.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Measures;
use super::overview::percentiles;
use super::why::millis;
use crate::admin::desk::Desk;
use crate::admin::history::AppCount;
use crate::config::values::Runs;
use crate::domain::session::Field;
use crate::domain::transform::AppSpec;
use crate::domain::transform::app::Input;
use crate::flow::past::SlowCall;

/// How many of an app's failures, and of its longest calls, are told of.
const TOLD: usize = 5;
/// What takes less is not worth a line.
const LONG: Duration = Duration::from_millis(50);

/// Tells every app of every account.
pub(super) async fn apps(State(desk): State<Desk>) -> Json<Value> {
    let shared = desk.shared();
    let measures = Measures::read(shared.telemetry.registry());
    let lately = desk.lately(&measures);
    let slow = shared.flow.past().slow_calls(LONG);
    let running = shared.running.load_full();
    let accounts = running.hosts.accounts().into_iter();
    let apps = accounts.flat_map(|account| {
        let specs = account.graph.apps().iter();
        specs.map(move |spec| (Arc::clone(&account.name), spec))
    });
    let apps = apps.map(|(account, spec)| {
        let count = lately.apps.iter();
        let mut count = count.filter(|one| *one.account == *account && *one.app == *spec.name);
        let (kind, endpoint) = place(&desk, &account, &spec.name);
        let calls = slow.iter();
        let calls = calls.filter(|call| call.account == account && call.app == spec.name);
        let longest = calls.take(TOLD).map(long_call).collect();
        app(
            &desk,
            &measures,
            (&account, spec, count.next()),
            (kind, endpoint, longest),
        )
    });
    let apps: Vec<Value> = apps.collect();
    Json(json!({"apps": apps}))
}

fn app(
    desk: &Desk,
    measures: &Measures,
    (account, spec, count): (&str, &AppSpec, Option<&AppCount>),
    (kind, endpoint, longest): (Option<&'static str>, Option<String>, Vec<Value>),
) -> Value {
    let labels = [("account", account), ("app", &*spec.name)];
    let calls = "vestibule_app_calls_total";
    let [one, other] = labels;
    let total = measures.count(calls, &labels);
    let answered = measures.count(calls, &[one, other, ("outcome", "answered")]);
    let failures = desk.shared().flow.past().failures(account, &spec.name);
    let failures = failures.into_iter().take(TOLD);
    let failures = failures.map(|one| json!({"at": one.at.as_millis(), "message": one.message}));
    json!({
        "account": account,
        "name": &*spec.name,
        "kind": kind,
        "endpoint": endpoint,
        "calls": total,
        "failures": total.saturating_sub(answered),
        "errorRate": count.and_then(AppCount::error_rate),
        "latencyMs": count.map(|count| percentiles(&count.lengths)),
        "over": count.map(|count| count.over.label()),
        "slow": count.is_some_and(AppCount::is_slow),
        "breaker": breaker(measures, &labels),
        "longestCalls": longest,
        "lastErrors": failures.collect::<Vec<_>>(),
        "listens": spec.inputs.iter().map(Input::shown).collect::<Vec<_>>(),
        "writes": spec.outputs.iter().map(Field::as_str).collect::<Vec<_>>(),
        "runOnCreate": spec.run_on_create,
    })
}

fn long_call(call: &SlowCall) -> Value {
    json!({
        "at": call.at.as_millis(),
        "tookMs": millis(call.took),
        "session": call.session.to_string(),
        "trigger": call.trigger.label(),
    })
}

/// The apps in short: their state and the share of calls that failed lately.
pub(super) fn told_shortly(measures: &Measures, apps: &[AppCount]) -> Vec<Value> {
    let told = apps.iter().map(|app| {
        let labels = [("account", &*app.account), ("app", &*app.app)];
        json!({
            "account": &*app.account,
            "name": &*app.app,
            "state": breaker(measures, &labels),
            "errorRate": app.error_rate(),
            "slow": app.is_slow(),
            "p99Ms": app.lengths.percentile(0.99),
        })
    });
    told.collect()
}

/// How the breaker before an app stands; `none` before one that is built in.
fn breaker(measures: &Measures, labels: &[(&str, &str)]) -> &'static str {
    match measures.gauge("vestibule_app_breaker_state", labels) {
        None => "none",
        Some(state) if state > 1.5 => "open",
        Some(state) if state > 0.5 => "half_open",
        Some(_) => "closed",
    }
}

/// Where an app runs: within, or as a service at this address.
fn place(desk: &Desk, account: &str, name: &str) -> (Option<&'static str>, Option<String>) {
    let Some(view) = desk.reloads().map(|reloads| reloads.view()) else {
        return (None, None);
    };
    let mut accounts = view.config.accounts.iter();
    let account = accounts.find(|one| *one.name == *account);
    let app = account.and_then(|account| {
        let names = account.graph.apps().iter().map(|spec| &*spec.name);
        let mut apps = names.zip(&account.apps);
        apps.find(|(one, _)| *one == name).map(|(_, app)| app)
    });
    match app.map(|app| &app.runs) {
        Some(Runs::BuiltIn(_)) => (Some("built_in"), None),
        Some(Runs::Http(service)) => (Some("http"), Some(service.uri.to_string())),
        None => (None, None),
    }
}
