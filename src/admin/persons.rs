//! What is kept of a person, by the shop's own id of them: their sessions ended, all of it told, or
//! all of it erased. Every one is an audit event.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::edge::Shared;
use crate::flow::Event;
use crate::ports::StoreError;
use crate::store::Resident;
use crate::telemetry::{About, pseudonym};

/// An account's name and a person's id.
type Whose = Path<(String, String)>;

/// Ends every session of a shopper or a member of staff.
pub(super) async fn end_sessions(
    State(shared): State<Arc<Shared>>,
    Path((account, person)): Whose,
) -> Response {
    let Some(account) = account_of(&shared, &account) else {
        return no_account();
    };
    match shared.flow.revoke(&account, &person).await {
        Ok(revoked) => {
            tell(&shared, &account, &revoked.events);
            let said = json!({"ended": revoked.sessions, "complete": revoked.complete});
            (status(revoked.complete), Json(said)).into_response()
        }
        Err(error) => cannot_be_asked(&error),
    }
}

/// Tells everything that is kept of a person.
pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    Path((account, person)): Whose,
) -> Response {
    let Some(account) = account_of(&shared, &account) else {
        return no_account();
    };
    let exported = match shared.flow.export(&account, &person).await {
        Ok(exported) => exported,
        Err(error) => return cannot_be_asked(&error),
    };
    let count = exported.sessions.len();
    let event = Event::Exported(person.as_str().into(), count);
    tell(&shared, &account, &[event]);
    let sessions = exported.sessions.iter();
    let sessions: Vec<Value> = sessions.map(|one| session(&account, one)).collect();
    let said = json!({
        "account": &*account.name,
        "principal": person,
        "sessions": sessions,
        "endedSessions": exported.ended,
        "complete": exported.complete,
    });
    let private = [(CACHE_CONTROL, "no-store")];
    (status(exported.complete), private, Json(said)).into_response()
}

/// Ends every session of a person and deletes what is kept of them.
pub(super) async fn erase(
    State(shared): State<Arc<Shared>>,
    Path((account, person)): Whose,
) -> Response {
    let Some(account) = account_of(&shared, &account) else {
        return no_account();
    };
    match shared.flow.erase(&account, &person).await {
        Ok(mut erased) => {
            let count = erased.sessions + erased.ended;
            let event = Event::Erased(person.into(), count);
            erased.events.push(event);
            tell(&shared, &account, &erased.events);
            let said = json!({
                "sessions": erased.sessions,
                "endedSessions": erased.ended,
                "complete": erased.complete,
            });
            (status(erased.complete), Json(said)).into_response()
        }
        Err(error) => cannot_be_asked(&error),
    }
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

fn account_of(shared: &Shared, name: &str) -> Option<Arc<Account>> {
    let running = shared.running.load_full();
    let site = running.hosts.site_of(name)?;
    Some(Arc::clone(&site.account))
}

fn tell(shared: &Shared, account: &Account, events: &[Event]) {
    let about = About {
        account: &account.name,
        key: account.keys.hash_key(),
        session: None,
        request_id: "",
    };
    for event in events {
        shared.telemetry.happened(about, event);
    }
}

const fn status(complete: bool) -> StatusCode {
    if complete {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    }
}

fn no_account() -> Response {
    let said = json!({"error": "there is no account of this name"});
    (StatusCode::NOT_FOUND, Json(said)).into_response()
}

fn cannot_be_asked(error: &StoreError) -> Response {
    tracing::warn!(%error, "What is kept of a person cannot be asked for.");
    let said = json!({"error": "the session store cannot be asked"});
    let later = [(RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, later, Json(said)).into_response()
}
