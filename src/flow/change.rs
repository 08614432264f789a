//! A live session that something changes: the cycle, once, and one save.

use std::sync::Arc;

use super::decision::{CookiePlan, Decision, Issue, Trace};
use super::event::{Acting, Event};
use super::lookup::{Alive, LookedUp, Lookup};
use super::returning::Planned;
use super::run::events_of;
use super::writes::News;
use super::{Flow, MARKER, Stage};
use crate::domain::access::AccessFacts;
use crate::domain::plans::SharedBody;
use crate::domain::session::{Principal, Session};
use crate::domain::token::TokenHash;
use crate::domain::transform::{Outcome, Start};
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Login, Marker, Resident};

/// How often a change is tried again when another instance saved in between.
const TRIES: usize = 8;

/// What became of a change.
pub(super) enum Changed {
    Decided(Box<Decision>),
    /// The session was no longer there when its turn came.
    Gone(LookedUp),
}

/// A cycle that is over, before anything is kept.
struct Settled {
    alive: Alive,
    news: News,
    outcome: Outcome,
}

impl Flow {
    /// Changes a session. Requests of one session that change it are put in order by its lock,
    /// and by its version across instances; each merges into what the one before has saved.
    pub(super) async fn change(self: &Arc<Self>, stage: Stage<'_>, alive: Alive) -> Changed {
        let id = alive.resident.session().id;
        let guard = self.locks.lock(id).await;
        let mut alive = alive;
        for _ in 0..TRIES {
            let resident = match self.store.load(id).await {
                Ok(Some(Found::Live(resident))) => resident,
                Ok(Some(Found::Moved(marker))) => return Changed::Gone(LookedUp::Moved(marker)),
                Ok(Some(Found::Ended(ended))) => return Changed::Gone(LookedUp::Ended(ended)),
                Ok(None) | Err(_) => return Changed::Gone(LookedUp::Unreadable),
            };
            alive.resident = resident;
            match self.change_once(stage, alive).await {
                Ok(Attempt::Decided(decision)) => return Changed::Decided(decision),
                // The old id is dead: nobody else waits for anything but its marker.
                Ok(Attempt::LoggedOut(session)) => {
                    drop(guard);
                    let ended = Ended {
                        session,
                        reason: Ending::Logout,
                        successor: None,
                    };
                    return Changed::Gone(LookedUp::Ended(ended));
                }
                Ok(Attempt::Overtaken(again)) => alive = again,
                Err(_) => return Changed::Gone(LookedUp::Unreadable),
            }
        }
        Changed::Gone(LookedUp::Unreadable)
    }

    async fn change_once(
        self: &Arc<Self>,
        stage: Stage<'_>,
        alive: Alive,
    ) -> Result<Attempt, StoreError> {
        let session = alive.resident.session();
        let body = session.body.fields();
        let news = self.news(stage, body).await?;
        let recall = session.upkeep.due(stage.now).aged;
        if recall.is_empty() && !news.request.changes(body) {
            let decision = self.unchanged(stage, alive);
            return Ok(Attempt::of(decision.without_ended(stage, &news)));
        }
        let start = Start {
            body: body.clone(),
            request: news.request.clone(),
            raw: news.raw.clone(),
            create: false,
            recall,
        };
        let outcome = match self.run(stage.account, start).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let failed = self.failed(stage, &alive.resident, &error);
                return Ok(Attempt::of(failed.without_ended(stage, &news)));
            }
        };
        if stage.account.limits.check(&outcome.body).is_err() {
            let mut decision = self.unchanged(stage, alive);
            decision.events.push(Event::LimitReached);
            return Ok(Attempt::of(decision.without_ended(stage, &news)));
        }
        self.keep(
            stage,
            Settled {
                alive,
                news,
                outcome,
            },
        )
        .await
    }

    /// Keeps what a cycle came to: under the same id, under a new one, or not at all.
    async fn keep(&self, stage: Stage<'_>, settled: Settled) -> Result<Attempt, StoreError> {
        let before = settled.alive.resident.session().principal();
        let after = Principal::of(&settled.outcome.body);
        if before == after {
            self.save(stage, settled).await
        } else if after.is_known() {
            self.rotate(stage, settled).await
        } else {
            Ok(Attempt::LoggedOut(Arc::new(
                settled.alive.resident.snapshot(),
            )))
        }
    }

    async fn save(&self, stage: Stage<'_>, settled: Settled) -> Result<Attempt, StoreError> {
        let Settled {
            alive,
            news,
            outcome,
        } = settled;
        let old = alive.resident.session();
        let next = Session {
            body: self.body_after(old, &outcome),
            version: old.version + u64::from(!outcome.changed.is_empty()),
            upkeep: old.upkeep.after(&outcome, &stage.account.graph, stage.now),
            logins: self.logins_after(stage, old, &news, &outcome).await?,
            ..alive.resident.snapshot()
        };
        let keep = stage.keep(next.authenticated());
        let Some(resident) = self.store.save(next, old.version, keep).await? else {
            return Ok(Attempt::Overtaken(alive));
        };
        let iat = alive.iat;
        let due = if alive.reissue && stage.is_activity() {
            Issue::Window(iat)
        } else {
            Issue::No
        };
        let segment =
            stage.plans(&alive.resident).segment_cookie != stage.plans(&resident).segment_cookie;
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due,
            segment,
            ..CookiePlan::default()
        };
        let planned = planned(&resident, cookies, (alive.lookup, &news, outcome));
        Ok(Attempt::of(
            self.plan(stage, &resident, planned)
                .without_ended(stage, &news),
        ))
    }

    /// Another principal: the session goes on under a new id, and the old one is dead but for a
    /// marker (lifetime law, "Rotation").
    async fn rotate(&self, stage: Stage<'_>, settled: Settled) -> Result<Attempt, StoreError> {
        let Settled {
            alive,
            news,
            outcome,
        } = settled;
        let old = alive.resident.session();
        let logged_in = old.principal().shopper != Principal::of(&outcome.body).shopper
            || old.principal().staff != Principal::of(&outcome.body).staff;
        let session = Session {
            id: self.new_id(),
            account: Arc::clone(&old.account),
            body: self.body_after(old, &outcome),
            version: old.version + 1,
            created_at: if logged_in { stage.now } else { old.created_at },
            issued_at: stage.now,
            last_seen: stage.now,
            token: None,
            logins: self.logins_after(stage, old, &news, &outcome).await?,
            upkeep: old.upkeep.after(&outcome, &stage.account.graph, stage.now),
        };
        let (new, keep) = (session.id, stage.keep(true));
        let resident = self.store.create(session, keep).await?;
        let marker = Marker {
            account: Arc::clone(&old.account),
            to: new,
            until: stage.now.plus(MARKER),
        };
        self.store.rotate(old.id, marker, keep).await?;
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due: Issue::Must,
            ..CookiePlan::default()
        };
        let events = rotation_events(old, &resident);
        let mut planned = planned(&resident, cookies, (alive.lookup, &news, outcome));
        planned.events.extend(events);
        Ok(Attempt::of(
            self.plan(stage, &resident, planned)
                .without_ended(stage, &news),
        ))
    }

    pub(super) fn body_after(&self, old: &Session, outcome: &Outcome) -> Arc<SharedBody> {
        if outcome.changed.is_empty() {
            return Arc::clone(&old.body);
        }
        self.bodies.share(outcome.body.clone())
    }

    /// The logins that a session lives by after a change; a token's first sight opens one.
    pub(super) async fn logins_after(
        &self,
        stage: Stage<'_>,
        old: &Session,
        news: &News,
        outcome: &Outcome,
    ) -> Result<Arc<[TokenHash]>, StoreError> {
        if !Principal::of(&outcome.body).is_known() {
            return Ok(Arc::default());
        }
        if news.tokens.is_empty() {
            return Ok(Arc::clone(&old.logins));
        }
        let policy = &stage.account.policies.authenticated;
        let until = outcome
            .answered
            .values()
            .filter_map(|answered| answered.valid_until)
            .min();
        let expires = until.unwrap_or_else(|| stage.now.plus(policy.absolute(true)));
        for &token in &news.tokens {
            self.store
                .open_login(token, Login::new(stage.now, expires))
                .await?;
        }
        Ok(news.tokens.as_slice().into())
    }
}

enum Attempt {
    Decided(Box<Decision>),
    LoggedOut(Arc<Session>),
    Overtaken(Alive),
}

impl Attempt {
    fn of(decision: Decision) -> Self {
        Self::Decided(Box::new(decision))
    }
}

/// The plan of a request that ran a cycle.
pub(super) fn planned(
    resident: &Resident,
    cookies: CookiePlan,
    (lookup, news, outcome): (Lookup, &News, Outcome),
) -> Planned {
    let facts = AccessFacts {
        shopper: resident.session().principal().is_shopper(),
        denied: outcome.denied,
        ..AccessFacts::default()
    };
    let events = events_of(&outcome);
    let trace = Trace {
        lookup,
        news: news
            .request
            .iter()
            .map(|(field, _)| field.clone())
            .collect(),
        recalled: Vec::new(),
        rounds: outcome.rounds,
        changed: outcome.changed,
        looped: outcome.looped,
        ..Trace::default()
    };
    Planned {
        cookies,
        facts,
        events,
        trace,
    }
}

fn rotation_events(old: &Session, new: &Resident) -> Vec<Event> {
    let (before, after) = (old.principal(), new.session().principal());
    let id = new.session().id;
    let mut events = Vec::new();
    if before.shopper != after.shopper || before.staff != after.staff {
        let gained = after.shopper.is_some() && before.shopper != after.shopper
            || after.staff.is_some() && before.staff != after.staff;
        events.push(if gained {
            Event::Login(id)
        } else {
            Event::Logout(id)
        });
    }
    if let (Some(customer), None) = (before.acting_as, after.acting_as) {
        events.push(Event::ImpersonationStopped(
            id,
            acting(before.staff, customer),
        ));
    }
    if let Some(customer) = after
        .acting_as
        .filter(|_| (before.acting_as, before.staff) != (after.acting_as, after.staff))
    {
        events.push(Event::ImpersonationStarted(
            id,
            acting(after.staff, customer),
        ));
    }
    if events.is_empty() {
        events.push(Event::Rotated(id));
    }
    events
}

fn acting(staff: Option<&str>, customer: &str) -> Acting {
    Acting {
        staff: staff.unwrap_or_default().into(),
        customer: customer.into(),
    }
}
