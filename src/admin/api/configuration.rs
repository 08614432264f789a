//! The configuration in force, secrets hidden, and what came of reading it again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Refusal;
use crate::admin::desk::Desk;

/// Tells the configuration. Its own types know which keys hold secrets and never write them.
pub(super) async fn configuration(State(desk): State<Desk>) -> Result<Json<Value>, Refusal> {
    let Some(reloads) = desk.reloads() else {
        let said = "This process does not know by what files it runs.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Refusal::new(status, "no_configuration", said));
    };
    let view = reloads.view();
    let last = view.last.as_ref().map(|last| {
        let changed = last
            .changed
            .iter()
            .map(|one| json!({"path": one.path, "before": one.before, "after": one.after}));
        json!({
            "at": last.at.as_millis(),
            "ok": last.ok,
            "problems": last.problems,
            "changed": changed.collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({
        "effective": view.effective.to_json(),
        "origins": &*view.origins,
        "text": view.effective.to_string(),
        "loadedAt": view.loaded_at.as_millis(),
        "lastReload": last,
    })))
}
