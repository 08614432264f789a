//! Why each value of a session is what it is, read from the cycles that it went through.

use serde_json::Value as Json;

use super::{Lived, Told, Trigger};
use crate::domain::patch::Edit;
use crate::domain::session::{Body, Field};
use crate::domain::time::Millis;
use crate::domain::transform::{CallRecord, CallResult};

/// Who wrote a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// An app.
    App(String),
    /// A page's request: what it carried, `cookie`, `query` or what else is said by requests.
    Request,
    /// A call of the Session API.
    Call,
    /// Nobody: a new session holds it.
    Default,
    /// The session before this one, which ended.
    CarriedOver,
    /// It is not remembered.
    Unknown,
}

/// A value that was so when an app was called because of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Because {
    /// The field.
    pub field: Field,
    /// Its value then; none: it had been removed.
    pub value: Option<Json>,
}

/// A value, and why it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Its field.
    pub field: Field,
    /// It.
    pub value: Json,
    /// Who wrote it.
    pub writer: Writer,
    /// In which of the cycles, by place; none where nobody remembers.
    pub cycle: Option<usize>,
    /// In which of its rounds; none where no app wrote it.
    pub round: Option<u32>,
    /// When.
    pub at: Option<Millis>,
    /// Which changes called the app.
    pub because: Vec<Because>,
}

/// Why each value of a body is what it is, by cycles of its session, the latest first.
pub fn why(body: &Body, cycles: &[Lived]) -> Vec<Value> {
    let bodies: Vec<Between<'_>> = cycles.iter().map(|one| Between::of(&one.told)).collect();
    let shown = body
        .iter()
        .filter(|(field, _)| field.namespace() != "cookie");
    shown
        .map(|(field, slot)| {
            let value = slot.value();
            let told = cycles.iter().zip(&bodies).enumerate();
            let mut found = told.filter_map(|(at, (lived, between))| {
                let mut said = between.writer_of(field, value)?;
                (said.cycle, said.at) = (Some(at), Some(lived.at));
                Some(said)
            });
            found.next().unwrap_or_else(|| unknown(field, value))
        })
        .collect()
}

fn unknown(field: &Field, value: &Json) -> Value {
    Value {
        field: field.clone(),
        value: value.clone(),
        writer: Writer::Unknown,
        cycle: None,
        round: None,
        at: None,
        because: Vec::new(),
    }
}

/// A cycle with its bodies unpacked, for whoever asks what stood where.
#[derive(Debug)]
pub struct Between<'a> {
    told: &'a Told,
    before: Body,
    after: Body,
}

impl<'a> Between<'a> {
    /// Of a cycle.
    pub fn of(told: &'a Told) -> Self {
        Self {
            told,
            before: told.before.fields(),
            after: told.after.fields(),
        }
    }

    /// Who gave a field the value that it had after the cycle; none where the cycle left it alone.
    fn writer_of(&self, field: &Field, value: &Json) -> Option<Value> {
        let told = self.told;
        let written = |writer, round, because| Value {
            writer,
            round,
            because,
            ..unknown(field, value)
        };
        if self.after.value(field.as_str()) != Some(value) {
            return None;
        }
        for (at, round) in told.rounds.iter().enumerate().rev() {
            if !round.changed.contains(field) {
                continue;
            }
            // Of two apps that wrote it in one round, the later in the configuration has won.
            let mut calls = round.calls.iter().rev();
            let call = calls.find(|call| wrote(call, field));
            let app = call.map_or(Writer::Unknown, |call| Writer::App(call.name.to_string()));
            let because = call.map(|call| self.because(at, call)).unwrap_or_default();
            return Some(written(app, Some(round.number), because));
        }
        if told.requested.edit(field.as_str()).is_some() {
            let writer = match told.trigger {
                Trigger::Call => Writer::Call,
                Trigger::WorkedOutAnew => Writer::Unknown,
                _ => Writer::Request,
            };
            return Some(written(writer, None, Vec::new()));
        }
        let begun = match told.trigger {
            Trigger::FirstVisit | Trigger::WorkedOutAnew => Writer::Default,
            Trigger::Successor if field.namespace() == "account" => Writer::Default,
            Trigger::Successor => Writer::CarriedOver,
            // A session that a call began holds the same from its first moment as any other.
            Trigger::Call if told.rounds.first().is_some_and(|round| round.number == 0) => {
                Writer::Default
            }
            Trigger::Call | Trigger::Page | Trigger::Retry => return None,
        };
        Some(written(begun, None, Vec::new()))
    }

    /// What called an app in a round, by place, with the values of then.
    pub fn because(&self, at: usize, call: &CallRecord) -> Vec<Because> {
        let fields = call.because.iter();
        fields
            .map(|field| Because {
                field: field.clone(),
                value: self.before_round(at, field),
            })
            .collect()
    }

    /// What a field held when a round began, by the round's place.
    pub fn before_round(&self, at: usize, field: &Field) -> Option<Json> {
        let rounds = self.told.rounds.iter().skip(at);
        for round in rounds {
            if !round.changed.contains(field) {
                continue;
            }
            let mut replaced = round.replaced.iter();
            return match replaced.find(|(one, _)| one == field) {
                Some((_, slot)) => slot.as_ref().map(|slot| slot.value().clone()),
                None => self.before.value(field.as_str()).cloned(),
            };
        }
        self.after.value(field.as_str()).cloned()
    }

    /// What a field held when a round was over.
    pub fn after_round(&self, at: usize, field: &Field) -> Option<Json> {
        self.before_round(at + 1, field)
    }

    /// What a field held before the cycle.
    pub fn at_first(&self, field: &Field) -> Option<Json> {
        self.before.value(field.as_str()).cloned()
    }

    /// What the request wrote into a field.
    pub fn asked(&self, field: &Field) -> Option<Json> {
        match self.told.requested.edit(field.as_str())? {
            Edit::Set(slot) => Some(slot.value().clone()),
            Edit::Unset => None,
        }
    }
}

fn wrote(call: &CallRecord, field: &Field) -> bool {
    match &call.result {
        CallResult::Answered { writes, .. } => writes.contains(field),
        // What a refusing app writes instead is its own, too.
        CallResult::Refused { .. } => true,
        CallResult::Failed(_) | CallResult::Idle => false,
    }
}
