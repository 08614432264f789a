//! How the process is, and how it was in the last hour.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::apps::told_shortly;
use super::{Lengths, Measures};
use crate::admin::desk::Desk;
use crate::admin::{STEP, health};
use crate::domain::time::span_millis;

/// How the process is.
pub(super) async fn overview(State(desk): State<Desk>) -> Json<Value> {
    let shared = desk.shared();
    let measures = Measures::read(shared.telemetry.registry());
    let lately = desk.lately(&measures);
    let running = shared.running.load_full();
    let accounts = running.hosts.accounts().into_iter();
    let accounts: Vec<&str> = accounts.map(|account| &*account.name).collect();
    let counted = |metric: &str, label: &str| -> Vec<Value> {
        let mut words = measures.words(metric, label);
        words.sort_unstable();
        words.dedup();
        let counts = words.into_iter();
        counts
            .map(|word| {
                let count = measures.count(metric, &[(label, word)]);
                let name = if label == "status" { "class" } else { label };
                json!({name: word, "count": count})
            })
            .collect()
    };
    let requests = "vestibule_requests_total";
    Json(json!({
        "now": desk.now().as_millis(),
        "startedAt": desk.started_at().as_millis(),
        "version": env!("CARGO_PKG_VERSION"),
        "accounts": accounts,
        "ready": health::readiness(shared).to_json(),
        "store": store(&desk, &lately.store),
        "sessions": sessions(&desk),
        "expiries": counted("vestibule_sessions_ended_total", "reason"),
        "totals": {
            "requests": measures.count(requests, &[]),
            "errors": measures.count(requests, &[("status", "5xx")]),
            "refused": measures.count("vestibule_requests_refused_total", &[]),
            "shed": measures.count("vestibule_shed_total", &[]),
            "byStatus": counted(requests, "status"),
        },
        "latencyMs": percentiles(&lately.lengths),
        "apps": told_shortly(&measures, &lately.apps),
    }))
}

/// The last hour, step by step.
pub(super) async fn history(State(desk): State<Desk>) -> Json<Value> {
    let history = desk.history();
    Json(json!({
        "stepMs": span_millis(STEP),
        "boundsMs": history.bounds_ms(),
        "points": history.points(),
    }))
}

/// What is known of how long things took: exactly the longest, and of shares what they did not pass.
pub(super) fn percentiles(lengths: &Lengths) -> Value {
    json!({
        "count": lengths.count,
        "longest": lengths.longest_ms(),
        "p50": lengths.at_most(0.5),
        "p90": lengths.at_most(0.9),
        "p99": lengths.at_most(0.99),
    })
}

fn store(desk: &Desk, lengths: &Lengths) -> Value {
    let health = desk.shared().flow.store_health();
    let state = match (health.answers, health.owed) {
        (true, 0) => "ok",
        (true, _) => "catching_up",
        (false, _) => "down",
    };
    json!({
        "kind": desk.store_kind().unwrap_or_default(),
        "state": state,
        "owed": health.owed,
        "latencyMs": percentiles(lengths),
    })
}

fn sessions(desk: &Desk) -> Vec<Value> {
    let census = desk.shared().flow.census();
    let kinds = [
        ("anonymous", census.anonymous),
        ("light", census.light),
        ("authenticated", census.authenticated),
        ("replaced", census.markers),
        ("ended", census.tombstones),
    ];
    let told = kinds.map(|(kind, count)| json!({"kind": kind, "count": count}));
    told.into()
}
