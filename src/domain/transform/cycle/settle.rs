//! The end of a cycle: refusals that stand, and loops.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::{Cycle, CycleError, Field, LoopRecord, OnLoop, Patch};
use crate::domain::transform::record::CallResult;

impl Cycle<'_> {
    /// A refusal stands at the end: the field that asked takes its old value and the app is asked
    /// once more under that, so its outputs are what they would be had nobody asked. Returns
    /// whether there was one.
    pub(super) fn restore_refused(&mut self) -> bool {
        let Some((_, refusal)) = self.refusals.pop_first() else {
            return false;
        };
        self.denied = Some(refusal.status);
        let mut restore = Patch::new();
        match self.before.value(refusal.field.as_str()) {
            Some(value) => restore.set(refusal.field.clone(), value.clone()),
            None => restore.unset(refusal.field.clone()),
        }
        // From here on it is no longer this request that asks.
        self.request.retain(|field, _| *field != refusal.field);
        self.changed = restore.apply(&mut self.body).into_iter().collect();
        self.changed.insert(refusal.field);
        self.states.clear();
        self.spent = 0;
        true
    }

    /// Ends a cycle that will not settle: too many rounds, or a state that came back.
    pub(super) fn stop_looping(&mut self) -> bool {
        let state = (self.body.clone(), self.changed.clone());
        let returned = self.states.iter().position(|earlier| *earlier == state);
        if returned.is_none() && self.spent < self.graph.settings().max_rounds {
            self.states.push(state);
            return false;
        }
        // Between two equal states everything that changed is in motion; past the bound, what
        // changed in the last round is.
        let since = returned.unwrap_or(self.states.len());
        let mut fields: BTreeSet<Field> = self.changed.clone();
        for (_, changed) in self.states.iter().skip(since.saturating_add(1)) {
            fields.extend(changed.iter().cloned());
        }
        let record = LoopRecord {
            apps: self.writers(&fields),
            fields: fields.into_iter().collect(),
        };
        if self.graph.settings().on_loop == OnLoop::Fail {
            self.error = Some(CycleError::Loop(record));
            return true;
        }
        self.revert(&record.fields);
        self.looped = Some(record);
        true
    }

    /// Gives fields the value they had before the cycle, except what another shopper's authority
    /// had put there: that is cleared.
    fn revert(&mut self, fields: &[Field]) {
        let mut patch = Patch::new();
        for field in fields {
            let foreign = self.authority_changed && self.graph.personal_field(field);
            let old: Option<&Value> = self.before.value(field.as_str()).filter(|_| !foreign);
            match old {
                Some(value) => patch.set(field.clone(), value.clone()),
                None => patch.unset(field.clone()),
            }
        }
        patch.apply(&mut self.body);
    }

    fn writers(&self, fields: &BTreeSet<Field>) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        for call in self.rounds.iter().flat_map(|round| &round.calls) {
            let CallResult::Answered { writes, .. } = &call.result else {
                continue;
            };
            if writes.iter().any(|field| fields.contains(field)) && !names.contains(&call.name) {
                names.push(Arc::clone(&call.name));
            }
        }
        names
    }
}
