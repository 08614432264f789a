//! What a call of the Session API asks of the flow beside what every request says, and why it was
//! not done.

use super::event::Event;
use crate::domain::api::ApiError;
use crate::domain::patch::Patch;
use crate::domain::session::limits::LimitError;
use crate::domain::transform::{CycleError, Rounds};

/// A call of the Session API. All of it is done, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// A token in the path: it names the session, whatever the cookies say.
    pub token: Option<Box<str>>,
    /// What the call writes into `public`.
    pub writes: Patch,
    /// Whether the query's captured parameters are inputs, as on a page.
    pub captures_query: bool,
}

/// A session that did not begin.
#[derive(Debug)]
pub(super) struct NotBegun {
    pub(super) why: Undone,
    /// What its first cycle did, for `explain`.
    pub(super) rounds: Rounds,
}

impl NotBegun {
    pub(super) fn before_any_round(why: Undone) -> Self {
        let rounds = Rounds::default();
        Self { why, rounds }
    }
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// A trade policy was asked for and refused: 401 or 403.
    Denied(u16),
    /// The session would hold more than it may.
    Limit(LimitError),
    /// An app that must not fail has failed, or a cycle would not settle.
    Cycle(CycleError),
    /// The session was replaced a moment ago.
    Replaced,
    /// Tokens of two sessions came together.
    Ambiguous,
    /// This client has begun too many sessions.
    CreationLimited,
    /// The store cannot be asked.
    Unreadable,
}

impl Undone {
    /// What the log and the metrics are told of it, beside what its cycle said.
    pub(super) const fn event(&self) -> Option<Event> {
        match self {
            Self::Denied(status) => Some(Event::Refused(*status)),
            Self::Limit(_) => Some(Event::LimitReached),
            _ => None,
        }
    }
}

impl From<&Undone> for ApiError {
    fn from(undone: &Undone) -> Self {
        match undone {
            Undone::Denied(401) => Self::DeniedAnonymous,
            Undone::Denied(_) => Self::Denied,
            Undone::Limit(error) => Self::Limit(*error),
            Undone::Cycle(error) => Self::App(error.to_string()),
            Undone::Replaced => Self::Replaced,
            Undone::Ambiguous => Self::Ambiguous,
            Undone::CreationLimited => Self::CreationLimited,
            Undone::Unreadable => Self::Unavailable,
        }
    }
}
