//! The sessions that this process remembers, a page at a time, for whoever does not know yet what to
//! look for.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sessions::told;
use super::who::kind_of;
use super::{Refusal, page};
use crate::admin::desk::Desk;
use crate::admin::whose::accounts_of;
use crate::store::{Place, Resident, Wanted};

const KINDS: [&str; 3] = ["anonymous", "shopper", "staff"];

/// Which are asked for.
#[derive(Deserialize)]
pub(super) struct Asked {
    account: Option<String>,
    kind: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Asked {
    fn kind(&self) -> Result<Option<&str>, Refusal> {
        match self.kind.as_deref() {
            None => Ok(None),
            Some(kind) if KINDS.contains(&kind) => Ok(Some(kind)),
            Some(_) => Err(Refusal::bad(
                "malformed",
                "`kind` is `anonymous`, `shopper` or `staff`.",
            )),
        }
    }

    fn after(&self) -> Result<Option<Place>, Refusal> {
        let Some(text) = &self.after else {
            return Ok(None);
        };
        let (seen, id) = page::read_place(text).ok_or_else(page::no_place)?;
        Ok(Some(Place { seen, id }))
    }
}

/// Tells the sessions that were used last.
pub(super) async fn latest(
    State(desk): State<Desk>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Ok(Query(asked)) = asked else {
        let said = "What may be asked is account, kind, after and limit, each once.";
        return Err(Refusal::bad("malformed", said));
    };
    let (kind, after) = (asked.kind()?, asked.after()?);
    let most = page::most(asked.limit)?;
    let accounts = accounts_of(&desk, asked.account.as_deref())?;
    let of = |resident: &Resident| {
        let name = resident.session().account();
        accounts.iter().find(|account| account.name == *name)
    };
    let fits = |resident: &Resident| {
        let session = resident.session();
        let is_kind = |kind| {
            // Whether anybody is known is known of each; who, has to be read.
            (kind == "anonymous") != session.authenticated()
                && (kind == "anonymous" || kind_of(&session.principal()) == kind)
        };
        kind.is_none_or(is_kind) && of(resident).is_some()
    };
    let flow = &desk.shared().flow;
    let wanted = Wanted {
        fits: &fits,
        after,
        most,
    };
    let latest = flow.latest(wanted).await;
    let sessions = latest.sessions.iter().filter_map(|(_, resident)| {
        let account = of(resident)?;
        let known = flow.known(account, Arc::clone(resident));
        Some(told(&desk, account, (&known, "latest")))
    });
    let sessions: Vec<Value> = sessions.collect();
    let next = latest.more.then(|| latest.sessions.last()).flatten();
    let next = next.map(|(place, _)| page::place(place.seen, place.id));
    let census = flow.census();
    let here = census.anonymous + census.light + census.authenticated;
    Ok(Json(json!({
        "sessions": sessions,
        "next": next,
        "complete": latest.complete,
        "here": here,
        // Where nothing lies behind the memory, what is here is all there is.
        "total": desk.remembers_all().then_some(here),
    })))
}
