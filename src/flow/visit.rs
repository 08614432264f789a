//! Shoppers without a session: the first visit, and those who get none.

use std::sync::Arc;

use http::StatusCode;

use super::ask::{NotBegun, Undone};
use super::decision::{Decision, Trace};
use super::ending::Beginning;
use super::event::Event;
use super::lookup::Lookup;
use super::returning::Planned;
use super::run::events_of;
use super::writes::News;
use super::{Flow, Stage};
use crate::domain::access::{AccessFacts, Verdict};
use crate::domain::cookies::delete_everywhere;
use crate::domain::patch::Patch;
use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, Upkeep};
use crate::domain::transform::{CycleError, Outcome, Start};
use crate::ports::StoreError;
use crate::store::Resident;

impl Flow {
    /// A visitor with no session of ours: one begins, unless this client has had too many.
    pub(super) async fn first_visit(
        self: &Arc<Self>,
        stage: Stage<'_>,
        lookup: Lookup,
    ) -> Decision {
        if !(stage.may_create)() {
            return match self.limited(stage, lookup).await {
                Ok(decision) => decision,
                Err(_) => self.unreadable(stage).await,
            };
        }
        let (id, body) = (self.new_id(), stage.account.base());
        let beginning = Beginning { id, body, lookup };
        let Ok(mut decision) = self.begin(stage, beginning).await else {
            return self.unreadable(stage).await;
        };
        if let Lookup::Rejected(label) = lookup {
            decision.events.push(Event::TokenRejected(label));
        }
        decision
    }

    /// Nobody in particular, because this client has had too many sessions. A login that has ended
    /// is withheld from the backend all the same.
    pub(super) async fn limited(
        &self,
        stage: Stage<'_>,
        lookup: Lookup,
    ) -> Result<Decision, StoreError> {
        let news = self.news(stage, &stage.account.base()).await?;
        let mut decision = self.nobody(stage, lookup).await.without_ended(stage, &news);
        decision.events.push(Event::CreationLimited);
        Ok(decision.undone_call(stage, Undone::CreationLimited))
    }

    /// The create call and the first cycle over what the request says.
    pub(super) async fn first_cycle(
        &self,
        stage: Stage<'_>,
        body: &Body,
        news: &News,
    ) -> Result<Outcome, NotBegun> {
        let start = |request: Patch| Start {
            body: body.clone(),
            request,
            raw: news.raw.clone(),
            create: true,
            ..Start::default()
        };
        let trace = stage.request.trace;
        let outcome = self
            .run(stage.account, start(news.request.clone()), trace)
            .await
            .map_err(|error| NotBegun::before_any_round(Undone::Cycle(error)))?;
        let limited = stage.account.limits.check(&outcome.body);
        let why = match (stage.ask, outcome.denied, limited) {
            (Some(_), Some(status), _) => Some(Undone::Denied(status)),
            (Some(_), None, Err(limit)) => Some(Undone::Limit(limit)),
            (_, _, Ok(())) => return Ok(outcome),
            (None, _, Err(_)) => None,
        };
        if let Some(why) = why {
            let rounds = outcome.rounds;
            return Err(NotBegun { why, rounds });
        }
        // What this request says would burst the session: it begins without.
        self.run(stage.account, start(Patch::new()), trace)
            .await
            .map_err(|error| NotBegun::before_any_round(Undone::Cycle(error)))
    }

    /// A call of the Session API by a crawler: it is answered as for a new visitor, and nothing is
    /// stored.
    pub(super) async fn unstored(&self, stage: Stage<'_>) -> Decision {
        let body = stage.account.base();
        let Ok(news) = self.news(stage, &body).await else {
            return self.unreadable(stage).await;
        };
        match self.first_cycle(stage, &body, &news).await {
            Ok(outcome) => {
                let events = events_of(&outcome);
                let body = self.share(stage.account, &outcome);
                let planned = Planned {
                    events,
                    ..Planned::default()
                };
                Self::plan_for(stage, &body, planned)
            }
            Err(failed) => self.failed_first(stage, body, failed),
        }
    }

    /// Routes without sessions, and crawlers: the headers of a default session.
    pub(super) async fn without_session(&self, stage: Stage<'_>) -> Decision {
        self.nobody(stage, Lookup::NotLooked).await
    }

    /// Nobody in particular: default headers, no stored session, no `Set-Cookie`.
    pub(super) async fn nobody(&self, stage: Stage<'_>, lookup: Lookup) -> Decision {
        let (body, events) = self.default_body(stage).await;
        let trace = Trace {
            lookup,
            ..Trace::default()
        };
        let facts = AccessFacts::default();
        Self::plan_for(
            stage,
            &body,
            Planned {
                facts,
                events,
                trace,
                ..Planned::default()
            },
        )
    }

    /// Two live sessions were presented (a sibling domain may have tossed one): none counts, and
    /// every place where such a cookie may sit is cleaned, so that the next request is clear.
    pub(super) async fn ambiguous(&self, stage: Stage<'_>) -> Decision {
        let mut decision = self.nobody(stage, Lookup::Ambiguous).await;
        let settings = stage.cookies();
        let host = stage.request.host;
        decision.cookies.deletions = delete_everywhere(settings, &settings.session, host);
        decision.events.push(Event::Ambiguous);
        decision.undone_call(stage, Undone::Ambiguous)
    }

    /// The store cannot be asked: nobody is logged out, and a route that needs a shopper waits.
    pub(super) async fn unreadable(&self, stage: Stage<'_>) -> Decision {
        let (body, mut events) = self.default_body(stage).await;
        events.push(Event::StoreUnavailable);
        let trace = Trace {
            lookup: Lookup::Unreadable,
            ..Trace::default()
        };
        let facts = AccessFacts {
            unreadable: true,
            ..AccessFacts::default()
        };
        Self::plan_for(
            stage,
            &body,
            Planned {
                facts,
                events,
                trace,
                ..Planned::default()
            },
        )
        .undone_call(stage, Undone::Unreadable)
    }

    /// An app that must not fail has failed: the request ends here, the session is as it was.
    pub(super) fn failed(
        &self,
        stage: Stage<'_>,
        resident: &Arc<Resident>,
        error: CycleError,
    ) -> Decision {
        let mut decision = self.plan(stage, resident, Planned::default());
        decision.verdict = broken(&error);
        decision.events.push(failure_event(&error));
        decision.undone(Undone::Cycle(error))
    }

    /// The same on a first visit, where there is no session to go back to.
    pub(super) fn failed_first(&self, stage: Stage<'_>, body: Body, failed: NotBegun) -> Decision {
        let NotBegun { why, rounds } = failed;
        let mut decision = Self::plan_for(
            stage,
            &self.bodies.share(&stage.account.name, body),
            Planned::default(),
        );
        decision.trace.rounds = rounds;
        match &why {
            Undone::Cycle(error) => {
                decision.verdict = broken(error);
                decision.events.push(failure_event(error));
            }
            other => decision.events.extend(other.event()),
        }
        decision.undone(why)
    }

    /// The body of the default session: made by a create call once a minute, by whoever comes
    /// first, and kept through failures.
    pub(super) async fn default_body(&self, stage: Stage<'_>) -> (Arc<SharedBody>, Vec<Event>) {
        let default = &stage.account.default;
        if let Some(body) = default.fresh(stage.now) {
            return (body, Vec::new());
        }
        let base = stage.account.base();
        let start = Start {
            body: base.clone(),
            create: true,
            ..Start::default()
        };
        match Box::pin(self.run(stage.account, start, stage.request.trace)).await {
            Ok(outcome) => {
                let events = events_of(&outcome);
                let upkeep = Upkeep::default().after(&outcome, &stage.account.graph, stage.now);
                // A whole session of a minute ago is better than half of one now.
                let last = default.last().filter(|_| !outcome.failed.is_empty());
                let body = last.unwrap_or_else(|| self.share(stage.account, &outcome));
                default.renew(&body, &upkeep, stage.now);
                (body, events)
            }
            Err(error) => {
                let body = default
                    .last()
                    .unwrap_or_else(|| self.bodies.share(&stage.account.name, base));
                default.renew(&body, &Upkeep::default(), stage.now);
                (body, vec![failure_event(&error)])
            }
        }
    }
}

fn broken(error: &CycleError) -> Verdict {
    Verdict::Failed {
        status: StatusCode::BAD_GATEWAY.as_u16(),
        message: error.to_string(),
    }
}

fn failure_event(error: &CycleError) -> Event {
    match error {
        CycleError::AppFailed { name, failure } => {
            Event::AppFailed(Arc::clone(name), failure.label())
        }
        CycleError::Loop(record) => Event::Looped(record.clone()),
    }
}
