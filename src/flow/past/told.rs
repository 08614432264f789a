//! What happened in a cycle, whosever it was.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{LoopRecord, Patch, RoundRecord, Rounds, SharedBody, Timing};
use crate::domain::time::Millis;
use crate::domain::transform::CallResult;

/// What a cycle was for. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A page's request for which a session began.
    FirstVisit,
    /// A session ended, and its successor began with what is not personal.
    Successor,
    /// A page's request that said something new.
    Page,
    /// A call of the Session API.
    Call,
    /// An app that had failed was tried again, beside the requests.
    Retry,
    /// Nothing remembered it: it was worked out anew for whoever asked.
    WorkedOutAnew,
}

impl Trigger {
    /// Its word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::FirstVisit => "first_visit",
            Self::Successor => "successor",
            Self::Page => "page",
            Self::Call => "api",
            Self::Retry => "retry",
            Self::WorkedOutAnew => "worked_out_anew",
        }
    }
}

/// What happened.
#[derive(Clone)]
pub struct Told {
    /// What it was for.
    pub trigger: Trigger,
    /// The fields before.
    pub before: Arc<SharedBody>,
    /// The fields after.
    pub after: Arc<SharedBody>,
    /// What the request wrote and thereby changed.
    pub requested: Patch,
    /// Round by round.
    pub rounds: Rounds,
    /// The loop, where it was one.
    pub looped: Option<LoopRecord>,
    /// 401 or 403 where a value that the request asked for was refused.
    pub denied: Option<u16>,
}

/// Bodies are shared: two that are equal are one.
impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
            && self.trigger == other.trigger
            && self.denied == other.denied
            && self.looped == other.looped
            && self.requested == other.requested
            && self.rounds == other.rounds
    }
}

impl Told {
    /// Where its bodies lie in memory; they stay there for as long as it holds them.
    pub(super) fn key(&self) -> [usize; 2] {
        [&self.before, &self.after].map(|body| Arc::as_ptr(body).addr())
    }

    /// What it takes in memory, in bytes, roughly; a body's plans take about as much as the body.
    pub(super) fn weight(&self) -> usize {
        let bodies = 2 * (self.before.weight() + self.after.weight());
        let rounds: usize = self.rounds.iter().map(round_weight).sum();
        size_of::<Self>() + 96 + bodies + rounds + self.requested.weight()
    }
}

/// Names of fields are shared; their places count.
fn round_weight(round: &RoundRecord) -> usize {
    const PLACE: usize = 24;
    let calls = round.calls.iter().map(|call| {
        let result = match &call.result {
            CallResult::Answered { writes, undeclared } => {
                (writes.len() + undeclared.len()) * PLACE
            }
            CallResult::Failed(failure) => failure.to_string().len(),
            CallResult::Refused { .. } | CallResult::Idle => 0,
        };
        size_of_val(call) + call.because.len() * PLACE + result
    });
    let replaced = round.replaced.iter().map(|(_, slot)| {
        let value = slot.as_ref().map(|slot| slot.value().to_string().len());
        96 + value.unwrap_or_default()
    });
    size_of_val(round)
        + round.changed.len() * PLACE
        + calls.sum::<usize>()
        + replaced.sum::<usize>()
}

/// Never values: they are a shopper's own.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told")
            .field("trigger", &self.trigger)
            .field("rounds", &self.rounds.len())
            .finish_non_exhaustive()
    }
}

/// How a call was answered, in four bytes: microseconds, and whether a memo had the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief(u32);

const MEMO: u32 = 1 << 31;

impl Brief {
    /// `at`: when the cycle was for; an answer that is older was a memo's.
    pub(super) fn of(timing: Timing, at: Millis) -> Self {
        let micros = u32::try_from(timing.took.as_micros()).unwrap_or(MEMO - 1);
        let remembered = timing.as_of.is_some_and(|as_of| as_of < at);
        let memo = if remembered { MEMO } else { 0 };
        Self(micros.min(MEMO - 1) | memo)
    }

    /// How long it took; past 35 minutes it says no more.
    pub const fn took(self) -> Duration {
        Duration::from_micros((self.0 & !MEMO) as u64)
    }

    /// Whether a memo had the answer.
    pub const fn by_memo(self) -> bool {
        self.0 & MEMO != 0
    }
}
