//! The sessions that this process remembers, a page at a time, for whoever does not know yet what to
//! look for.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Refusal;
use super::sessions::{kind_of, told};
use crate::admin::desk::Desk;
use crate::admin::whose::accounts_of;
use crate::domain::time::Millis;
use crate::store::{Place, Resident, Wanted};

/// How many are told of where nobody says how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 100;

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
        let place = text.split_once('.').and_then(|(seen, id)| {
            let seen = Millis::from_millis(seen.parse().ok()?);
            Some(Place {
                seen,
                id: id.parse().ok()?,
            })
        });
        let said = "`after` is what `next` said with the page before.";
        place
            .map(Some)
            .ok_or_else(|| Refusal::bad("malformed", said))
    }

    fn most(&self) -> Result<usize, Refusal> {
        match self.limit {
            None => Ok(USUAL),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(Refusal::bad(
                "malformed",
                format!("`limit` is from 1 to {MOST}."),
            )),
        }
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
    let (kind, after, most) = (asked.kind()?, asked.after()?, asked.most()?);
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
        Some(masked(told(&desk, account, (&known, "latest"))))
    });
    let sessions: Vec<Value> = sessions.collect();
    let next = latest.more.then(|| latest.sessions.last()).flatten();
    let next = next.map(|(place, _)| format!("{}.{}", place.seen.as_millis(), place.id));
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

/// Nobody asked for a person: where a shop has e-mails for ids, they are not told by the page.
fn masked(mut session: Value) -> Value {
    let empty = &mut Map::new();
    let members = session.as_object_mut().unwrap_or(empty);
    for name in ["principal", "staff", "impersonator"] {
        if let Some(Value::String(id)) = members.get_mut(name)
            && let Some((local, domain)) = id.split_once('@')
        {
            let first: String = local.chars().take(1).collect();
            *id = format!("{first}…@{domain}");
        }
    }
    session
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_for_an_id_is_masked_and_any_other_id_is_told() {
        let given = json!({"id": "x", "principal": "ana@example.com", "staff": "s-1"});
        let told = json!({"id": "x", "principal": "a…@example.com", "staff": "s-1"});
        assert_eq!(masked(given), told);
    }
}
