//! The end of a round: replies are merged in configured order, whatever order they came in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{
    Answer, Answered, CallRecord, CallResult, Cycle, CycleError, Edit, Failure, Field, OnError,
    Patch, RoundRecord, Timing,
};
use crate::domain::session::Slot;
use crate::domain::transform::graph::says_who_acts;

/// What the replies of one round write, before it touches the session.
#[derive(Default)]
struct Merge {
    patch: Patch,
    calls: Vec<(CallRecord, Timing)>,
}

impl Cycle<'_> {
    /// Merges replies (sorted by app) and begins the next round's set of changed fields.
    pub(super) fn finish_round(&mut self, replies: Vec<(usize, Result<Answer, Failure>)>) {
        let mut merge = Merge::default();
        if !self.creating {
            let (_, idle) = self.due_apps();
            for app in idle {
                self.clear_outputs(app, &mut merge);
                self.record(app, CallResult::Idle, &mut merge);
            }
        }
        for (app, reply) in replies {
            match reply {
                Ok(answer) => self.answer(app, answer, &mut merge),
                Err(failure) => self.failure(app, failure, &mut merge),
            }
        }
        let mut replaced = self.rewritten(&merge.patch);
        let mut changed = merge.patch.apply(&mut self.body);
        let knew = self.authority_changed;
        self.note_authority(&changed);
        if self.authority_changed && !knew {
            changed.extend(self.clear_what_failed());
            changed.sort();
            changed.dedup();
        }
        if !self.creating {
            self.spent += 1;
            self.rounds_run += 1;
        }
        if !merge.calls.is_empty() {
            merge.calls.sort_by_key(|(call, _)| call.app);
            let (calls, timings): (Vec<_>, Vec<_>) = merge.calls.into_iter().unzip();
            self.timings.extend(timings);
            replaced.retain(|(field, _)| changed.contains(field));
            self.rounds.push(RoundRecord {
                number: self.rounds_run,
                calls,
                changed: changed.clone(),
                replaced,
            });
        }
        self.changed = changed.into_iter().collect();
        self.recall.clear();
        self.took.clear();
    }

    /// What stands now in fields that a patch writes and that this cycle has changed already.
    fn rewritten(&self, patch: &Patch) -> Vec<(Field, Option<Slot>)> {
        let written = |field: &&Field| {
            let mut rounds = self.rounds.iter();
            self.requested.contains(field) || rounds.any(|round| round.changed.contains(field))
        };
        let fields = patch.iter().map(|(field, _)| field).filter(written);
        fields
            .map(|field| (field.clone(), self.body.slot(field.as_str()).cloned()))
            .collect()
    }

    fn record(&self, app: usize, result: CallResult, merge: &mut Merge) {
        let name = self
            .graph
            .app(app)
            .map_or_else(|| "".into(), |spec| Arc::clone(&spec.name));
        let answered = matches!(
            result,
            CallResult::Answered { .. } | CallResult::Refused { .. }
        );
        let answer = self.answered.get(&app).filter(|_| answered);
        let timing = Timing {
            took: self.took.get(&app).copied().unwrap_or_default(),
            as_of: answer.and_then(|answer| answer.as_of),
            again_until: answer.and_then(|answer| answer.again_until),
        };
        let record = CallRecord {
            app,
            name,
            because: self.because(app),
            result,
        };
        merge.calls.push((record, timing));
    }

    fn clear_outputs(&self, app: usize, merge: &mut Merge) {
        let outputs = self.graph.app(app).map_or(&[][..], |spec| &spec.outputs);
        for field in outputs {
            merge.patch.unset(field.clone());
        }
    }

    /// Who acts changed in this round: what apps that had failed before, or fail in this very round,
    /// kept was told to somebody else.
    fn clear_what_failed(&mut self) -> Vec<Field> {
        let mut patch = Patch::new();
        for &app in self.failed.keys().filter(|app| self.graph.personal(**app)) {
            for field in self.graph.app(app).map_or(&[][..], |spec| &spec.outputs) {
                // What says who acts is what changed, and what this request says is said by whoever
                // acts now: neither is somebody else's.
                if !says_who_acts(field) && !self.said_now(field) {
                    patch.unset(field.clone());
                }
            }
        }
        patch.apply(&mut self.body)
    }

    /// Whether a field holds what this very request wrote: the wish of whoever logs in by it, say.
    fn said_now(&self, field: &Field) -> bool {
        match self.request.edit(field.as_str()) {
            Some(Edit::Set(slot)) => self.body.slot(field.as_str()) == Some(slot),
            Some(Edit::Unset) | None => false,
        }
    }

    fn answer(&mut self, app: usize, answer: Answer, merge: &mut Merge) {
        let Answer {
            writes,
            refusal,
            valid_until,
            as_of,
            again_until,
            notes,
        } = answer;
        let answered = Answered {
            as_of,
            valid_until,
            again_until,
        };
        self.answered.insert(app, answered);
        self.notes.extend(notes);
        // A key that the app leaves out is untouched, but not across a change of who acts.
        if self.because(app).iter().any(says_who_acts) {
            self.clear_outputs(app, merge);
        }
        let Some(refusal) = refusal else {
            self.refusals.remove(&app);
            let undeclared = self.write(app, &writes, merge);
            let writes = declared(&writes, &undeclared);
            self.record(app, CallResult::Answered { writes, undeclared }, merge);
            return;
        };
        self.record(
            app,
            CallResult::Refused {
                status: refusal.status,
            },
            merge,
        );
        if matches!(
            self.request.edit(refusal.field.as_str()),
            Some(Edit::Set(_))
        ) {
            // Asked for by this request: it counts only if it stands when the cycle ends.
            self.refusals.insert(app, refusal);
        } else {
            self.write(app, &refusal.fallback, merge);
            merge.patch.unset(refusal.field);
        }
    }

    /// Takes the declared writes; returns the fields that were not declared.
    fn write(&mut self, app: usize, writes: &Patch, merge: &mut Merge) -> Vec<Field> {
        let Some(spec) = self.graph.app(app) else {
            return Vec::new();
        };
        let mut undeclared = Vec::new();
        for (field, edit) in writes.iter() {
            if !spec.writes(field) {
                undeclared.push(field.clone());
                continue;
            }
            let earlier = merge.patch.edit(field.as_str());
            if matches!(earlier, Some(Edit::Set(_))) && earlier != Some(edit) {
                self.overwritten += 1;
            }
            match edit {
                Edit::Set(slot) => merge.patch.put(field.clone(), slot.clone()),
                Edit::Unset => merge.patch.unset(field.clone()),
            }
        }
        undeclared
    }

    fn failure(&mut self, app: usize, failure: Failure, merge: &mut Merge) {
        self.record(app, CallResult::Failed(failure.clone()), merge);
        let Some(spec) = self.graph.app(app) else {
            return;
        };
        match spec.on_error {
            OnError::Fail => {
                let name = Arc::clone(&spec.name);
                self.error = Some(CycleError::AppFailed {
                    name,
                    failure: failure.clone(),
                });
            }
            OnError::Clear => self.clear_outputs(app, merge),
            // What one shopper was told must not be kept for the next one.
            OnError::Keep if self.authority_changed && self.graph.personal(app) => {
                for field in spec.outputs.iter().filter(|field| !self.said_now(field)) {
                    merge.patch.unset(field.clone());
                }
            }
            OnError::Keep => {}
        }
        self.failed.insert(app, failure);
    }
}

fn declared(writes: &Patch, undeclared: &[Field]) -> Vec<Field> {
    let undeclared: BTreeSet<&Field> = undeclared.iter().collect();
    writes
        .iter()
        .map(|(field, _)| field)
        .filter(|f| !undeclared.contains(f))
        .cloned()
        .collect()
}
