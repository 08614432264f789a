//! A live session that something changes: the cycle, once, and one save.

use std::sync::Arc;

use super::ask::Undone;
use super::cause::fallen;
use super::decision::{CookiePlan, Decision, Issue};
use super::event::Event;
use super::hands::{gained, rotation_events};
use super::lookup::{Alive, LookedUp, Lookup};
use super::past::{Cause, Parting, Whose};
use super::returning::planned;
use super::run::{events_of, kept};
use super::writes::News;
use super::{Flow, MARKER, Stage};
use crate::domain::plans::SharedBody;
use crate::domain::request::watch::Part;
use crate::domain::session::limits::LimitError;
use crate::domain::session::{LoginHashes, Principal, Session};
use crate::domain::token::TokenHash;
use crate::domain::transform::{CycleError, Outcome, Start};
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Login, Marker};

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
                Ok(None) => return Changed::Gone(LookedUp::Unknown(Lookup::Gone)),
                Err(_) => return Changed::Gone(LookedUp::Unreadable),
            };
            alive.resident = resident;
            match self.change_once(stage, alive).await {
                Ok(Attempt::Decided(decision)) => return Changed::Decided(decision),
                // The old id is dead: nobody else waits for anything but its marker.
                Ok(Attempt::LoggedOut(session, cause)) => {
                    drop(guard);
                    let parting = Parting::by_request(stage, &session, cause);
                    self.past.note_parting(parting);
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
        // The login ended elsewhere, and a request that does not show its cookies cannot say so.
        if stage.absent_is_unknown() && !stage.login_stands(&alive.resident) {
            return Ok(Attempt::logged_out(&alive, fallen(&alive.resident)));
        }
        let body = session.body.fields();
        let news = self.news(stage, &body).await?;
        let recall = stage.recallable(stage.due(session).aged);
        if recall.is_empty() && !news.request.changes(&body) {
            let decision = self.unchanged(stage, alive);
            return Ok(Attempt::of(decision.without_ended(stage, &news)));
        }
        let start = Start {
            body,
            request: news.request.clone(),
            raw: news.raw.clone(),
            create: false,
            recall,
        };
        match self.run_within_limits(stage, start, &news).await {
            Ok((Some(outcome), limited)) => {
                if let Some(undone) = refused_call(stage, &outcome, limited) {
                    let decision = self.undo(stage, alive, (outcome, undone));
                    return Ok(Attempt::of(decision.without_ended(stage, &news)));
                }
                let settled = Settled {
                    alive,
                    news,
                    outcome,
                };
                let keeping = stage.begin(Part::Keep);
                let attempt = kept(keeping, self.keep(stage, settled).await)?;
                Ok(attempt.noting(limited.map(|_| Event::LimitReached)))
            }
            // Even who somebody is would burst it: nobody stays in a session that cannot change.
            Ok((None, _)) => Ok(Attempt::logged_out(&alive, Cause::TooLarge)),
            Err(error) => {
                let failed = self.failed(stage, &alive.resident, error);
                Ok(Attempt::of(failed.without_ended(stage, &news)))
            }
        }
    }

    /// The plan of a call that was not done: the session is as it was.
    fn undo(&self, stage: Stage<'_>, alive: Alive, why: (Outcome, Undone)) -> Decision {
        let (outcome, undone) = why;
        let mut decision = self.unchanged(stage, alive);
        decision.events.extend(events_of(&outcome));
        decision.trace.rounds = outcome.rounds;
        if let Undone::Limit(_) = undone {
            decision.events.push(Event::LimitReached);
        }
        decision.undone(undone)
    }

    /// Runs a cycle whose session stays within its limits: where it would not, what the request
    /// adds is left out, and who somebody is still counts. Tells which limit it would have passed.
    async fn run_within_limits(
        &self,
        stage: Stage<'_>,
        start: Start,
        news: &News,
    ) -> Result<(Option<Outcome>, Option<LimitError>), CycleError> {
        let limits = &stage.account.limits;
        let trace = stage.request.trace;
        let outcome = self.run(stage.account, start.clone(), trace).await?;
        let limit = match limits.check(&outcome.body) {
            Ok(()) => return Ok((Some(outcome), None)),
            Err(limit) => limit,
        };
        if stage.ask.is_some() {
            return Ok((Some(outcome), Some(limit)));
        }
        let start = Start {
            request: news.identity_alone(),
            ..start
        };
        let outcome = self.run(stage.account, start, trace).await?;
        let fits = limits.check(&outcome.body).is_ok();
        Ok((fits.then_some(outcome), Some(limit)))
    }

    /// Keeps what a cycle came to: under the same id, under a new one, or not at all.
    async fn keep(&self, stage: Stage<'_>, settled: Settled) -> Result<Attempt, StoreError> {
        let before = settled.alive.resident.session().principal();
        let after = Principal::of(&settled.outcome.body);
        if !after.is_known() && before.is_known() {
            let Settled {
                alive,
                news,
                outcome,
            } = &settled;
            let cause = stage.cause(&alive.resident, news, outcome);
            return Ok(Attempt::logged_out(alive, cause));
        }
        // The first sight of a token is a login, of whomever.
        let fresh = after.is_known() && self.first_sight(&settled.news).await?;
        if before == after && !fresh {
            self.save(stage, settled).await
        } else {
            self.rotate(stage, settled, fresh).await
        }
    }

    async fn save(&self, stage: Stage<'_>, settled: Settled) -> Result<Attempt, StoreError> {
        let Settled {
            alive,
            news,
            mut outcome,
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
        let saved = if stage.acknowledges() {
            self.store.save(next, old.version, keep).await?
        } else {
            self.store.save_or_owe(next, old.version, keep).await?
        };
        let Some(resident) = saved else {
            return Ok(Attempt::Overtaken(alive));
        };
        let whose = Whose::of_change(stage, &alive.resident, &resident);
        self.past.note(whose, &mut outcome);
        let (due, clock_step) = (alive.due(stage), alive.clock_step);
        let segment =
            stage.plans(&alive.resident).segment_cookie != stage.plans(&resident).segment_cookie;
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due,
            segment,
            ..CookiePlan::default()
        };
        let mut planned = planned(&resident, cookies, (alive.lookup, &news, outcome));
        planned
            .events
            .extend(clock_step.then_some(Event::ClockStep));
        let decision = self.plan(stage, &resident, planned);
        Ok(Attempt::of(decision.without_ended(stage, &news)))
    }

    /// Another principal: the session goes on under a new id, and the old one is dead but for a
    /// marker (lifetime law, "Rotation").
    async fn rotate(
        &self,
        stage: Stage<'_>,
        settled: Settled,
        fresh: bool,
    ) -> Result<Attempt, StoreError> {
        let Settled {
            alive,
            news,
            mut outcome,
        } = settled;
        let old = alive.resident.session();
        let (before, after) = (old.principal(), Principal::of(&outcome.body));
        let another = before.shopper.is_some() && after.shopper.is_some();
        if another && before.shopper != after.shopper {
            leave_behind(stage, old, &news, &mut outcome);
        }
        let logged_in = fresh || gained(before, Principal::of(&outcome.body));
        let session = Session {
            id: self.new_id(),
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
        let resident = self.create(stage, session, keep).await?;
        let until = stage.now.plus(MARKER);
        let marker = Marker {
            account: Arc::clone(old.account()),
            to: new,
            until,
        };
        self.store.rotate(old.id, marker, keep).await?;
        let whose = Whose::of_change(stage, &alive.resident, &resident);
        self.past.note(whose, &mut outcome);
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due: Issue::Must,
            ..CookiePlan::default()
        };
        let events = rotation_events(before, &resident, fresh);
        let mut planned = planned(&resident, cookies, (alive.lookup, &news, outcome));
        planned.events.extend(events);
        let from = old.id;
        planned.events.push(Event::Replaced { from, to: new });
        let decision = self.plan(stage, &resident, planned);
        Ok(Attempt::of(decision.without_ended(stage, &news)))
    }

    pub(super) fn body_after(&self, old: &Session, outcome: &Outcome) -> Arc<SharedBody> {
        if outcome.changed.is_empty() {
            return Arc::clone(&old.body);
        }
        self.bodies.share(old.account(), outcome.body.clone())
    }

    /// Whether the request carries a login that nobody has seen yet.
    async fn first_sight(&self, news: &News) -> Result<bool, StoreError> {
        for (token, _) in &news.tokens {
            if self.store.login(*token).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The logins that a session lives by after a change: a token's first sight opens one, and one
    /// that is no longer presented has ended.
    pub(super) async fn logins_after(
        &self,
        stage: Stage<'_>,
        old: &Session,
        news: &News,
        outcome: &Outcome,
    ) -> Result<LoginHashes, StoreError> {
        // What was cut off is unknown, not gone.
        let mut logins: Vec<TokenHash> = if stage.absent_is_unknown() {
            old.logins.to_vec()
        } else {
            Vec::new()
        };
        if Principal::of(&outcome.body).is_known() {
            for &(token, expires) in &news.tokens {
                self.store
                    .open_login(token, Login::new(stage.now, expires))
                    .await?;
                if !logins.contains(&token) {
                    logins.push(token);
                }
            }
        }
        for &gone in old.logins.iter().filter(|token| !logins.contains(token)) {
            self.store.close_login(gone, Ending::Logout).await?;
        }
        Ok(logins.into())
    }
}

/// Why a call of the Session API is not done, where a page would go on with less.
fn refused_call(stage: Stage<'_>, outcome: &Outcome, limit: Option<LimitError>) -> Option<Undone> {
    stage.ask?;
    let denied = outcome.denied.map(Undone::Denied);
    denied.or_else(|| limit.map(Undone::Limit))
}

/// What another shopper had said of themselves does not pass to the next one: only what is carried
/// over does, and what this request says.
fn leave_behind(stage: Stage<'_>, old: &Session, news: &News, outcome: &mut Outcome) {
    for (field, slot) in old.body.fields().namespace("public") {
        let said_now = news.request.edit(field.as_str()).is_some();
        let unchanged = outcome.body.value(field.as_str()) == Some(slot.value());
        if unchanged && !said_now && !stage.account.carry_over.takes(field) {
            outcome.body.unset(field.as_str());
            outcome.changed.push(field.clone());
        }
    }
    outcome.changed.sort();
}

enum Attempt {
    Decided(Box<Decision>),
    LoggedOut(Arc<Session>, Cause),
    Overtaken(Alive),
}

impl Attempt {
    fn of(decision: Decision) -> Self {
        Self::Decided(Box::new(decision))
    }

    fn logged_out(alive: &Alive, cause: Cause) -> Self {
        Self::LoggedOut(Arc::new(alive.resident.snapshot()), cause)
    }

    fn noting(mut self, event: Option<Event>) -> Self {
        if let Self::Decided(decision) = &mut self {
            decision.events.extend(event);
        }
        self
    }
}
