//! What is kept of a person, by the shop's own id of them: their sessions ended, all of it told, or
//! all of it erased. Every one is an audit event.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::api::Refusal;
use super::whose::{Of, PersonOf};
use crate::account::Account;
use crate::flow::Event;
use crate::store::Resident;
use crate::telemetry::pseudonym;

/// Ends every session of a shopper or a member of staff.
pub(super) async fn end_sessions(of: Of, PersonOf(person): PersonOf) -> Result<Response, Refusal> {
    let flow = &of.desk.shared().flow;
    let revoked = flow.revoke(&of.account, &person).await?;
    of.tell(&revoked.events);
    let said = json!({"ended": revoked.sessions, "complete": revoked.complete});
    Ok((status(revoked.complete), Json(said)).into_response())
}

/// Tells everything that is kept of a person.
pub(super) async fn export(of: Of, PersonOf(person): PersonOf) -> Result<Response, Refusal> {
    let flow = &of.desk.shared().flow;
    let exported = flow.export(&of.account, &person).await?;
    let count = exported.sessions.len();
    of.tell(&[Event::Exported(person.as_str().into(), count)]);
    let sessions = exported.sessions.iter();
    let sessions: Vec<Value> = sessions.map(|one| session(&of.account, one)).collect();
    let said = json!({
        "account": &*of.account.name,
        "principal": person,
        "sessions": sessions,
        "endedSessions": exported.remains.len(),
        "complete": exported.complete,
    });
    Ok((status(exported.complete), Json(said)).into_response())
}

/// Ends every session of a person and deletes what is kept of them.
pub(super) async fn erase(of: Of, PersonOf(person): PersonOf) -> Result<Response, Refusal> {
    let flow = &of.desk.shared().flow;
    let mut erased = flow.erase(&of.account, &person).await?;
    let count = erased.sessions + erased.ended;
    erased.events.push(Event::Erased(person.into(), count));
    of.tell(&erased.events);
    let said = json!({
        "sessions": erased.sessions,
        "endedSessions": erased.ended,
        "complete": erased.complete,
    });
    Ok((status(erased.complete), Json(said)).into_response())
}

/// A session as the person may see it. Captured cookies are kept as hashes and say nothing; the id
/// would let whoever reads it find the session.
fn session(account: &Account, resident: &Resident) -> Value {
    let session = resident.session();
    let mut namespaces: Map<String, Value> = Map::new();
    for (field, slot) in session.body.fields().iter() {
        if field.namespace() == "cookie" {
            continue;
        }
        let keys = namespaces
            .entry(field.namespace())
            .or_insert_with(|| json!({}));
        if let Value::Object(keys) = keys {
            keys.insert(field.key().to_owned(), slot.value().clone());
        }
    }
    json!({
        "session": pseudonym(account.keys.hash_key(), session.id).to_string(),
        "createdAtMs": session.created_at.as_millis(),
        "lastSeenMs": resident.last_seen().as_millis(),
        "cookieIssuedAtMs": session.issued_at.as_millis(),
        "version": session.version,
        "namespaces": namespaces,
    })
}

const fn status(complete: bool) -> StatusCode {
    if complete {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}
