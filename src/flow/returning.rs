//! A shopper whose session lives: nothing new, or a change.

use std::sync::Arc;

use super::ask::Undone;
use super::change::Changed;
use super::decision::{CookiePlan, Decision, Trace};
use super::event::Event;
use super::lookup::{Alive, LookedUp, Lookup};
use super::run::events_of;
use super::writes::News;
use super::{Flow, Stage};
use crate::domain::access::AccessFacts;
use crate::domain::time::Millis;
use crate::domain::transform::Outcome;
use crate::store::{Found, Marker, Resident};

/// How many rotations in a row a late request is led through.
const MARKER_HOPS: usize = 4;

impl Flow {
    /// The way of most requests: one comparison each for what is due and what is new.
    pub(super) async fn returning(self: &Arc<Self>, stage: Stage<'_>, alive: Alive) -> Decision {
        if stage.activity {
            self.touch(stage, &alive.resident);
        }
        let session = alive.resident.session();
        let due = stage.due(session);
        if !due.pending.is_empty() {
            let pending = stage.recallable(due.pending);
            self.retry_beside(stage, session.id, pending);
        }
        if due.aged.is_empty()
            && stage.login_stands(&alive.resident)
            && stage.nothing_new(&session.body)
        {
            let recognised = matches!(alive.lookup, Lookup::Recognised { .. });
            let clear = stage.inputs.dropped_pairs == 0 && !stage.absent_is_unknown();
            let mut decision = self.unchanged(stage, alive);
            decision.repeatable = recognised && clear;
            return decision;
        }
        // The rare ways are boxed, so that this one stays small.
        Box::pin(self.changing(stage, alive)).await
    }

    async fn changing(self: &Arc<Self>, stage: Stage<'_>, alive: Alive) -> Decision {
        match self.change(stage, alive).await {
            Changed::Decided(decision) => *decision,
            // While waiting for its turn, the session became another one.
            Changed::Gone(LookedUp::Moved(marker)) => self.through_marker(stage, marker).await,
            Changed::Gone(LookedUp::Ended(ended)) => Box::pin(self.succeed(stage, ended)).await,
            Changed::Gone(LookedUp::Unknown(lookup)) => self.first_visit(stage, lookup).await,
            Changed::Gone(_) => self.unreadable(stage).await,
        }
    }

    /// Notes activity of a session.
    pub(super) fn touch(&self, stage: Stage<'_>, resident: &Resident) {
        self.touch_at(stage, resident, stage.now);
    }

    /// Notes activity of a session at a moment.
    pub(super) fn touch_at(&self, stage: Stage<'_>, resident: &Resident, seen: Millis) {
        let policy = stage
            .account
            .policies
            .of(resident.session().authenticated());
        let interval = policy.touch_interval();
        self.store.touch(resident, seen, interval);
    }

    /// The plan of a request that changes nothing.
    pub(super) fn unchanged(&self, stage: Stage<'_>, alive: Alive) -> Decision {
        let due = alive.due(stage);
        let Alive {
            resident,
            clock_step,
            lookup,
            ..
        } = alive;
        let mut events = Vec::new();
        if clock_step {
            events.push(Event::ClockStep);
        }
        let cookies = CookiePlan {
            due,
            ..CookiePlan::default()
        };
        let facts = AccessFacts {
            shopper: resident.session().body.is_shopper(),
            ..AccessFacts::default()
        };
        let trace = Trace {
            lookup,
            ..Trace::default()
        };
        let planned = Planned {
            cookies,
            facts,
            events,
            trace,
        };
        let mut decision = self.plan(stage, &resident, planned);
        decision.cookies.session = Some(resident);
        decision
    }

    /// A request with the id of a session that was replaced a moment ago: served from the new one
    /// if it proves to be of the same principal, and from no session at all otherwise.
    pub(super) async fn through_marker(&self, stage: Stage<'_>, marker: Marker) -> Decision {
        let Some(resident) = self.follow(stage, &marker).await else {
            let decision = self.nobody(stage, Lookup::Moved).await;
            return decision.undone_call(stage, Undone::Replaced);
        };
        if stage.activity {
            self.touch(stage, &resident);
        }
        let body = &resident.session().body;
        let asked = stage.ask;
        let writes = asked.filter(|ask| !ask.writes.is_empty());
        let writes = writes.is_some_and(|ask| ask.writes.changes(&body.fields()));
        let alive = Alive {
            iat: resident.session().issued_at,
            resident,
            reissue: true,
            clock_step: false,
            lookup: Lookup::Moved,
        };
        let decision = self.unchanged(stage, alive);
        // It reads and never writes (lifetime law, "Rotation").
        if writes {
            return decision.undone(Undone::Replaced);
        }
        decision
    }

    /// The session that a marker leads this request to.
    pub(super) async fn follow(&self, stage: Stage<'_>, marker: &Marker) -> Option<Arc<Resident>> {
        let mut to = marker.to;
        for _ in 0..MARKER_HOPS {
            match self.find(to, true).await.ok()?? {
                Found::Live(resident) => {
                    let absolute = stage.account.policies.authenticated.absolute(true);
                    let stands = resident.logins_stand(stage.now, absolute);
                    return (stands && stage.proves(&resident)).then_some(resident);
                }
                Found::Moved(next) if stage.now < next.until => to = next.to,
                Found::Moved(_) | Found::Ended(_) => return None,
            }
        }
        None
    }
}

/// What a plan is made of, beside the session.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) cookies: CookiePlan,
    pub(super) facts: AccessFacts,
    pub(super) events: Vec<Event>,
    pub(super) trace: Trace,
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
