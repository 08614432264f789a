//! Whether the process lives, and whether it is to get requests; with reasons, for people and programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::edge::{Running, Shared};

/// What an orchestrator is told.
#[derive(Debug, Serialize)]
pub(super) struct Readiness {
    ready: bool,
    reasons: Vec<Reason>,
}

/// Why it is not ready, or not as it should be.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    /// `failed`: it is to get no requests. `degraded`: pages are served all the same.
    level: Level,
    /// What is wrong: a word of a closed set.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Which of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    message: String,
}

#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Level {
    Failed,
    Degraded,
}

impl Reason {
    fn of(level: Level, what: &'static str, message: impl Into<String>) -> Self {
        Self {
            level,
            what,
            account: None,
            name: None,
            message: message.into(),
        }
    }

    fn at(self, account: &str, name: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            name: Some(name.to_owned()),
            ..self
        }
    }
}

pub(super) async fn live() -> Response {
    Json(json!({"live": true})).into_response()
}

/// Ready when every upstream has an address and the process does not end; says so where something
/// is in trouble. An instance whose sessions wait is not to be taken out, nor is one that lacks a
/// server or a source which all others lack too.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let readiness = readiness(&shared);
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

/// The same as a value.
pub(super) fn readiness(shared: &Shared) -> Readiness {
    let running = shared.running.load();
    let mut reasons = upstreams(&running);
    reasons.extend(store(shared));
    reasons.extend(breakers(shared, &running));
    let state = shared.telemetry.state();
    if state.is_draining() {
        let message = "the process ends: requests under way are waited for";
        reasons.push(Reason::of(Level::Failed, "draining", message));
    }
    if state.reload_refused() {
        let message =
            "the configuration on disk was refused, the one before is in force; the log says why";
        reasons.push(Reason::of(Level::Degraded, "reload", message));
    }
    reasons.sort_unstable();
    let ready = reasons.iter().all(|reason| reason.level != Level::Failed);
    Readiness { ready, reasons }
}

impl Readiness {
    /// As the overview tells it.
    pub(super) fn to_json(&self) -> Value {
        json!({"ok": self.ready, "reasons": self.reasons})
    }
}

fn upstreams(running: &Running) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for site in running.hosts.each_site() {
        let account = &site.account.name;
        for upstream in site.upstreams.values() {
            let (out, known) = (upstream.out(), upstream.known());
            let reason = if known == 0 {
                Reason::of(Level::Failed, "upstream", "no address of it is known")
            } else if out > 0 {
                let message = format!("{out} of {known} servers are down");
                Reason::of(Level::Degraded, "upstream", message)
            } else {
                continue;
            };
            reasons.push(reason.at(account, upstream.name()));
        }
    }
    reasons
}

fn store(shared: &Shared) -> Option<Reason> {
    let health = shared.flow.store_health();
    if health.answers && health.owed == 0 {
        return None;
    }
    let answers = if health.answers {
        "answers again"
    } else {
        "does not answer"
    };
    let owed = health.owed;
    let message = format!("the session store {answers}, {owed} changes wait for it");
    Some(Reason::of(Level::Degraded, "store", message))
}

/// Apps and sources of the accounts that are served which are left alone just now.
fn breakers(shared: &Shared, running: &Running) -> Vec<Reason> {
    let telemetry = &shared.telemetry;
    let all = [
        ("app", telemetry.apps().open()),
        ("source", telemetry.sources().open()),
    ];
    let mut reasons = Vec::new();
    for (what, open) in all {
        for [account, name] in open {
            if running.hosts.site_of(&account).is_some() {
                let message = "it does not answer and is left alone for a moment";
                reasons.push(Reason::of(Level::Degraded, what, message).at(&account, &name));
            }
        }
    }
    reasons
}
