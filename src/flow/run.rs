//! Drives a cycle: makes the calls of each round at the same time, within time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Flow;
use super::event::Event;
use crate::account::Account;
use crate::domain::plans::SharedBody;
use crate::domain::request::trace::RequestTrace;
use crate::domain::request::watch::{Part, Watched};
use crate::domain::session::Body;
use crate::domain::transform::{
    Answer, Call, CallResult, Cycle, CycleError, Failure, Outcome, SharedStart, Start,
};
use crate::outbound::recent::in_same_run;

impl Flow {
    /// Runs a cycle to its end, or gives what came of the same one a while ago. `trace` names the
    /// request that it is for, where there is one.
    pub(super) async fn run(
        &self,
        account: &Arc<Account>,
        start: Start,
        trace: Option<&RequestTrace>,
    ) -> Result<Outcome, CycleError> {
        let began = Instant::now();
        let watch = trace.and_then(|trace| trace.watch.as_ref());
        let watched = watch.map(|watch| watch.begin(Part::Cycle));
        let own = (account, began, &watched);
        let (finished, remembered) = match self.common(account, start) {
            Err(start) => (self.drive(own, start, trace).await, false),
            Ok(common) => {
                let share = |body: &Body| self.bodies.share(&account.name, body.clone());
                match account.outcomes.find(&common, self.clock.now()) {
                    Some(known) => (Ok(known.outcome(common, share)), true),
                    None => (self.drive_for_all(own, common, trace).await, false),
                }
            }
        };
        let took = began.elapsed();
        let finished = finished.map(|outcome| Outcome { took, ..outcome });
        let rounds = finished.as_ref().ok().and_then(|it| it.rounds.last());
        let rounds = rounds.map_or(0, |round| round.number);
        self.cycles.over(rounds, took);
        self.past
            .note_failures(account, &finished, self.clock.now());
        if let Some(watched) = watched {
            watched.end(match &finished {
                Ok(outcome) if outcome.looped.is_some() => "looped",
                Ok(_) if remembered => "remembered",
                Ok(_) => "settled",
                Err(_) => "failed",
            });
        }
        finished
    }

    /// What others may begin with too. A dry run has no others: it shows what each app says.
    fn common(&self, account: &Account, start: Start) -> Result<SharedStart, Start> {
        if self.dry {
            return Err(start);
        }
        SharedStart::of(start, &account.graph)
    }

    /// Asks the apps, and remembers what came of it where it would come again.
    async fn drive_for_all(
        &self,
        own: (&Arc<Account>, Instant, &Option<Watched>),
        common: SharedStart,
        trace: Option<&RequestTrace>,
    ) -> Result<Outcome, CycleError> {
        let (account, ..) = own;
        let finished = self.drive(own, common.whole(), trace).await;
        if let Ok(outcome) = &finished {
            account.outcomes.keep(common, outcome, self.clock.now());
        }
        finished
    }

    /// Asks the apps round by round.
    async fn drive(
        &self,
        (account, began, watched): (&Arc<Account>, Instant, &Option<Watched>),
        start: Start,
        trace: Option<&RequestTrace>,
    ) -> Result<Outcome, CycleError> {
        let deadline = began + account.cycle_deadline;
        let own = || RequestTrace::of_our_own(|| self.entropy.bits());
        let mut trace = trace.cloned().unwrap_or_else(own);
        if let Some(watched) = watched {
            trace.watch = Some(watched.watch());
        }
        let trace = Arc::new(trace);
        let mut cycle = Cycle::start(&account.graph, start);
        while let Some(calls) = cycle.next_round() {
            let replies = call_all((account, &trace), calls, deadline).await;
            let replies = replies.into_iter().map(|(app, reply, took)| {
                cycle.note_took(app, took);
                (app, reply)
            });
            let replies = replies.collect();
            cycle.absorb(replies);
            if Instant::now() >= deadline {
                cycle.close();
            }
        }
        cycle.finish()
    }

    /// What a cycle came to, as sessions share it.
    pub(super) fn share(&self, account: &Account, outcome: &Outcome) -> Arc<SharedBody> {
        let shared = outcome.shared.clone();
        shared.unwrap_or_else(|| self.bodies.share(&account.name, outcome.body.clone()))
    }
}

/// Calls every app of a round at once. Who has not answered by then is missing in the result.
async fn call_all(
    (account, trace): (&Arc<Account>, &Arc<RequestTrace>),
    mut calls: Vec<Call>,
    deadline: Instant,
) -> Vec<(usize, Result<Answer, Failure>, Duration)> {
    let began = Instant::now();
    // One call needs no task of its own; most rounds have one.
    if calls.len() == 1
        && let Some(call) = calls.pop()
    {
        let at = call.app;
        let reply = call_one((account, trace), &call, deadline).await;
        return vec![(at, reply, began.elapsed())];
    }
    let mut running = JoinSet::new();
    for call in calls {
        let (account, trace) = (Arc::clone(account), Arc::clone(trace));
        running.spawn(in_same_run(async move {
            let reply = call_one((&account, &trace), &call, deadline).await;
            (call.app, reply, began.elapsed())
        }));
    }
    let mut replies = Vec::with_capacity(running.len());
    while let Some(joined) = running.join_next().await {
        // A task that broke leaves its app out: the cycle counts that as failed.
        replies.extend(joined.ok());
    }
    replies
}

async fn call_one(
    (account, trace): (&Account, &RequestTrace),
    call: &Call,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let app = account.graph.app(call.app);
    let own = app.map_or(deadline, |app| Instant::now() + app.timeout);
    let until = own.min(deadline);
    let (Some(watch), Some(app)) = (&trace.watch, app) else {
        return in_time(until, account.apps.call(call, trace)).await;
    };
    let watched = watch.begin(Part::App(Arc::clone(&app.name)));
    let trace = trace.within(&watched);
    let reply = in_time(until, account.apps.call(call, &trace)).await;
    watched.end(match &reply {
        Ok(answer) if answer.refusal.is_some() => "refused",
        Ok(_) => "answered",
        Err(failure) => failure.label(),
    });
    reply
}

async fn in_time(
    until: Instant,
    call: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    timeout_at(until, call)
        .await
        .unwrap_or(Err(Failure::Timeout))
}

/// What came of keeping a session, told to whoever watches.
pub(super) fn kept<T, E>(keeping: Option<Watched>, result: Result<T, E>) -> Result<T, E> {
    if let Some(keeping) = keeping {
        keeping.end(if result.is_ok() { "kept" } else { "failed" });
    }
    result
}

/// What an outcome has to say to log, metrics and audit.
pub(super) fn events_of(outcome: &Outcome) -> Vec<Event> {
    let mut events = Vec::new();
    for call in outcome.rounds.iter().flat_map(|round| &round.calls) {
        match &call.result {
            CallResult::Failed(failure) => {
                events.push(Event::AppFailed(Arc::clone(&call.name), failure.label()));
            }
            CallResult::Answered { undeclared, .. } if !undeclared.is_empty() => {
                events.push(Event::UndeclaredWrites(
                    Arc::clone(&call.name),
                    undeclared.len(),
                ));
            }
            _ => {}
        }
    }
    events.extend(outcome.denied.map(Event::Refused));
    events.extend(outcome.looped.clone().map(Event::Looped));
    events.extend(outcome.notes.iter().copied().map(Event::Noted));
    if outcome.overwritten > 0 {
        events.push(Event::Overwritten(outcome.overwritten));
    }
    events
}
