//! Sessions found: by id, by whoever acts in them, or by a whole token.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Refusal;
use super::session::ended;
use crate::account::Account;
use crate::admin::desk::Desk;
use crate::admin::whose::accounts_of;
use crate::domain::lifetime::{Presented, remaining};
use crate::domain::session::{Principal, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::peek_id;
use crate::flow::{Flow, Known};
use crate::ports::StoreError;
use crate::store::Resident;

/// How many are told of at most.
const MOST: usize = 100;
/// The longest text that is looked for, in bytes: a token is at most 512.
const LONGEST: usize = 1024;

/// What is looked for, and where.
#[derive(Deserialize)]
pub(super) struct Wanted {
    account: Option<String>,
    find: String,
}

/// What a text may be.
enum Find<'a> {
    Id(SessionId),
    Token(SessionId),
    Email(&'a str),
    Principal(&'a str),
}

impl<'a> Find<'a> {
    fn read(text: &'a str) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            let said = "`find` is a session's id, a shopper's or member of staff's id or e-mail, or \
                        a whole session token.";
            return Err(Refusal::bad("malformed", said));
        }
        if let Ok(id) = text.parse() {
            // People's ids are GUIDs, too: what is no session may be somebody.
            return Ok(Self::Id(id));
        }
        if let Some((id, _)) = peek_id(text) {
            return Ok(Self::Token(id));
        }
        Ok(if text.contains('@') {
            Self::Email(text)
        } else {
            Self::Principal(text)
        })
    }
}

/// Finds sessions, and what is known of those that are over.
pub(super) async fn find(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Ok(Query(wanted)) = wanted else {
        let said = "What is looked for is missing: ?find=…, and account=… for one account alone.";
        return Err(Refusal::bad("malformed", said));
    };
    let find = Find::read(&wanted.find)?;
    let accounts = accounts_of(&desk, wanted.account.as_deref())?;
    let (mut found, mut more) = (Vec::new(), false);
    for account in &accounts {
        let (via, sessions, complete) = of_account(&desk, account, &find).await?;
        more |= !complete;
        found.extend(sessions.into_iter().map(|one| (account, via, one)));
    }
    more |= found.len() > MOST;
    // Of one person's thousands, those that were used last; what is over comes after them.
    found.sort_by_cached_key(|(_, _, one)| Reverse(seen(one)));
    let found = found.iter().take(MOST);
    let found = found.map(|(account, via, one)| told(&desk, account, (one, via)));
    let found: Vec<Value> = found.collect();
    Ok(Json(json!({"found": found, "more": more})))
}

/// When a session was used last, or when it ended, those that live being later than any that is over.
fn seen(known: &Known) -> (bool, Option<Millis>) {
    match known {
        Known::Live(resident) => (true, Some(resident.last_seen())),
        Known::Over(over) => (false, over.at),
    }
}

/// How it was found, what was found, and whether that is all.
type FoundSessions = (&'static str, Vec<Known>, bool);

async fn of_account(
    desk: &Desk,
    account: &Account,
    find: &Find<'_>,
) -> Result<FoundSessions, Refusal> {
    let flow = &desk.shared().flow;
    let person = async |via, id: &str| {
        let (sessions, complete) = of_person(flow, account, id).await?;
        Ok((via, sessions, complete))
    };
    match find {
        Find::Id(id) => match flow.known_of(account, *id).await? {
            Some(known) => Ok(("id", vec![known], true)),
            None => person("principal", &id.to_string()).await,
        },
        Find::Token(id) => {
            let found = flow.known_of(account, *id).await?;
            Ok(("token", found.into_iter().collect(), true))
        }
        Find::Principal(id) => person("principal", id).await,
        Find::Email(email) => {
            let email = email.to_lowercase();
            match account.directory.customer_by_email(&email).await {
                Ok(Some(customer)) => person("email", &customer.id).await,
                // Staff are in no directory; some shops have e-mails for ids.
                Ok(None) => person("email", &email).await,
                Err(error) => {
                    tracing::warn!(%error, "A person cannot be looked up by e-mail.");
                    Ok(("email", Vec::new(), false))
                }
            }
        }
    }
}

/// Sessions in which a person acts or, as far as that is remembered, acted; and whether these are all
/// that live.
async fn of_person(
    flow: &Flow,
    account: &Account,
    id: &str,
) -> Result<(Vec<Known>, bool), StoreError> {
    let exported = flow.export(account, id).await?;
    let live = exported.sessions.iter().map(|one| one.session().id);
    let live: BTreeSet<SessionId> = live.collect();
    let remains: BTreeSet<SessionId> = exported.remains.iter().copied().collect();
    let mut sessions = exported.sessions;
    sessions.sort_by_cached_key(|one| Reverse(one.last_seen()));
    // One more than is told of, so that it is known that there are.
    let sessions = sessions.into_iter().take(MOST + 1);
    let mut known: Vec<Known> = sessions.map(|one| flow.known(account, one)).collect();
    // A logout leaves nothing of a person in the store; the last cycles know whose it was.
    let mut over = flow.past().of_person(&account.name, id);
    over.retain(|id| !remains.contains(id));
    over.extend(exported.remains);
    over.retain(|id| !live.contains(id));
    for id in over.into_iter().take(MOST) {
        known.extend(flow.known_of(account, id).await?);
    }
    Ok((known, exported.complete))
}

/// Who acts in a session, in a word of a closed set.
pub(super) fn kind_of(principal: &Principal<'_>) -> &'static str {
    match (principal.shopper, principal.staff) {
        (_, Some(_)) => "staff",
        (Some(_), None) => "shopper",
        (None, None) if principal.acting_as.is_some() => "staff",
        (None, None) => "anonymous",
    }
}

/// One of what was found: a session in short, or why it is over.
pub(super) fn told(desk: &Desk, account: &Account, (known, via): (&Known, &'static str)) -> Value {
    match known {
        Known::Live(resident) => summary(desk, account, (resident, via)),
        Known::Over(over) => json!({
            "account": &*account.name,
            "id": over.id.to_string(),
            "via": via,
            "ended": ended(over),
        }),
    }
}

/// A session in short.
fn summary(desk: &Desk, account: &Account, (resident, via): (&Resident, &'static str)) -> Value {
    let session = resident.session();
    let principal = session.principal();
    let acts = principal.acting_as.or(principal.shopper);
    let mut said = json!({
        "account": &*account.name,
        "id": session.id.to_string(),
        "kind": kind_of(&principal),
        "createdAt": session.created_at.as_millis(),
        "seenAt": resident.last_seen().as_millis(),
        "endsAt": ends_at(desk, account, resident),
        "via": via,
    });
    let body = session.body.packed();
    for (name, value) in [
        ("principal", acts),
        (
            "impersonator",
            principal.staff.filter(|_| principal.acting_as.is_some()),
        ),
        ("staff", principal.staff),
        ("channel", body.filled("store.channel")),
    ] {
        if let (Some(value), Some(members)) = (value, said.as_object_mut()) {
            members.insert(name.to_owned(), value.into());
        }
    }
    said
}

/// When a session ends if nobody uses it again.
pub(super) fn ends_at(desk: &Desk, account: &Account, resident: &Resident) -> i64 {
    let session = resident.session();
    let authenticated = session.authenticated();
    let policy = account.policies.of(authenticated);
    let mut times = session.times();
    times.last_seen = resident.last_seen();
    let presented = Presented {
        iat: session.issued_at,
    };
    let now = desk.now();
    let left = remaining(&times, presented, authenticated, now, policy);
    now.as_millis()
        .saturating_add(left.idle_ms.min(left.absolute_ms))
}
