//! What a store keeps: sessions, rotation markers, tombstones and logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, LoginHashes, Session, SessionId, Upkeep};
use crate::domain::time::Millis;

mod login;

use login::judged;
pub use login::{LONGEST_LOGIN, Login};

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

    /// Its number in records.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Idle => 1,
            Self::Absolute => 2,
            Self::Logout => 3,
            Self::Revoked => 4,
        }
    }

    pub(super) const fn of_code(code: u8) -> Option<Self> {
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
    /// One word in every session that has no login.
    rare: Option<Box<Rare>>,
    /// The last activity that the far store has heard of, in ticks after the session's own
    /// `last_seen`, rounded up.
    told: AtomicU32,
    /// For how long a cache was told to keep it, in whole seconds; and the two marks.
    keep: AtomicU32,
}

/// What activity that was told afar is counted in. The four bytes last for 497 days after a
/// session's last change; past them the far store is told more often than it need be.
const TICK: Duration = Duration::from_millis(10);
/// No far store has it, because it holds nothing that could not be made again.
const LIGHT: u32 = 1 << 31;
/// The session's own `last_seen` is as a far store had it.
const AS_READ: u32 = 1 << 30;
/// The seconds beside the marks: 34 years.
const KEEP: u32 = AS_READ - 1;

/// What few have; nothing has both.
#[derive(Debug)]
enum Rare {
    Logins(Box<[Arc<Login>]>),
    /// It lives no more and only holds the place in a cache of what is under its id now.
    Instead(Found),
}

/// For what was not read from a far store; no activity is so early.
const NOT_READ: Millis = Millis::from_millis(i64::MIN);

impl Resident {
    /// Puts a session, with the logins that it lives by, under observation.
    pub fn new(session: Session, logins: Box<[Arc<Login>]>) -> Self {
        let seen = session.last_seen.as_millis();
        Self {
            session,
            seen: AtomicI64::new(seen),
            rare: (!logins.is_empty()).then(|| Box::new(Rare::Logins(logins))),
            told: AtomicU32::new(0),
            keep: AtomicU32::new(0),
        }
    }

    /// The same for a session that no far store is told of yet.
    pub(super) fn lightly(session: Session) -> Self {
        Self {
            keep: AtomicU32::new(LIGHT),
            ..Self::new(session, Box::default())
        }
    }

    /// What holds the place of a marker or a tombstone under its id in a cache. Entries of a cache are many and
    /// nearly all of them live, so that they have room for one pointer and no word for its kind.
    pub(super) fn placeholder(id: SessionId, found: Found) -> Self {
        let session = match &found {
            Found::Ended(ended) => Session {
                id,
                ..Session::clone(&ended.session)
            },
            Found::Live(resident) => Session {
                id,
                ..resident.snapshot()
            },
            Found::Moved(marker) => Session {
                id,
                body: Arc::new(SharedBody::new(&marker.account, &Body::new())),
                version: 0,
                created_at: Millis::default(),
                issued_at: Millis::default(),
                last_seen: Millis::default(),
                token: None,
                logins: LoginHashes::default(),
                upkeep: Upkeep::default(),
            },
        };
        Self {
            rare: Some(Box::new(Rare::Instead(found))),
            ..Self::new(session, Box::default())
        }
    }

    /// What it only holds the place of, if it does.
    pub(super) fn instead(&self) -> Option<&Found> {
        match self.rare.as_deref() {
            Some(Rare::Instead(found)) => Some(found),
            Some(Rare::Logins(_)) | None => None,
        }
    }

    /// For how long a cache was told to keep it, in whole seconds.
    pub(super) fn keep(&self) -> Duration {
        Duration::from_secs((self.keep.load(Ordering::Relaxed) & KEEP).into())
    }

    /// Notes for how long a cache is told to keep it, rounded up.
    pub(super) fn note_keep(&self, keep: Duration) {
        let begun = u64::from(keep.subsec_nanos() > 0);
        let seconds = keep.as_secs().saturating_add(begun);
        let seconds = u32::try_from(seconds).unwrap_or(KEEP).min(KEEP);
        let beside = |kept: u32| Some((kept & !KEEP) | seconds);
        let order = Ordering::Relaxed;
        let noted = self.keep.fetch_update(order, order, beside);
        debug_assert!(noted.is_ok(), "it is always noted");
    }

    /// Whether no far store has it, because it holds nothing that could not be made again. Its
    /// token says so.
    pub fn is_light(&self) -> bool {
        self.marked(LIGHT)
    }

    /// A far store has it, or will.
    pub(super) fn weighs(&self) {
        self.keep.fetch_and(!LIGHT, Ordering::Relaxed);
    }

    fn marked(&self, mark: u32) -> bool {
        self.keep.load(Ordering::Relaxed) & mark != 0
    }

    /// The same for a session as a far store had it: it may have been used since.
    pub fn read_back(session: Session, logins: Box<[Arc<Login>]>) -> Self {
        Self {
            keep: AtomicU32::new(AS_READ),
            ..Self::new(session, logins)
        }
    }

    /// The same value with changed content, as far as the far store was told and read.
    pub(super) fn replaced(&self, mut session: Session, logins: Box<[Arc<Login>]>) -> Self {
        session.last_seen = session.last_seen.max(self.session.last_seen);
        let mut marks = self.keep.load(Ordering::Relaxed) & LIGHT;
        if self.marked(AS_READ) && session.last_seen == self.session.last_seen {
            marks |= AS_READ;
        }
        Self {
            keep: AtomicU32::new(marks),
            ..Self::new(session, logins)
        }
    }

    /// The session. Its own `last_seen` may be older than [`Resident::last_seen`].
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The logins that it lives by.
    pub fn logins(&self) -> &[Arc<Login>] {
        match self.rare.as_deref() {
            Some(Rare::Logins(logins)) => logins,
            Some(Rare::Instead(_)) | None => &[],
        }
    }

    /// Whether every login that it lives by is live and younger than `absolute`: one may have
    /// ended, or begun, in another session.
    pub fn logins_stand(&self, now: Millis, absolute: Duration) -> bool {
        let stands =
            |login: &Arc<Login>| login.ended().is_none() && now.since(login.created_at) < absolute;
        self.logins().iter().all(stands)
    }

    /// The last activity.
    pub fn last_seen(&self) -> Millis {
        Millis::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// The last activity as the idle limit judges it. What was read from a far store may be
    /// older than the truth by `lag`, the interval in which activity reaches it: it counts as that
    /// much younger, so a session ends late by at most that and never early.
    pub fn judged_seen(&self, lag: Duration, now: Millis) -> Millis {
        let read = if self.marked(AS_READ) {
            self.session.last_seen
        } else {
            NOT_READ
        };
        judged(self.last_seen(), read, lag, now)
    }

    /// Whether the far store is to be told of activity at `at`; true once for each `interval`.
    pub(super) fn take_telling(&self, at: Millis, interval: Duration) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        let begun = self.session.last_seen;
        // A tenth early: what is told waits a moment before it is kept.
        let unheard = at.since(begun.plus(TICK.saturating_mul(told)));
        if unheard.is_zero() || unheard < interval.saturating_sub(interval / 10) {
            return false;
        }
        self.told
            .compare_exchange(
                told,
                ticks(at.since(begun)),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Notes activity, of the session and of its logins. Never moves backwards.
    pub fn touch(&self, at: Millis) {
        self.seen.fetch_max(at.as_millis(), Ordering::Relaxed);
        for login in self.logins() {
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

/// Whole ticks, rounded up.
fn ticks(span: Duration) -> u32 {
    let ticks = span.as_millis().div_ceil(TICK.as_millis());
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// What remains of a session id after a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_with_its_counts_fits_into_128_bytes() {
        let counts = 2 * size_of::<usize>();
        let taken = size_of::<Resident>() + counts;
        assert!(taken <= 128, "{taken}: the next size up is 160");
    }
}
