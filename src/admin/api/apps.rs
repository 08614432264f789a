//! The session apps: what they are, how they do, and how they failed last.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::overview::percentiles;
use super::who::who;
use super::why::millis;
use super::{Measures, whole};
use crate::admin::desk::Desk;
use crate::admin::history::AppCount;
use crate::config::Config;
use crate::config::values::Runs;
use crate::domain::session::Field;
use crate::domain::transform::AppSpec;
use crate::domain::transform::app::Input;
use crate::flow::past::Wait;

/// How many of an app's failures, and of its longest calls, are told of.
const TOLD: usize = 5;
/// What takes less is not worth a line.
const LONG: Duration = Duration::from_millis(50);
/// The labels of an app.
const BY: [&str; 2] = ["account", "app"];

/// What is counted of all apps, read once for all of them.
struct Counted<'a> {
    /// Questions to those before which a memo stands, and those of them that went to the app.
    questions: HashMap<[&'a str; 2], f64>,
    misses: HashMap<[&'a str; 2], f64>,
    breakers: HashMap<[&'a str; 2], f64>,
    waits: Vec<Wait>,
}

/// Tells every app of every account.
pub(super) async fn apps(State(desk): State<Desk>) -> Json<Value> {
    let shared = desk.shared();
    let measures = Measures::read(shared.telemetry.registry());
    let lately = desk.lately(&measures);
    let counted = Counted {
        questions: measures.sums("vestibule_memo_questions_total", BY, &[]),
        misses: measures.sums("vestibule_memo_misses_total", BY, &[]),
        breakers: breakers(&measures),
        waits: shared.flow.past().waits(LONG),
    };
    let view = desk.reloads().map(|reloads| reloads.view());
    let places = view.as_ref().map(|view| places(&view.config));
    let running = shared.running.load_full();
    let accounts = running.hosts.accounts().into_iter();
    let specs = accounts.flat_map(|account| account.graph.apps());
    // Both were counted in the order of the accounts and their apps.
    let counts = lately.totals.iter().zip(&lately.apps);
    let apps = specs.zip(counts).map(|(spec, (total, count))| {
        let names = [&*total.account, &*total.app];
        let place = places.as_ref().and_then(|all| all.get(&names).cloned());
        app(&desk, (spec, place), (total, count), &counted)
    });
    let apps: Vec<Value> = apps.collect();
    Json(json!({"apps": apps}))
}

fn app(
    desk: &Desk,
    (spec, place): (&AppSpec, Option<Place>),
    (total, count): (&AppCount, &AppCount),
    counted: &Counted<'_>,
) -> Value {
    let names = [&*total.account, &*total.app];
    let failures = desk.shared().flow.past().failures(names[0], names[1]);
    let failures = failures.into_iter().take(TOLD);
    let failures = failures.map(|one| json!({"at": one.at.as_millis(), "message": one.message}));
    let waits = counted.waits.iter();
    let waits = waits.filter(|wait| wait.account() == names[0] && *wait.app == *names[1]);
    let (kind, endpoint) = place.unzip();
    json!({
        "account": names[0],
        "name": names[1],
        "kind": kind,
        "endpoint": endpoint.flatten(),
        "calls": total.calls,
        "failures": total.failures,
        "fromMemo": from_memo(counted, &names),
        "errorRate": count.error_rate(),
        "latencyMs": percentiles(&count.lengths),
        "over": count.over.label(),
        "slow": count.is_slow(),
        "breaker": breaker(&counted.breakers, &names),
        "longestWaits": waits.take(TOLD).map(wait).collect::<Vec<_>>(),
        "lastErrors": failures.collect::<Vec<_>>(),
        "listens": spec.inputs.iter().map(Input::shown).collect::<Vec<_>>(),
        "writes": spec.outputs.iter().map(Field::as_str).collect::<Vec<_>>(),
        "runOnCreate": spec.run_on_create,
    })
}

/// How many answers the memo gave in the place of an app; none where no memo stands before it.
fn from_memo(counted: &Counted<'_>, names: &[&str; 2]) -> Option<u64> {
    let questions = whole(*counted.questions.get(names)?);
    let asked = counted.misses.get(names).map_or(0, |count| whole(*count));
    (questions > 0).then(|| questions.saturating_sub(asked))
}

/// A cycle that waited for the app, and whose it was.
fn wait(wait: &Wait) -> Value {
    let calls = wait.calls.iter();
    let calls = calls.map(|(round, took)| json!({"round": round, "tookMs": millis(*took)}));
    let mut said = json!({
        "at": wait.at.as_millis(),
        "tookMs": millis(wait.took()),
        "calls": calls.collect::<Vec<_>>(),
        "session": wait.session.to_string(),
        "trigger": wait.trigger.label(),
    });
    if let Some(members) = said.as_object_mut() {
        members.extend(who(wait.body.packed()));
    }
    said
}

/// The apps in short: their state and the share of calls that failed lately.
pub(super) fn told_shortly(measures: &Measures, apps: &[AppCount]) -> Vec<Value> {
    let breakers = breakers(measures);
    let told = apps.iter().map(|app| {
        let names = [&*app.account, &*app.app];
        json!({
            "account": names[0],
            "name": names[1],
            "state": breaker(&breakers, &names),
            "errorRate": app.error_rate(),
            "slow": app.is_slow(),
            "latencyMs": percentiles(&app.lengths),
        })
    });
    told.collect()
}

fn breakers(measures: &Measures) -> HashMap<[&str; 2], f64> {
    measures.sums("vestibule_app_breaker_state", BY, &[])
}

/// How the breaker before an app stands; `none` before one that is built in.
fn breaker(breakers: &HashMap<[&str; 2], f64>, names: &[&str; 2]) -> &'static str {
    match breakers.get(names) {
        None => "none",
        Some(state) if *state > 1.5 => "open",
        Some(state) if *state > 0.5 => "half_open",
        Some(_) => "closed",
    }
}

/// Where an app runs: its kind and, of a service, its address.
type Place = (&'static str, Option<String>);

/// Where each app runs, by account and name.
fn places(config: &Config) -> HashMap<[&str; 2], Place> {
    let accounts = config.accounts.iter();
    let apps = accounts.flat_map(|account| {
        let names = account.graph.apps().iter().map(|spec| &*spec.name);
        let apps = names.zip(&account.apps);
        apps.map(|(name, app)| {
            let place = match &app.runs {
                Runs::BuiltIn(_) => ("built_in", None),
                Runs::Http(service) => ("http", Some(service.uri.to_string())),
            };
            ([&*account.name, name], place)
        })
    });
    apps.collect()
}
