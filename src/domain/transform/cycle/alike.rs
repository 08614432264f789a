//! What cycles that begin alike have in common: what one of them came to, the others come to as well.

use super::{CallResult, Field, Graph, Outcome, Start};
use crate::domain::patch::Patch;
use crate::domain::session::Body;
use crate::domain::time::Millis;

/// The beginning of a session, in two parts: what apps are told of, which other sessions begin with
/// too, and what its request says beside that, such as the number of a click or of a cart.
///
/// What no app is told of changes nothing of a cycle, except that it is in the body when it ends.
#[derive(Clone, Debug)]
pub struct SharedStart {
    start: Start,
    beside: Patch,
}

impl SharedStart {
    /// Takes a start apart; gives it back where it is one shopper's own: where it is no beginning, came
    /// with a cookie, calls apps for their age, or tells apps anything but public words.
    pub fn of(mut start: Start, graph: &Graph) -> Result<Self, Start> {
        if !(start.create && start.raw.is_empty() && start.recall.is_empty()) {
            return Err(start);
        }
        let beside = start.request.split_off(|field| !graph.concerns(field));
        let public = start
            .request
            .iter()
            .all(|(field, _)| field.namespace() == "public");
        let common = Self { start, beside };
        if public {
            Ok(common)
        } else {
            Err(common.whole())
        }
    }

    /// What others begin with too.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Whether the request says nothing beside that.
    pub fn is_all(&self) -> bool {
        self.beside.is_empty()
    }

    /// Both parts again.
    pub fn whole(&self) -> Start {
        let mut start = self.start.clone();
        start.request.merge(self.beside.clone());
        start
    }

    /// The first part alone.
    pub fn into_start(self) -> Start {
        self.start
    }

    /// What the first part alone would have come to, where both came to this.
    pub fn alone(&self, outcome: &Outcome) -> Outcome {
        let mut outcome = outcome.clone();
        for (field, _) in self.beside.iter() {
            restore(&mut outcome.body, &self.start.body, field);
        }
        let beside = |field: &Field| self.beside.edit(field.as_str()).is_some();
        outcome.changed.retain(|field| !beside(field));
        outcome.requested.retain(|field, _| !beside(field));
        outcome.shared = None;
        outcome
    }

    /// What both parts come to, where the first alone came to this.
    pub fn add_beside(self, outcome: &mut Outcome) {
        let Self { start, beside } = self;
        if beside.is_empty() {
            return;
        }
        for (field, edit) in beside {
            let changed = edit.apply(&field, &mut outcome.body);
            let name = field.as_str();
            if changed && outcome.body.value(name) != start.body.value(name) {
                outcome.changed.push(field.clone());
            }
            if changed {
                outcome.requested.edit_by(field, edit);
            }
        }
        outcome.changed.sort();
        outcome.shared = None;
    }
}

/// Gives a field what it holds in another body.
fn restore(body: &mut Body, before: &Body, field: &Field) {
    match before.slot(field.as_str()) {
        Some(slot) => body.put(field.clone(), slot.clone()),
        None => body.unset(field.as_str()),
    };
}

impl Outcome {
    /// Until when the same start comes to the same outcome, because each app that was called would
    /// give the same answer again by its memo. None where one of them is asked each time, and where
    /// anything failed, was refused or had to be stopped.
    pub fn again_until(&self) -> Option<Millis> {
        if self.denied.is_some() || self.looped.is_some() {
            return None;
        }
        let calls = self.rounds.iter().flat_map(|round| &round.calls);
        let mut least = None;
        for (call, timing) in calls.zip(&self.timings) {
            match call.result {
                CallResult::Idle => {}
                CallResult::Answered { .. } => {
                    let until = timing.again_until?;
                    least = Some(least.map_or(until, |least: Millis| least.min(until)));
                }
                CallResult::Refused { .. } | CallResult::Failed(_) => return None,
            }
        }
        least
    }
}
