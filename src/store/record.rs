//! What a store keeps: sessions, rotation markers, tombstones and logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;

/// Why a session or a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nobody used it for longer than the idle limit.
    Idle,
    /// It reached its absolute age.
    Absolute,
    /// The shopper logged out.
    Logout,
    /// An operator, or the shopper from elsewhere, ended it.
    Revoked,
}

impl Ending {
    /// A label of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Logout => "logout",
            Self::Revoked => "revoked",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Idle => 1,
            Self::Absolute => 2,
            Self::Logout => 3,
            Self::Revoked => 4,
        }
    }

    const fn of_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Idle),
            2 => Some(Self::Absolute),
            3 => Some(Self::Logout),
            4 => Some(Self::Revoked),
            _ => None,
        }
    }
}

/// A live session as the near cache holds it: the session, and its moving last activity.
#[derive(Debug)]
pub struct Resident {
    session: Session,
    seen: AtomicI64,
    logins: Box<[Arc<Login>]>,
}

impl Resident {
    /// Puts a session, with the logins that it lives by, under observation.
    pub fn new(session: Session, logins: Box<[Arc<Login>]>) -> Self {
        let seen = AtomicI64::new(session.last_seen.as_millis());
        Self {
            session,
            seen,
            logins,
        }
    }

    /// The session. Its own `last_seen` may be older than [`Resident::last_seen`].
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The logins that it lives by.
    pub fn logins(&self) -> &[Arc<Login>] {
        &self.logins
    }

    /// Whether every login that it lives by is live and younger than `absolute`: one may have
    /// ended, or begun, in another session.
    pub fn logins_stand(&self, now: Millis, absolute: Duration) -> bool {
        let stands =
            |login: &Arc<Login>| login.ended().is_none() && now.since(login.created_at) < absolute;
        self.logins.iter().all(stands)
    }

    /// The last activity.
    pub fn last_seen(&self) -> Millis {
        Millis::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// Notes activity, of the session and of its logins. Never moves backwards.
    pub fn touch(&self, at: Millis) {
        self.seen.fetch_max(at.as_millis(), Ordering::Relaxed);
        for login in &self.logins {
            login.touch(at);
        }
    }

    /// The session with the last activity as it stands now.
    pub fn snapshot(&self) -> Session {
        Session {
            last_seen: self.last_seen(),
            ..self.session.clone()
        }
    }
}

/// A login: one token of the shop, live or ended. It outlives the sessions that use it, so that
/// an auth cookie left in a browser cannot silently begin another (lifetime law, "A login ends
/// with its session").
#[derive(Debug)]
pub struct Login {
    /// When the token was seen first.
    pub created_at: Millis,
    /// The token's own end; nothing is kept past it.
    pub expires: Millis,
    seen: AtomicI64,
    ended: AtomicU8,
}

impl Login {
    /// A login that begins now.
    pub const fn new(now: Millis, expires: Millis) -> Self {
        Self {
            created_at: now,
            expires,
            seen: AtomicI64::new(now.as_millis()),
            ended: AtomicU8::new(0),
        }
    }

    /// Why it ended, if it did. The first reason stays.
    pub fn ended(&self) -> Option<Ending> {
        Ending::of_code(self.ended.load(Ordering::Acquire))
    }

    /// Ends it. Returns whether it was live.
    pub fn end(&self, reason: Ending) -> bool {
        let live =
            self.ended
                .compare_exchange(0, reason.code(), Ordering::AcqRel, Ordering::Acquire);
        live.is_ok()
    }

    /// The last activity of any session that lives by it.
    pub fn last_seen(&self) -> Millis {
        Millis::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// Notes activity.
    pub fn touch(&self, at: Millis) {
        self.seen.fetch_max(at.as_millis(), Ordering::Relaxed);
    }
}

/// What remains of a session id after a rotation.
#[derive(Clone, Debug)]
pub struct Marker {
    /// The account.
    pub account: Arc<str>,
    /// The session that took its place.
    pub to: SessionId,
    /// When the marker stops to lead there.
    pub until: Millis,
}

/// What remains of a session that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The session as it was.
    pub session: Arc<Session>,
    /// Why it ended.
    pub reason: Ending,
    /// The anonymous session that took over what goes on. Parallel requests with the old cookie
    /// share it for a moment, so that one page makes one session.
    pub successor: Option<Marker>,
}

/// What a store knows under an id.
#[derive(Clone, Debug)]
pub enum Found {
    /// A live session, as far as the store can tell; the lifetime law decides.
    Live(Arc<Resident>),
    /// The id was replaced.
    Moved(Marker),
    /// The session ended.
    Ended(Ended),
}
