//! The cycle as a state machine without IO: it says which calls to make and absorbs the replies.
//!
//! It never calls anything. The same inputs and answers give the same session, in whatever order
//! the answers arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::app::{Answer, Call, Failure, Input, Note, OnError, Refusal};
use super::graph::{Graph, OnLoop, says_who_acts};
use super::record::{CallRecord, CallResult, LoopRecord, RoundRecord, Rounds, Timing};
use crate::domain::patch::{Edit, Patch};
use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, Field};
use crate::domain::time::Millis;

mod alike;
mod merge;
mod settle;
#[cfg(test)]
mod tests;

pub use alike::SharedStart;

/// Where a cycle begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Start {
    /// The session's body as it is kept.
    pub body: Body,
    /// What this request writes: captured query parameters, cookie hashes, system fields.
    pub request: Patch,
    /// Raw values of captured cookies, under the fields that hold their hashes. They are inputs
    /// of calls and are never kept.
    pub raw: Body,
    /// Whether the session is new: the create call comes first.
    pub create: bool,
    /// Apps to be called although nothing that they watch changed: pending, or past their age.
    pub recall: BTreeSet<usize>,
}

/// A running cycle.
#[derive(Debug)]
pub struct Cycle<'g> {
    graph: &'g Graph,
    before: Body,
    body: Body,
    request: Patch,
    raw: Body,
    creating: bool,
    changed: BTreeSet<Field>,
    recall: BTreeSet<usize>,
    asked: Vec<usize>,
    failed: BTreeMap<usize, Failure>,
    refusals: BTreeMap<usize, Refusal>,
    answered: BTreeMap<usize, Answered>,
    notes: Vec<Note>,
    rounds: Vec<RoundRecord>,
    timings: Vec<Timing>,
    took: BTreeMap<usize, Duration>,
    requested: Vec<Field>,
    states: Vec<(Body, BTreeSet<Field>)>,
    spent: u32,
    rounds_run: u32,
    denied: Option<u16>,
    looped: Option<LoopRecord>,
    error: Option<CycleError>,
    authority_changed: bool,
    overwritten: u32,
    closed: bool,
}

/// When an app's answer was had, and until when it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// When it was looked up, where that is not now.
    pub as_of: Option<Millis>,
    /// When it stops to hold.
    pub valid_until: Option<Millis>,
    /// Until when a memo gives it again, where one remembers it.
    pub again_until: Option<Millis>,
}

/// What a cycle came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The body after the cycle.
    pub body: Body,
    /// The same as sessions share it, where somebody has looked for that already.
    pub shared: Option<Arc<SharedBody>>,
    /// Fields whose value differs from before, sorted.
    pub changed: Vec<Field>,
    /// What happened, round by round.
    pub rounds: Rounds,
    /// How each of their calls was answered, in their order.
    pub timings: Vec<Timing>,
    /// How long all of it took, where whoever drove it says so.
    pub took: Duration,
    /// What the request wrote and thereby changed, refused wishes left out.
    pub requested: Patch,
    /// 401 or 403 where a value that this request asked for was refused.
    pub denied: Option<u16>,
    /// The loop, where the cycle was one.
    pub looped: Option<LoopRecord>,
    /// Apps that failed and are to be tried again.
    pub failed: BTreeMap<usize, Failure>,
    /// Apps that answered, with the last answer's times.
    pub answered: BTreeMap<usize, Answered>,
    /// What apps noted for the audit log.
    pub notes: Vec<Note>,
    /// Writes that another app overwrote with another value in the same round.
    pub overwritten: u32,
}

/// Why a cycle has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CycleError {
    /// An app with `on_error = "fail"` failed.
    #[error("app {name} failed, resulting in an error building the session")]
    AppFailed {
        /// The app.
        name: Arc<str>,
        /// Why.
        failure: Failure,
    },
    /// The cycle would not settle, and `on_loop = "fail"`.
    #[error("apps {apps:?} keep changing {fields:?}", apps = .0.apps, fields = .0.fields)]
    Loop(LoopRecord),
}

impl<'g> Cycle<'g> {
    /// Prepares a cycle; nothing is called yet.
    pub fn start(graph: &'g Graph, start: Start) -> Self {
        let Start {
            body,
            request,
            raw,
            create,
            recall,
        } = start;
        let mut cycle = Self {
            graph,
            before: body.clone(),
            body,
            request,
            raw,
            creating: create,
            changed: BTreeSet::new(),
            recall,
            asked: Vec::new(),
            failed: BTreeMap::new(),
            refusals: BTreeMap::new(),
            answered: BTreeMap::new(),
            notes: Vec::new(),
            rounds: Vec::new(),
            timings: Vec::new(),
            took: BTreeMap::new(),
            requested: Vec::new(),
            states: Vec::new(),
            spent: 0,
            rounds_run: 0,
            denied: None,
            looped: None,
            error: None,
            authority_changed: false,
            overwritten: 0,
            closed: false,
        };
        if !create {
            cycle.write_request();
        }
        cycle
    }

    /// The calls of the next round, to be made all at the same time; `None` when the cycle ends.
    /// Each is to be answered through [`Cycle::absorb`] before the next round is asked for.
    pub fn next_round(&mut self) -> Option<Vec<Call>> {
        if self.creating {
            let calls = self.create_calls();
            if !calls.is_empty() && !self.closed {
                self.asked = calls.iter().map(|call| call.app).collect();
                return Some(calls);
            }
            self.fail_all(calls.iter().map(|call| call.app).collect());
            self.creating = false;
            self.write_first();
        }
        loop {
            if self.error.is_some() {
                return None;
            }
            let (due, idle) = self.due_apps();
            if due.is_empty() && idle.is_empty() {
                if self.restore_refused() {
                    continue;
                }
                return None;
            }
            if self.stop_looping() {
                return None;
            }
            if self.closed {
                self.fail_all(due);
                continue;
            }
            if due.is_empty() {
                self.finish_round(Vec::new());
                continue;
            }
            let calls = due.iter().map(|&app| self.call(app)).collect();
            self.asked = due;
            return Some(calls);
        }
    }

    /// Notes how long a call of the round that is under way took; the record tells it.
    pub fn note_took(&mut self, app: usize, took: Duration) {
        self.took.insert(app, took);
    }

    /// Takes the replies of the round that [`Cycle::next_round`] asked for. An app that is
    /// missing among them has failed by [`Failure::Timeout`].
    pub fn absorb(&mut self, replies: Vec<(usize, Result<Answer, Failure>)>) {
        let mut by_app: BTreeMap<usize, Result<Answer, Failure>> = replies.into_iter().collect();
        let replies = std::mem::take(&mut self.asked)
            .into_iter()
            .map(|app| (app, by_app.remove(&app).unwrap_or(Err(Failure::Timeout))))
            .collect();
        self.finish_round(replies);
        if self.creating {
            self.creating = false;
            self.write_first();
        }
    }

    /// The cycle's deadline has passed: whatever is still to be called has failed.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// What it came to.
    pub fn finish(self) -> Result<Outcome, CycleError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let changed = Patch::diff(&self.before, &self.body);
        let mut requested = self.request;
        requested.retain(|field, _| self.requested.contains(field));
        Ok(Outcome {
            requested,
            took: Duration::ZERO,
            timings: self.timings,
            changed: changed.iter().map(|(field, _)| field.clone()).collect(),
            body: self.body,
            shared: None,
            rounds: self.rounds.into(),
            denied: self.denied,
            looped: self.looped,
            failed: self.failed,
            answered: self.answered,
            notes: self.notes,
            overwritten: self.overwritten,
        })
    }

    /// After the create call. What a new session was given from the one before it is as new to
    /// the apps as what the request says.
    fn write_first(&mut self) {
        let given = self.before.namespace("public");
        self.changed.extend(given.map(|(field, _)| field.clone()));
        self.write_request();
    }

    /// The request's own writes come after the create call: what a shopper says is newer than
    /// what holds for everybody.
    fn write_request(&mut self) {
        let changed = self.request.apply(&mut self.body);
        self.note_authority(&changed);
        self.requested.extend(changed.iter().cloned());
        self.changed.extend(changed);
    }

    fn note_authority(&mut self, changed: &[Field]) {
        self.authority_changed |= changed.iter().any(says_who_acts);
    }

    fn create_calls(&self) -> Vec<Call> {
        let apps = self.graph.apps().iter().enumerate();
        apps.filter(|(_, app)| app.run_on_create)
            .map(|(at, _)| Call {
                app: at,
                inputs: Body::new(),
                current: Body::new(),
                create: true,
            })
            .collect()
    }

    /// Apps to be called now, and apps whose condition turned false while outputs stand.
    fn due_apps(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut due, mut idle) = (Vec::new(), Vec::new());
        for (at, app) in self.graph.apps().iter().enumerate() {
            let touched = self.changed.iter().any(|field| app.watches(field));
            if self.failed.contains_key(&at) || !(touched || self.recall.contains(&at)) {
                continue;
            }
            if app.when.as_ref().is_none_or(|when| when.holds(&self.body)) {
                due.push(at);
            } else if app
                .outputs
                .iter()
                .any(|field| self.body.slot(field.as_str()).is_some())
            {
                idle.push(at);
            }
        }
        (due, idle)
    }

    fn call(&self, at: usize) -> Call {
        let (mut inputs, mut current) = (Body::new(), Body::new());
        if let Some(app) = self.graph.app(at) {
            for (field, slot) in self.body.iter() {
                if app.inputs.iter().any(|input: &Input| input.watches(field)) {
                    match field.namespace() {
                        // The session keeps a hash; the app sees the cookie of this request.
                        "cookie" => {
                            if let Some(raw) = self.raw.value(field.as_str()) {
                                inputs.set(field.clone(), raw.clone());
                            }
                        }
                        _ => {
                            inputs.set(field.clone(), slot.value().clone());
                        }
                    }
                }
                if app.writes(field) {
                    current.set(field.clone(), slot.value().clone());
                }
            }
        }
        Call {
            app: at,
            inputs,
            current,
            create: false,
        }
    }

    fn because(&self, at: usize) -> Vec<Field> {
        let Some(app) = self.graph.app(at) else {
            return Vec::new();
        };
        self.changed
            .iter()
            .filter(|field| app.watches(field))
            .cloned()
            .collect()
    }

    fn fail_all(&mut self, apps: Vec<usize>) {
        let replies = apps
            .into_iter()
            .map(|app| (app, Err(Failure::Timeout)))
            .collect();
        self.finish_round(replies);
    }
}
