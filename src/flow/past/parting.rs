//! Sessions that were ended by what somebody did: why, by which request, and whose they were.
//!
//! What a store keeps of a logout is where the shopper went on, and nothing of theirs. This is the
//! rest, in memory alone: bounded in entries, in bytes and in age, and forgotten with the person.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AGE, acts_in};
use crate::domain::api::mask_tokens;
use crate::domain::plans::SharedBody;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::flow::Stage;
use crate::store::Ending;

/// How many are remembered.
const MOST: usize = 4_096;
/// How much their content may weigh together, in bytes.
const BYTES: usize = 4 * 1024 * 1024;
/// The longest path that is remembered, in characters.
const LONGEST_PATH: usize = 256;

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The browser sent no login cookie any more. When the token of the last one runs out, or ran
    /// out, where it says so.
    NoCookie(Option<Millis>),
    /// The login cookie's token had run out; when, where it is known.
    RanOut(Option<Millis>),
    /// The login cookie came and was refused; the verifier's word of a closed set.
    Refused(&'static str),
    /// The login had ended elsewhere, in another session of it.
    LoginEnded(Ending),
    /// The login cookie came, and no app said any more who that is.
    Unproven,
    /// Not even who somebody is would have fitted into the session.
    TooLarge,
    /// The shopper's browser called `DELETE` of the Session API.
    SessionApi,
    /// An operator ended it, alone or with all of its person's.
    Operator,
}

impl Cause {
    /// A word of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoCookie(_) => "no_login_cookie",
            Self::RanOut(_) => "login_ran_out",
            Self::Refused(_) => "login_refused",
            Self::LoginEnded(_) => "login_ended_elsewhere",
            Self::Unproven => "login_unproven",
            Self::TooLarge => "too_large",
            Self::SessionApi => "session_api",
            Self::Operator => "operator",
        }
    }

    /// When the login's token runs out, or ran out.
    pub const fn token_ends(self) -> Option<Millis> {
        match self {
            Self::NoCookie(at) | Self::RanOut(at) => at,
            _ => None,
        }
    }

    /// More about it, in a word of a closed set.
    pub const fn detail(self) -> Option<&'static str> {
        match self {
            Self::Refused(why) => Some(why),
            Self::LoginEnded(ending) => Some(ending.label()),
            _ => None,
        }
    }
}

/// The request that ended a session, as an access log has it: without its query, and without tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRequest {
    /// Its method.
    pub method: Box<str>,
    /// Its path.
    pub path: Box<str>,
}

impl LastRequest {
    fn of(stage: Stage<'_>) -> Self {
        let path = mask_tokens(stage.request.path.as_str());
        Self {
            method: stage.request.method.chars().take(32).collect(),
            path: path.chars().take(LONGEST_PATH).collect(),
        }
    }
}

/// What a session was when it ended.
#[derive(Clone, Debug)]
pub struct Was {
    /// What it held.
    pub body: Arc<SharedBody>,
    /// When it began, where that is known.
    pub created_at: Option<Millis>,
    /// When it was used last, where that is known.
    pub seen_at: Option<Millis>,
}

impl Was {
    /// A session as it stands.
    pub fn of(session: &Session) -> Self {
        Self {
            body: Arc::clone(&session.body),
            created_at: Some(session.created_at),
            seen_at: Some(session.last_seen),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Parting {
    /// Which.
    pub session: SessionId,
    /// When.
    pub at: Millis,
    /// Why.
    pub cause: Cause,
    /// By which request; none where an operator ended it.
    pub request: Option<LastRequest>,
    /// What it was.
    pub was: Was,
}

impl Parting {
    /// By a request.
    pub(in crate::flow) fn by_request(stage: Stage<'_>, session: &Session, cause: Cause) -> Self {
        Self {
            session: session.id,
            at: stage.now,
            cause,
            request: Some(LastRequest::of(stage)),
            was: Was::of(session),
        }
    }

    /// By an operator.
    pub(in crate::flow) fn by_operator(at: Millis, session: &Session) -> Self {
        Self {
            session: session.id,
            at,
            cause: Cause::Operator,
            request: None,
            was: Was::of(session),
        }
    }

    fn weight(&self) -> usize {
        let path = self.request.as_ref().map_or(0, |one| one.path.len());
        size_of::<Self>() + path + 2 * self.was.body.weight()
    }
}

/// The last of them.
#[derive(Default)]
pub(super) struct Partings(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: VecDeque<Parting>,
    bytes: usize,
}

impl Partings {
    /// Takes note of one; of a session that was noted before, the later counts.
    pub(super) fn note(&self, parting: Parting) {
        let mut kept = self.0.lock();
        let mut all = kept.entries.iter();
        if let Some(at) = all.position(|one| one.session == parting.session) {
            kept.remove(at);
        }
        let now = parting.at;
        kept.bytes += parting.weight();
        kept.entries.push_back(parting);
        while kept.entries.len() > MOST
            || kept.bytes > BYTES
            || kept
                .entries
                .front()
                .is_some_and(|oldest| now.since(oldest.at) > AGE)
        {
            kept.remove(0);
        }
    }

    pub(super) fn of(&self, session: SessionId) -> Option<Parting> {
        let kept = self.0.lock();
        let mut all = kept.entries.iter().rev();
        all.find(|one| one.session == session).cloned()
    }

    pub(super) fn last(&self) -> Option<Parting> {
        self.0.lock().entries.back().cloned()
    }

    /// Sessions in which a person acted when they ended, the latest first.
    pub(super) fn of_person(&self, account: &str, id: &str) -> Vec<SessionId> {
        let kept = self.0.lock();
        let all = kept.entries.iter().rev();
        all.filter(|one| acts_in(&one.was.body, account, id))
            .map(|one| one.session)
            .collect()
    }

    pub(super) fn forget(&self, sessions: &[SessionId]) {
        let mut kept = self.0.lock();
        kept.retain(|one| !sessions.contains(&one.session));
    }

    pub(super) fn forget_person(&self, account: &str, id: &str) {
        let mut kept = self.0.lock();
        kept.retain(|one| !acts_in(&one.was.body, account, id));
    }
}

impl Kept {
    fn remove(&mut self, at: usize) {
        if let Some(gone) = self.entries.remove(at) {
            self.bytes -= gone.weight();
        }
    }

    fn retain(&mut self, keep: impl Fn(&Parting) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(Parting::weight).sum();
    }
}
