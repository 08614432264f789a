//! One session: what it holds and why, what it went through, and its end.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::sessions::ends_at;
use super::{Refusal, why};
use crate::admin::whose::{Of, Session};
use crate::domain::session::SessionId;
use crate::domain::time::span_millis;
use crate::flow::Event;
use crate::flow::past::Lived;
use crate::store::Resident;
use std::sync::Arc;

/// Shows a session with the reason of each value.
pub(super) async fn show(of: Of, Session(id): Session) -> Result<Json<Value>, Refusal> {
    let resident = live(&of, id).await?;
    let session = resident.session();
    let authenticated = session.authenticated();
    let policy = of.account.policies.of(authenticated);
    let (cycles, remembered) = cycles_of(&of, &resident).await;
    let body = session.body.fields();
    let document: Value = serde_json::from_str(&session.body.document().whole(id))
        .map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", "No document."))?;
    of.tell(&[Event::Shown(id)]);
    let principal = session.principal();
    Ok(Json(json!({
        "account": &*of.account.name,
        "id": id.to_string(),
        "kind": match (principal.staff.is_some(), authenticated) {
            (true, _) => "staff",
            (false, true) => "shopper",
            (false, false) => "anonymous",
        },
        "version": session.version,
        "createdAt": session.created_at.as_millis(),
        "seenAt": resident.last_seen().as_millis(),
        "issuedAt": session.issued_at.as_millis(),
        "lifetimeMs": span_millis(policy.lifetime()),
        "windowMs": span_millis(policy.refresh_before_end()),
        "endsAt": ends_at(&of.desk, &of.account, &resident),
        "document": document,
        "provenance": if remembered { "remembered" } else { "worked_out_anew" },
        "values": why::values(&body, &cycles),
    })))
}

/// Tells the last cycles of a session, the latest first.
pub(super) async fn cycles(of: Of, Session(id): Session) -> Result<Json<Value>, Refusal> {
    let resident = live(&of, id).await?;
    let (cycles, remembered) = cycles_of(&of, &resident).await;
    of.tell(&[Event::Shown(id)]);
    Ok(Json(json!({
        "provenance": if remembered { "remembered" } else { "worked_out_anew" },
        "cycles": cycles.iter().map(why::cycle).collect::<Vec<_>>(),
    })))
}

/// Ends a session, as a logout does.
pub(super) async fn end(of: Of, Session(id): Session) -> Result<Response, Refusal> {
    let flow = &of.desk.shared().flow;
    let events = flow.end_session(&of.account, id).await?;
    let events = events.ok_or_else(no_session)?;
    of.tell(&events);
    // What the store has not heard yet, it is told first of all when it answers again.
    let owed = flow.store_health().owed > 0;
    Ok(if owed {
        StatusCode::ACCEPTED.into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    })
}

async fn live(of: &Of, id: SessionId) -> Result<Arc<Resident>, Refusal> {
    let found = of.desk.shared().flow.session_of(&of.account, id).await?;
    found.ok_or_else(no_session)
}

fn no_session() -> Refusal {
    Refusal::missing("no_session", "There is no live session of this id.")
}

/// What a session went through, and whether that is remembered. Where nothing is, as after a restart
/// or on another instance, it is worked out anew, by the same code.
async fn cycles_of(of: &Of, resident: &Resident) -> (Vec<Lived>, bool) {
    let (flow, session) = (&of.desk.shared().flow, resident.session());
    let remembered = flow.past().of(session.id);
    if !remembered.is_empty() {
        return (remembered, true);
    }
    match flow.work_out_anew(&of.account, session).await {
        Ok(anew) => (vec![anew], false),
        Err(error) => {
            tracing::warn!(%error, "A session's cycle cannot be worked out anew.");
            (Vec::new(), false)
        }
    }
}
