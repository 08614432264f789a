//! Expiry and logout: authority ends, and what is not personal goes on in a new session.

use std::sync::Arc;

use super::change::planned;
use super::decision::{CookiePlan, Decision, Issue};
use super::event::Event;
use super::lookup::{Alive, Lookup};
use super::{Flow, MARKER, Stage};
use crate::domain::session::{Body, Session, SessionId};
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Marker};

impl Flow {
    /// Ends a session and begins its anonymous successor in the same answer.
    pub(super) async fn succeed(self: &Arc<Self>, stage: Stage<'_>, ended: Ended) -> Decision {
        let guard = self.locks.lock(ended.session.id).await;
        if let Some(decision) = self.join_successor(stage, &ended).await {
            return decision;
        }
        let id = ended.session.id;
        let decided = if stage.may_create {
            self.begin_successor(stage, &ended).await
        } else {
            self.end_alone(stage, &ended).await
        };
        drop(guard);
        match decided {
            Ok(mut decision) => {
                decision.events.insert(0, ending_event(id, ended.reason));
                decision
            }
            Err(_) => self.unreadable(stage).await,
        }
    }

    /// A parallel request with the same old cookie has been here a moment ago.
    async fn join_successor(&self, stage: Stage<'_>, ended: &Ended) -> Option<Decision> {
        let found = self.store.load(ended.session.id).await.ok()??;
        let (marker, reason) = match found {
            Found::Ended(now_ended) => (now_ended.successor?, now_ended.reason),
            // After a logout the id leads on only for whoever proves to be the same: nobody does.
            Found::Moved(marker) => return Some(self.through_marker(stage, marker).await),
            Found::Live(_) => return None,
        };
        if stage.now >= marker.until {
            return None;
        }
        let Some(Found::Live(resident)) = self.store.peek(marker.to, false) else {
            return None;
        };
        if resident.session().authenticated() {
            return None;
        }
        let iat = resident.session().issued_at;
        let lookup = Lookup::Ended(reason.label());
        let alive = Alive {
            resident,
            iat,
            reissue: true,
            clock_step: false,
            lookup,
        };
        let mut decision = self.unchanged(stage, alive);
        decision.cookies.due = Issue::Must;
        decision.judge_again(stage, |facts| facts.expired = true);
        Some(decision)
    }

    async fn begin_successor(
        &self,
        stage: Stage<'_>,
        ended: &Ended,
    ) -> Result<Decision, StoreError> {
        let (old, reason) = (&ended.session, ended.reason);
        self.close_logins(stage, old, reason).await?;
        let mut body = stage.account.base();
        for (field, slot) in old.body.fields().iter() {
            if stage.account.carry_over.takes(field) {
                body.put(field.clone(), slot.clone());
            }
        }
        let new = self.new_id();
        let marker = Marker {
            account: Arc::clone(&old.account),
            to: new,
            until: stage.now.plus(MARKER),
        };
        let keep = stage.keep(false);
        if reason == Ending::Logout {
            self.store.rotate(old.id, marker, keep).await?;
        } else {
            let ended = Ended {
                session: Arc::clone(old),
                reason,
                successor: Some(marker),
            };
            self.store.end(old.id, ended, keep).await?;
        }
        self.begin(
            stage,
            Beginning {
                id: new,
                body,
                lookup: Lookup::Ended(reason.label()),
            },
        )
        .await
    }

    /// This client has begun too many sessions: what ended has ended, and nothing takes its place.
    async fn end_alone(&self, stage: Stage<'_>, ended: &Ended) -> Result<Decision, StoreError> {
        self.close_logins(stage, &ended.session, ended.reason)
            .await?;
        let tombstone = Ended {
            successor: None,
            ..ended.clone()
        };
        self.store
            .end(ended.session.id, tombstone, stage.keep(false))
            .await?;
        let lookup = Lookup::Ended(ended.reason.label());
        let mut decision = self.limited(stage, lookup).await?;
        decision.judge_again(stage, |facts| facts.expired = true);
        Ok(decision)
    }

    /// Ends the logins that a session lived by; an idle one only if no other session of it was
    /// active since.
    async fn close_logins(
        &self,
        stage: Stage<'_>,
        old: &Session,
        reason: Ending,
    ) -> Result<(), StoreError> {
        for &token in old.logins.iter() {
            let Some(login) = self.store.login(token).await? else {
                continue;
            };
            let policy = &stage.account.policies.authenticated;
            let active = stage.now.since(login.last_seen()) <= policy.idle_limit();
            if reason == Ending::Idle && active {
                continue;
            }
            self.store.close_login(token, reason).await?;
        }
        Ok(())
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
        let outcome = match self.first_cycle(stage, &body, &news).await {
            Ok(outcome) => outcome,
            Err(error) => return Ok(self.failed_first(stage, body, &error)),
        };
        let blank = self.blank(stage, id, &body);
        let session = Session {
            body: self.bodies.share(outcome.body.clone()),
            logins: self.logins_after(stage, &blank, &news, &outcome).await?,
            upkeep: blank
                .upkeep
                .after(&outcome, &stage.account.graph, stage.now),
            ..blank
        };
        let known = session.authenticated();
        let resident = self.store.create(session, stage.keep(known)).await?;
        let cookies = CookiePlan {
            session: Some(Arc::clone(&resident)),
            due: Issue::Must,
            ..CookiePlan::default()
        };
        let mut planned = planned(&resident, cookies, (lookup, &news, outcome));
        planned.facts.expired = expired;
        planned.events.insert(0, Event::Created(id));
        if known {
            planned.events.push(Event::Login(id));
        }
        Ok(self
            .plan(stage, &resident, planned)
            .without_ended(stage, &news))
    }

    /// A session that has nothing yet.
    pub(super) fn blank(&self, stage: Stage<'_>, id: SessionId, body: &Body) -> Session {
        Session {
            id,
            account: Arc::clone(&stage.account.name),
            body: self.bodies.share(body.clone()),
            version: 1,
            created_at: stage.now,
            issued_at: stage.now,
            last_seen: stage.now,
            token: None,
            logins: Arc::default(),
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

fn ending_event(id: SessionId, reason: Ending) -> Event {
    match reason {
        Ending::Logout => Event::Logout(id),
        Ending::Idle | Ending::Absolute | Ending::Revoked => Event::Ended(id, reason),
    }
}
