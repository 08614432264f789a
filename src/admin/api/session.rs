//! One session: what it holds and why, what it went through, and its end.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::sessions::ends_at;
use super::who::who;
use super::{Refusal, why};
use crate::admin::whose::{Of, Session};
use crate::domain::session::SessionId;
use crate::domain::time::span_millis;
use crate::flow::past::{Lived, Parting, Was};
use crate::flow::{Event, Known, Over};
use crate::store::Resident;

/// Shows a session with the reason of each value; of one that is over, why.
pub(super) async fn show(of: Of, Session(id): Session) -> Result<Json<Value>, Refusal> {
    let resident = match known(&of, id).await? {
        Known::Live(resident) => resident,
        Known::Over(over) => {
            of.tell(&[Event::Shown(id)]);
            let mut said = json!({
                "account": &*of.account.name,
                "id": id.to_string(),
                "ended": ended(&over),
            });
            if let (Some(is), Some(members)) = (&over.was, said.as_object_mut()) {
                members.insert("was".to_owned(), was(is));
            }
            return Ok(Json(said));
        }
    };
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

/// Tells the last cycles of a session, the latest first; of one that is over, those remembered.
pub(super) async fn cycles(of: Of, Session(id): Session) -> Result<Json<Value>, Refusal> {
    let (cycles, remembered) = match known(&of, id).await? {
        Known::Live(resident) => cycles_of(&of, &resident).await,
        Known::Over(_) => (of.desk.shared().flow.past().of(id), true),
    };
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

/// Why a session is over, and since when.
pub(super) fn ended(over: &Over) -> Value {
    let mut said = Map::new();
    said.insert("reason".to_owned(), over.reason.label().into());
    let successor = over.successor.map(|id| id.to_string().into());
    for (name, value) in [
        ("at", over.at.map(|at| at.as_millis().into())),
        ("limitMs", over.limit.map(|limit| span_millis(limit).into())),
        ("successor", successor),
        ("cause", over.parting.as_deref().map(cause)),
    ] {
        if let Some(value) = value {
            said.insert(name.to_owned(), value);
        }
    }
    Value::Object(said)
}

/// What somebody ended it by, as far as this process remembers.
fn cause(parting: &Parting) -> Value {
    let mut said = Map::new();
    let Parting { cause, request, .. } = parting;
    said.insert("kind".to_owned(), cause.label().into());
    let token_ends = cause.token_ends().map(|at| at.as_millis().into());
    let request = request
        .as_ref()
        .map(|one| json!({"method": &*one.method, "path": &*one.path}));
    for (name, value) in [
        ("detail", cause.detail().map(Value::from)),
        ("tokenEndsAt", token_ends),
        ("request", request),
    ] {
        if let Some(value) = value {
            said.insert(name.to_owned(), value);
        }
    }
    Value::Object(said)
}

/// Whose a session was that is over, in the words of one that lives.
fn was(is: &Was) -> Value {
    let mut said = who(is.body.packed());
    // Who acted as whom is told by both.
    said.remove("impersonator");
    let times = [("createdAt", is.created_at), ("seenAt", is.seen_at)];
    for (name, at) in times {
        if let Some(at) = at {
            said.insert(name.to_owned(), at.as_millis().into());
        }
    }
    Value::Object(said)
}

async fn known(of: &Of, id: SessionId) -> Result<Known, Refusal> {
    let found = of.desk.shared().flow.known_of(&of.account, id).await?;
    let said = "There is no session of this id, and nothing is known of one that was.";
    found.ok_or_else(|| Refusal::missing("no_session", said))
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
