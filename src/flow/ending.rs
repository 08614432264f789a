//! Expiry and logout: authority ends, and what is not personal goes on in a new session.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::decision::{CookiePlan, Decision, Issue};
use super::event::{Acting, Event};
use super::hands::rotation_events;
use super::lookup::{Alive, LookedUp, Lookup};
use super::past::{Parting, Whose};
use super::returning::planned;
use super::run::kept;
use super::{Flow, MARKER, Stage};
use crate::account::Account;
use crate::domain::request::watch::Part;
use crate::domain::session::{Body, LoginHashes, Principal, Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Marker, Resident};

impl Flow {
    /// Ends a session and begins its anonymous successor in the same answer.
    pub(super) async fn succeed(self: &Arc<Self>, stage: Stage<'_>, ended: Ended) -> Decision {
        let guard = self.locks.lock(ended.session.id).await;
        let Ok(found) = self.load_ended(&ended).await else {
            return self.unreadable(stage).await;
        };
        let over = matches!(found, Some(Found::Ended(_)));
        let ended = match settle(stage, found, ended) {
            Settled::Over(ended) => ended,
            // Another request was here while this one waited for its turn.
            Settled::Moved(marker) => return self.through_marker(stage, marker).await,
            Settled::Alive(alive) => {
                drop(guard);
                return self.returning_later(stage, alive).await;
            }
        };
        if let Some(alive) = self.successor_of(stage, &ended).await {
            drop(guard);
            let mut decision = self.returning_later(stage, alive).await;
            decision.cookies.due = Issue::Must;
            decision.judge_again(stage, |facts| facts.expired = true);
            return decision;
        }
        let decided = if (stage.may_create)() {
            self.begin_successor(stage, &ended, over).await
        } else {
            self.end_alone(stage, &ended).await
        };
        match decided {
            Ok(decision) => decision,
            Err(_) => self.unreadable(stage).await,
        }
    }

    /// Looks again at a session that seems to have ended, and changes nothing.
    pub(super) async fn look_again(&self, stage: Stage<'_>, ended: Ended) -> LookedUp {
        let Ok(found) = self.load_ended(&ended).await else {
            return LookedUp::Unreadable;
        };
        match settle(stage, found, ended) {
            Settled::Over(ended) => LookedUp::Ended(ended),
            Settled::Moved(marker) => LookedUp::Moved(marker),
            Settled::Alive(alive) => LookedUp::Alive(alive),
        }
    }

    /// What is left of a session that seems to have ended.
    async fn load_ended(&self, ended: &Ended) -> Result<Option<Found>, StoreError> {
        let id = ended.session.id;
        if ended.reason == Ending::Idle {
            // Another instance may have seen this shopper meanwhile.
            self.store.load_anew(id).await
        } else {
            self.store.load(id).await
        }
    }

    /// The same as [`Flow::returning`], which may come here again: the future needs a name.
    fn returning_later<'a>(
        self: &'a Arc<Self>,
        stage: Stage<'a>,
        alive: Alive,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>> {
        Box::pin(self.returning(stage, alive))
    }

    /// The successor that a parallel request with the same old cookie has begun a moment ago.
    async fn successor_of(&self, stage: Stage<'_>, ended: &Ended) -> Option<Alive> {
        let marker = ended
            .successor
            .as_ref()
            .filter(|marker| stage.now < marker.until)?;
        let Ok(Some(Found::Live(resident))) = self.find(marker.to, false).await else {
            return None;
        };
        // It may have become somebody's since: then only for whoever proves to be the same.
        if resident.session().authenticated() && !stage.proves(&resident) {
            return None;
        }
        let iat = resident.session().issued_at;
        let lookup = Lookup::Ended(ended.reason.label());
        Some(Alive {
            resident,
            iat,
            reissue: true,
            clock_step: false,
            lookup,
        })
    }

    /// `over`: the end itself was told of before.
    async fn begin_successor(
        &self,
        stage: Stage<'_>,
        ended: &Ended,
        over: bool,
    ) -> Result<Decision, StoreError> {
        let (old, reason) = (&ended.session, ended.reason);
        // First of all: from here on, no request with the old id is anybody's.
        self.close_logins((stage.account, stage.now), old, reason)
            .await?;
        let mut body = stage.account.base();
        for (field, slot) in old.body.fields().iter() {
            if stage.account.carry_over.takes(field) {
                body.put(field.clone(), slot.clone());
            }
        }
        let new = self.new_id();
        let beginning = Beginning {
            id: new,
            body,
            lookup: Lookup::Ended(reason.label()),
        };
        let mut decision = self.begin(stage, beginning).await?;
        // An app that must not fail may have failed: then there is no successor to lead to.
        let begun = decision.trace.session == Some(new);
        let until = stage.now.plus(MARKER);
        let marker = Marker {
            account: Arc::clone(old.account()),
            to: new,
            until,
        };
        let ended_now = if reason == Ending::Logout && begun {
            self.store.rotate(old.id, marker, stage.keep(false)).await?;
            !over
        } else {
            let successor = begun.then_some(marker);
            let tombstone = Ended {
                session: Arc::clone(old),
                reason,
                successor,
            };
            self.store.end(old.id, tombstone, stage.keep(false)).await?
        };
        if ended_now {
            decision.events.splice(0..0, ending_events(old, reason));
        }
        Ok(decision)
    }

    /// This client has begun too many sessions: what ended has ended, and nothing takes its place.
    async fn end_alone(&self, stage: Stage<'_>, ended: &Ended) -> Result<Decision, StoreError> {
        let here = (&**stage.account, stage.now);
        self.close_logins(here, &ended.session, ended.reason)
            .await?;
        let tombstone = Ended {
            successor: None,
            ..ended.clone()
        };
        let ended_now = self
            .store
            .end(ended.session.id, tombstone, stage.keep(false))
            .await?;
        let lookup = Lookup::Ended(ended.reason.label());
        let mut decision = self.limited(stage, lookup).await?;
        decision.judge_again(stage, |facts| facts.expired = true);
        if ended_now {
            decision
                .events
                .splice(0..0, ending_events(&ended.session, ended.reason));
        }
        Ok(decision)
    }

    /// Ends the logins that a session lived by; an idle one only if no other session of it was
    /// active since.
    pub(super) async fn close_logins(
        &self,
        (account, now): (&Account, Millis),
        old: &Session,
        reason: Ending,
    ) -> Result<(), StoreError> {
        for &token in old.logins.iter() {
            if reason != Ending::Idle || self.is_idle(account, now, token).await? {
                self.store.close_login(token, reason).await?;
            }
        }
        Ok(())
    }

    /// Whether a login is there that no session was used by for too long.
    async fn is_idle(
        &self,
        account: &Account,
        now: Millis,
        token: TokenHash,
    ) -> Result<bool, StoreError> {
        let policy = &account.policies.authenticated;
        let login = self.store.login(token).await?;
        Ok(login.is_some_and(|login| {
            let seen = login.judged_seen(policy.touch_interval(), now);
            now.since(seen) > policy.idle_limit()
        }))
    }

    /// Ends a live session with its logins, remembers how, and says what there is to tell; nothing
    /// where it was over already. The caller has its turn.
    pub(super) async fn end_live(
        &self,
        (account, parting): (&Account, Parting),
        resident: &Resident,
        reason: Ending,
    ) -> Result<Vec<Event>, StoreError> {
        let session = Arc::new(resident.snapshot());
        // First of all: from here on its logins open nothing.
        self.close_logins((account, parting.at), &session, reason)
            .await?;
        let tombstone = Ended {
            session: Arc::clone(&session),
            reason,
            successor: None,
        };
        let known = session.authenticated();
        let keep = account.policies.of(known).record_ttl(known);
        let ended = self.store.end(session.id, tombstone, keep).await?;
        if !ended {
            return Ok(Vec::new());
        }
        self.past.note_parting(parting);
        Ok(ending_events(&session, reason))
    }

    /// Begins a session that holds `body`: the create call, then the first cycle, then one save.
    pub(super) async fn begin(
        &self,
        stage: Stage<'_>,
        beginning: Beginning,
    ) -> Result<Decision, StoreError> {
        let Beginning { id, body, lookup } = beginning;
        let expired = matches!(lookup, Lookup::Ended(label) if label != Ending::Logout.label());
        let news = self.news(stage, &body).await?;
        let mut outcome = match self.first_cycle(stage, &body, &news).await {
            Ok(outcome) => outcome,
            Err(failed) => return Ok(self.failed_first(stage, body, failed)),
        };
        // Nothing was said that it could hold: the next one of its kind is the same.
        let derivable = !stage.acknowledges()
            && matches!(lookup, Lookup::NoToken | Lookup::Rejected(_) | Lookup::Gone)
            && news.request.is_empty()
            && news.raw.is_empty()
            && outcome.failed.is_empty();
        let blank = self.blank(stage, id, &body);
        let before = Arc::clone(&blank.body);
        let session = Session {
            body: self.share(stage.account, &outcome),
            logins: self.logins_after(stage, &blank, &news, &outcome).await?,
            upkeep: blank
                .upkeep
                .after(&outcome, &stage.account.graph, stage.now),
            ..blank
        };
        let known = session.authenticated();
        let keep = stage.keep(known);
        let keeping = stage.begin(Part::Keep);
        let resident = if derivable {
            let default = &stage.account.default;
            if default.fresh(stage.now).is_none() {
                default.renew(&session.body, &session.upkeep, stage.now);
            }
            self.store.create_light(session, keep).await
        } else {
            self.create(stage, session, keep).await
        };
        let resident = kept(keeping, resident)?;
        let whose = Whose::of_beginning(stage, (&before, &resident), lookup);
        self.past.note(whose, &mut outcome);
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due: Issue::Must,
            ..CookiePlan::default()
        };
        let mut planned = planned(&resident, cookies, (lookup, &news, outcome));
        planned.facts.expired = expired;
        planned.events.insert(0, Event::Created(id));
        if known {
            planned
                .events
                .extend(rotation_events(Principal::default(), &resident, false));
        }
        let decision = self.plan(stage, &resident, planned);
        Ok(decision.without_ended(stage, &news))
    }

    /// Keeps a session that begins.
    pub(super) async fn create(
        &self,
        stage: Stage<'_>,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        if stage.acknowledges() {
            self.store.create(session, keep).await
        } else {
            self.store.create_or_owe(session, keep).await
        }
    }

    /// A session that has nothing yet.
    pub(super) fn blank(&self, stage: Stage<'_>, id: SessionId, body: &Body) -> Session {
        let share = || self.bodies.share(&stage.account.name, body.clone());
        let base = stage.account.base.shared(body, share).cloned();
        Session {
            id,
            body: base.unwrap_or_else(share),
            version: 1,
            created_at: stage.now,
            issued_at: stage.now,
            last_seen: stage.now,
            token: None,
            logins: LoginHashes::default(),
            upkeep: crate::domain::session::Upkeep::default(),
        }
    }
}

/// Where a session begins.
pub(super) struct Beginning {
    pub(super) id: SessionId,
    pub(super) body: Body,
    pub(super) lookup: Lookup,
}

/// What became of a session while a request waited for its turn to end it.
enum Settled {
    Over(Ended),
    Moved(Marker),
    Alive(Alive),
}

fn settle(stage: Stage<'_>, found: Option<Found>, ended: Ended) -> Settled {
    match found {
        Some(Found::Moved(marker)) if stage.now < marker.until => Settled::Moved(marker),
        Some(Found::Ended(ended)) => Settled::Over(ended),
        Some(Found::Live(resident)) => {
            let session = Arc::new(resident.snapshot());
            let iat = session.issued_at;
            let lookup = Lookup::Recognised { iat };
            let alive = Alive {
                resident,
                iat,
                reissue: false,
                clock_step: false,
                lookup,
            };
            match Flow::judge(stage, alive) {
                // Activity in between keeps it alive; nothing takes a logout back.
                LookedUp::Alive(alive) if ended.reason != Ending::Logout => Settled::Alive(alive),
                _ => Settled::Over(Ended { session, ..ended }),
            }
        }
        Some(Found::Moved(_)) | None => Settled::Over(ended),
    }
}

pub(super) fn ending_events(old: &Session, reason: Ending) -> Vec<Event> {
    let principal = old.principal();
    let mut events = vec![match reason {
        Ending::Logout => Event::Logout(old.id),
        Ending::Idle | Ending::Absolute | Ending::Revoked => Event::Ended(old.id, reason),
    }];
    if let Some(customer) = principal.acting_as {
        let acting = Acting {
            staff: principal.staff.unwrap_or_default().into(),
            customer: customer.into(),
        };
        events.push(Event::ImpersonationStopped(old.id, acting));
    }
    events
}
