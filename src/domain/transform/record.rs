//! What a cycle did, round by round: for `explain`, events and tests.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::app::Failure;
use crate::domain::session::{Field, Slot};
use crate::domain::time::Millis;

/// The rounds of a cycle. Whoever keeps them shares them; where there were none, they take nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounds(Option<Arc<[RoundRecord]>>);

impl From<Vec<RoundRecord>> for Rounds {
    fn from(rounds: Vec<RoundRecord>) -> Self {
        Self((!rounds.is_empty()).then(|| rounds.into()))
    }
}

impl Deref for Rounds {
    type Target = [RoundRecord];

    fn deref(&self) -> &[RoundRecord] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// One round.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRecord {
    /// 0 for the create call, then counted from 1.
    pub number: u32,
    /// The apps called, in configured order.
    pub calls: Vec<CallRecord>,
    /// Fields whose value differs after the round, sorted.
    pub changed: Vec<Field>,
    /// What this very cycle had put there before, of the fields among them that it had changed
    /// already: with the bodies before and after, every value between them is known.
    pub replaced: Vec<(Field, Option<Slot>)>,
}

/// When a call was answered, beside what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// How long it took, by whoever made it.
    pub took: Duration,
    /// When the answer was looked up, where it came from a memo.
    pub as_of: Option<Millis>,
    /// Until when the memo gives the same answer again, where it remembers it.
    pub again_until: Option<Millis>,
}

/// One call within a round.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// Position of the app.
    pub app: usize,
    /// Its name.
    pub name: Arc<str>,
    /// The changed fields that it watches; empty where it was called for its age.
    pub because: Vec<Field>,
    /// What came of it.
    pub result: CallResult,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallResult {
    /// It answered; these declared outputs are in the answer.
    Answered {
        /// Written fields.
        writes: Vec<Field>,
        /// Fields that it wrote without having declared them; ignored.
        undeclared: Vec<Field>,
    },
    /// It refuses a value that was asked for.
    Refused {
        /// 401 or 403.
        status: u16,
    },
    /// It gave no answer.
    Failed(Failure),
    /// Its `when` does not hold (any more): not called, outputs cleared.
    Idle,
}

/// A cycle that would not settle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopRecord {
    /// The apps that kept writing.
    pub apps: Vec<Arc<str>>,
    /// The keys that kept changing.
    pub fields: Vec<Field>,
}
