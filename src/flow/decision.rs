//! What was decided about a request: described, not yet done.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::ask::Undone;
use super::event::Event;
use super::lookup::Lookup;
use crate::account::Account;
use crate::domain::access::{AccessFacts, Verdict};
use crate::domain::plans::{Plans, SharedBody};
use crate::domain::session::{Field, SessionId};
use crate::domain::time::Millis;
use crate::domain::transform::{LoopRecord, Rounds};
use crate::store::Resident;

/// The plan of one request.
#[derive(Debug)]
pub struct Decision {
    /// The account that it belongs to.
    pub account: Arc<Account>,
    /// The moment by which it was judged.
    pub now: Millis,
    /// Whether it goes on, and to where otherwise.
    pub verdict: Verdict,
    /// Headers for the backend.
    pub injection: Injection,
    /// Cookies for the browser.
    pub cookies: CookiePlan,
    /// Captured cookies that are not to reach the backend: their login has ended.
    pub withheld: Vec<String>,
    /// Whether a shopper or staff is logged in, which decides cache rules.
    pub authenticated: bool,
    /// Why a call of the Session API, or a page whose app may not fail, was not done.
    pub undone: Option<Box<Undone>>,
    /// Whether the request said nothing new to the session that it was recognised for, and so is
    /// worth being remembered; see [`Said`](super::Said).
    pub repeatable: bool,
    /// What access was judged by.
    pub facts: AccessFacts,
    /// What happened.
    pub events: Vec<Event>,
    /// How it came about, for `explain`.
    pub trace: Trace,
}

/// Headers for the backend.
#[derive(Clone, Debug)]
pub struct Injection {
    /// What follows from the body alone.
    pub plans: Arc<Plans>,
    /// What belongs to this session or request alone.
    pub own: Vec<(HeaderName, HeaderValue)>,
}

/// Which cookies are to leave. What leaves in truth depends on the response too.
#[derive(Debug, Default)]
pub struct CookiePlan {
    /// The session that the cookies name.
    pub session: Option<Arc<Resident>>,
    /// Whether its cookie must leave, or may wait.
    pub due: Issue,
    /// Whether the segment cookie leaves without the session's being due.
    pub segment: bool,
    /// Whole `Set-Cookie` lines that delete cookies.
    pub deletions: Vec<HeaderValue>,
}

/// Whether the session cookie is to be issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Issue {
    /// It is fresh enough.
    #[default]
    No,
    /// Its refresh window has begun; the issue time of the presented one.
    Window(Millis),
    /// It is new, or names another session.
    Must,
}

/// How a decision came about.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// What became of the presented tokens.
    pub lookup: Lookup,
    /// The session after the request, where there is one.
    pub session: Option<SessionId>,
    /// The fields after the request.
    pub body: Option<Arc<SharedBody>>,
    /// What the request itself changed.
    pub news: Vec<Field>,
    /// Apps called for their age.
    pub recalled: Vec<usize>,
    /// The cycle, round by round.
    pub rounds: Rounds,
    /// All that differs after the cycle.
    pub changed: Vec<Field>,
    /// The loop, if it was one.
    pub looped: Option<LoopRecord>,
}
