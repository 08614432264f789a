//! `vestibule explain` over HTTP: what the running process would do with a request. Nothing is kept.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;

use super::Refusal;
use crate::admin::desk::Desk;
use crate::admin::operator::Operator;
use crate::admin::whose::Of;
use crate::domain::session::SessionId;
use crate::edge::Peer;
use crate::explain::{Question, Report, Stopped, Upstream, is_curl, parse, parse_curl};
use crate::flow::{Event, Flow};

/// Captured cookies, such as the login's, that a session holds and a request does not carry.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum AbsentCookies {
    /// They are gone: as a browser would ask that has lost them.
    #[default]
    Gone,
    /// They are as the session holds them: as the shopper's browser would ask, which has them.
    Unchanged,
}

/// What is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Asked {
    /// A raw request of HTTP/1.1, or a line for curl.
    request: String,
    /// The account that it is to be for.
    account: Option<String>,
    /// The id of a live session whose cookie the request is to carry.
    session: Option<String>,
    /// What becomes of captured cookies that the session holds and the request does not carry.
    #[serde(default)]
    absent_cookies: AbsentCookies,
    /// What the upstream is taken to answer.
    status: Option<u16>,
    cache_control: Option<String>,
}

/// Explains a request by the accounts that run, over a store that ends with the answer.
pub(super) async fn explain(
    State(desk): State<Desk>,
    Extension(operator): Extension<Operator>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Report>, Refusal> {
    let Json(asked) = asked.map_err(|error| unread(&error))?;
    let running = desk.shared().running.load_full();
    let read = read(&asked.request).map_err(|said| Refusal::bad("malformed_request", said))?;
    let mut question = Question::ask(read, &running, listener(&desk))
        .map_err(|said| Refusal::bad("not_admitted", said))?;
    let of = Of {
        desk: desk.clone(),
        account: Arc::clone(question.account()),
        operator,
    };
    if asked
        .account
        .as_deref()
        .is_some_and(|name| *name != *of.account.name)
    {
        let said = format!("The request is for the account {}.", of.account.name);
        return Err(Refusal::bad("another_account", said));
    }
    let held = asked.absent_cookies == AbsentCookies::Unchanged;
    let dry = match &asked.session {
        Some(id) => of_session(&of, (&mut question, held), id).await?,
        None => of_cookies(&of, &question, held).await?,
    };
    let upstream = Upstream {
        status: asked.status.unwrap_or(200),
        cache_control: asked.cache_control.as_deref(),
    };
    let answer = Box::pin(question.answer(&dry, &running, upstream));
    Ok(Json(answer.await))
}

fn unread(error: &JsonRejection) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let said = "A request to be explained has 64 KiB at most.";
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", said)
        }
        _ => Refusal::bad("malformed", error.body_text()),
    }
}

/// A flow that holds the live sessions that the request's own cookies name.
async fn of_cookies(of: &Of, question: &Question, held: bool) -> Result<Arc<Flow>, Refusal> {
    let flow = &of.desk.shared().flow;
    let mut there = Vec::new();
    for id in question.named() {
        there.extend(flow.session_of(&of.account, id).await?);
    }
    let shown = there.iter().map(|one| Event::Shown(one.session().id));
    of.tell(&shown.collect::<Vec<_>>());
    let clock = Arc::new(Stopped(flow.now()));
    Ok(flow.dry(clock, &there, held).await?)
}

/// A flow that holds this session, whose cookie the request is given.
async fn of_session(
    of: &Of,
    (question, held): (&mut Question, bool),
    id: &str,
) -> Result<Arc<Flow>, Refusal> {
    let flow = &of.desk.shared().flow;
    let id = id.parse::<SessionId>().map_err(|error| {
        Refusal::bad(
            "malformed_id",
            format!("`session`: {error}, with its hyphens."),
        )
    })?;
    let found = flow.session_of(&of.account, id).await?;
    let said = "There is no live session of this id.";
    let resident = found.ok_or_else(|| Refusal::missing("no_session", said))?;
    of.tell(&[Event::Shown(id)]);
    let clock = Arc::new(Stopped(flow.now()));
    let dry = flow.dry(clock, &[], held).await?;
    flow.lend_logins(&dry, resident.session()).await?;
    let given = question.come_from(&dry, resident.snapshot()).await;
    given.map_err(|said| Refusal::bad("not_admitted", said))?;
    Ok(dry)
}

fn read(text: &str) -> Result<(pingora::http::RequestHeader, bytes::Bytes), String> {
    if text.trim().is_empty() {
        return Err("there is no request".to_owned());
    }
    if is_curl(text) {
        return parse_curl(text);
    }
    parse(text).map_err(|(line, said)| format!("line {line}: {said}"))
}

/// Somebody on this machine, by TLS where a listener speaks it; and whether cookies go without it.
fn listener(desk: &Desk) -> (Peer, bool) {
    let view = desk.reloads().map(|reloads| reloads.view());
    let listeners = view.as_ref().map(|view| &view.config.listeners);
    let tls = listeners.is_some_and(|all| all.iter().any(|one| one.tls.is_some()));
    let insecure = listeners.is_some_and(|all| all.iter().all(|one| one.insecure_cookies));
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    (Peer { address, tls }, insecure)
}
