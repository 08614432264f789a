//! Sessions found: by id, by whoever acts in them, or by a whole token.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;
use super::page::{self, Spot};
use super::session::ended;
use super::who::who;
use crate::account::Account;
use crate::admin::desk::Desk;
use crate::admin::whose::accounts_of;
use crate::domain::lifetime::{Presented, remaining};
use crate::domain::session::SessionId;
use crate::domain::token::peek_id;
use crate::flow::{Flow, Known, Over};
use crate::ports::StoreError;
use crate::store::Resident;

/// The longest text that is looked for, in bytes: a token is at most 512.
const LONGEST: usize = 1024;

/// What is looked for, and where.
#[derive(Deserialize)]
pub(super) struct Wanted {
    account: Option<String>,
    find: String,
    limit: Option<usize>,
    after: Option<String>,
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

/// What was found, of all accounts.
#[derive(Default)]
struct Results {
    /// Sessions that the store calls live: many, of which few are told.
    live: Vec<(usize, Via, Arc<Resident>)>,
    /// Those that are over and known to be.
    over: Vec<(usize, Via, Over)>,
    /// Those that are over, by their ids: looked up where a page gets so far.
    gone: Vec<(usize, Via, SessionId)>,
    incomplete: bool,
}

/// How something was found.
type Via = &'static str;

/// Finds sessions, and what is known of those that are over.
pub(super) async fn find(
    State(desk): State<Desk>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Ok(Query(wanted)) = wanted else {
        let said = "What is looked for is missing: ?find=…; and account=… for one account alone, \
                    limit=… and after=… for pages.";
        return Err(Refusal::bad("malformed", said));
    };
    let find = Find::read(&wanted.find)?;
    let most = page::most(wanted.limit)?;
    let after = wanted.after.as_deref().map(Spot::read).transpose()?;
    let accounts = accounts_of(&desk, wanted.account.as_deref())?;
    let mut results = Results::default();
    for (at, account) in accounts.iter().enumerate() {
        results.add(&desk, (at, account), &find).await?;
    }
    let total = results.live.len() + results.over.len() + results.gone.len();
    let complete = !results.incomplete;
    // One more than is told of, so that it is known that there is one.
    let mut found = results.page(&desk, &accounts, (after, most + 1)).await?;
    let more = found.len() > most;
    found.truncate(most);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(spot, _)| spot.written());
    let told = found.iter().filter_map(|(_, (at, via, known))| {
        let account = accounts.get(*at)?;
        Some(told(&desk, account, (known, via)))
    });
    let told: Vec<Value> = told.collect();
    Ok(Json(json!({
        "found": told,
        "more": more || !complete,
        "next": next,
        "total": total,
    })))
}

impl Results {
    /// What is found in one account, by its place.
    async fn add(
        &mut self,
        desk: &Desk,
        (at, account): (usize, &Account),
        find: &Find<'_>,
    ) -> Result<(), StoreError> {
        let flow = &desk.shared().flow;
        let here = (at, account);
        match find {
            Find::Id(id) => {
                if let Some(known) = flow.known_of(account, *id).await? {
                    self.one(at, "id", known);
                } else {
                    let id = id.to_string();
                    self.of_person(flow, here, ("principal", &id)).await?;
                }
            }
            Find::Token(id) => {
                if let Some(known) = flow.known_of(account, *id).await? {
                    self.one(at, "token", known);
                }
            }
            Find::Principal(id) => self.of_person(flow, here, ("principal", id)).await?,
            Find::Email(email) => {
                let email = email.to_lowercase();
                match account.directory.customer_by_email(&email).await {
                    Ok(Some(customer)) => {
                        self.of_person(flow, here, ("email", &customer.id)).await?;
                    }
                    // Staff are in no directory; some shops have e-mails for ids.
                    Ok(None) => self.of_person(flow, here, ("email", &email)).await?,
                    Err(error) => {
                        tracing::warn!(%error, "A person cannot be looked up by e-mail.");
                        self.incomplete = true;
                    }
                }
            }
        }
        Ok(())
    }

    fn one(&mut self, at: usize, via: Via, known: Known) {
        match known {
            Known::Live(resident) => self.live.push((at, via, resident)),
            Known::Over(over) => self.over.push((at, via, over)),
        }
    }

    /// Sessions in which a person acts or, as far as that is remembered, acted.
    async fn of_person(
        &mut self,
        flow: &Flow,
        (at, account): (usize, &Account),
        (via, id): (Via, &str),
    ) -> Result<(), StoreError> {
        let exported = flow.export(account, id).await?;
        let live = exported.sessions.iter().map(|one| one.session().id);
        let known: HashSet<SessionId> = live.chain(exported.remains.iter().copied()).collect();
        // A logout leaves nothing of a person in the store; the last cycles know whose it was.
        let over = flow.past().of_person((&account.name, id), known);
        let gone = over.into_iter().chain(exported.remains).take(page::MOST);
        self.gone.extend(gone.map(|id| (at, via, id)));
        let live = exported.sessions.into_iter();
        self.live.extend(live.map(|one| (at, via, one)));
        self.incomplete |= !exported.complete;
        Ok(())
    }

    /// The first after a spot, in order: of one person's thousands, those that were used last; what is
    /// over comes after them.
    async fn page(
        self,
        desk: &Desk,
        accounts: &[Arc<Account>],
        (after, most): (Option<Spot>, usize),
    ) -> Result<Vec<(Spot, (usize, Via, Known))>, StoreError> {
        let flow = &desk.shared().flow;
        let live = self.live.into_iter().map(|one| {
            let (_, _, resident) = &one;
            let spot = Spot::live(resident.last_seen(), resident.session().id);
            (spot, one)
        });
        let live = page::first(live, (after, most)).into_iter();
        let live = live.filter_map(|(spot, (at, via, resident))| {
            let known = flow.known(accounts.get(at)?, resident);
            Some((spot, (at, via, known)))
        });
        let mut found: Vec<_> = live.collect();
        if found.len() < most {
            let mut over = self.over;
            for (at, via, id) in self.gone {
                let Some(account) = accounts.get(at) else {
                    continue;
                };
                if let Some(Known::Over(one)) = flow.known_of(account, id).await? {
                    over.push((at, via, one));
                }
            }
            let over = over.into_iter().map(|(at, via, one)| {
                let spot = Spot::over(one.at.unwrap_or_default(), one.id);
                (spot, (at, via, Known::Over(one)))
            });
            found.extend(page::first(over, (after, most - found.len())));
        }
        Ok(found)
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
    let body = session.body.packed();
    let mut said = json!({
        "account": &*account.name,
        "id": session.id.to_string(),
        "createdAt": session.created_at.as_millis(),
        "seenAt": resident.last_seen().as_millis(),
        "endsAt": ends_at(desk, account, resident),
        "via": via,
    });
    if let Some(members) = said.as_object_mut() {
        members.extend(who(body));
        if let Some(channel) = body.filled("store.channel") {
            members.insert("channel".to_owned(), channel.into());
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
