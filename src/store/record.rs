//! What a store keeps: sessions, rotation markers, tombstones and logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, LoginHashes, Session, SessionId, Upkeep};
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
    /// The last activity that the far store has heard of.
    told: AtomicI64,
    /// One word in every session that has no login.
    rare: Option<Box<Rare>>,
    /// For how long a cache was told to keep it, in whole seconds.
    keep: AtomicU32,
    /// Whether no far store has it, because it holds nothing that could not be made again.
    light: AtomicBool,
    /// Whether the session's own `last_seen` is as a far store had it.
    as_read: bool,
}

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
            told: AtomicI64::new(seen),
            rare: (!logins.is_empty()).then(|| Box::new(Rare::Logins(logins))),
            keep: AtomicU32::new(0),
            light: AtomicBool::new(false),
            as_read: false,
        }
    }

    /// The same for a session that no far store is told of yet.
    pub(super) fn lightly(session: Session) -> Self {
        Self {
            light: AtomicBool::new(true),
            ..Self::new(session, Box::default())
        }
    }

    /// What holds the place of a marker or a tombstone in a cache. Entries of a cache are many and
    /// nearly all of them live, so that they have room for one pointer and no word for its kind.
    pub(super) fn placeholder(found: Found) -> Self {
        let session = match &found {
            Found::Ended(ended) => Session::clone(&ended.session),
            Found::Live(resident) => resident.snapshot(),
            Found::Moved(marker) => Session {
                id: marker.to,
                account: Arc::clone(&marker.account),
                body: Arc::new(SharedBody::new(&Body::new())),
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
        Duration::from_secs(self.keep.load(Ordering::Relaxed).into())
    }

    /// Notes for how long a cache is told to keep it, rounded up.
    pub(super) fn note_keep(&self, keep: Duration) {
        let begun = u64::from(keep.subsec_nanos() > 0);
        let seconds = keep.as_secs().saturating_add(begun);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.keep.store(seconds, Ordering::Relaxed);
    }

    /// Whether no far store has it, because it holds nothing that could not be made again. Its
    /// token says so.
    pub fn is_light(&self) -> bool {
        self.light.load(Ordering::Relaxed)
    }

    /// A far store has it, or will.
    pub(super) fn weighs(&self) {
        self.light.store(false, Ordering::Relaxed);
    }

    /// The same for a session as a far store had it: it may have been used since.
    pub fn read_back(session: Session, logins: Box<[Arc<Login>]>) -> Self {
        Self {
            as_read: true,
            ..Self::new(session, logins)
        }
    }

    /// The same value with changed content, as far as the far store was told and read.
    pub(super) fn replaced(&self, mut session: Session, logins: Box<[Arc<Login>]>) -> Self {
        session.last_seen = session.last_seen.max(self.session.last_seen);
        Self {
            as_read: self.as_read && session.last_seen == self.session.last_seen,
            light: AtomicBool::new(self.is_light()),
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
        let read = if self.as_read {
            self.session.last_seen
        } else {
            NOT_READ
        };
        judged(self.last_seen(), read, lag, now)
    }

    /// Whether the far store is to be told of activity at `at`; true once for each `interval`.
    pub(super) fn take_telling(&self, at: Millis, interval: Duration) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        // A tenth early: what is told waits a moment before it is kept.
        let unheard = at.since(Millis::from_millis(told));
        if unheard.is_zero() || unheard < interval.saturating_sub(interval / 10) {
            return false;
        }
        self.told
            .compare_exchange(told, at.as_millis(), Ordering::Relaxed, Ordering::Relaxed)
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
    /// The last activity as the far store had it, where the login was read from there.
    read: AtomicI64,
    /// How often everything near had become doubtful when it was read from afar last.
    checked: AtomicU64,
}

impl Login {
    /// A login that begins now.
    pub const fn new(now: Millis, expires: Millis) -> Self {
        Self {
            created_at: now,
            expires,
            seen: AtomicI64::new(now.as_millis()),
            ended: AtomicU8::new(0),
            read: AtomicI64::new(NOT_READ.as_millis()),
            checked: AtomicU64::new(0),
        }
    }

    /// A login as a far store had it: it may have been used since.
    pub(super) fn read_back(
        [created_at, expires, seen]: [Millis; 3],
        ended: Option<Ending>,
    ) -> Self {
        Self {
            created_at,
            expires,
            seen: AtomicI64::new(seen.as_millis()),
            ended: AtomicU8::new(ended.map_or(0, Ending::code)),
            read: AtomicI64::new(seen.as_millis()),
            checked: AtomicU64::new(0),
        }
    }

    /// How often everything near had become doubtful when it was read from afar last.
    pub(super) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Notes that it was read when everything near had become doubtful so often.
    pub(super) fn check(&self, drops: u64) {
        self.checked.fetch_max(drops, Ordering::Relaxed);
    }

    /// Takes over what the far store has meanwhile heard of others.
    pub(super) fn learn(&self, read: &Self) {
        let seen = read.last_seen().as_millis();
        if self.seen.fetch_max(seen, Ordering::Relaxed) < seen {
            self.read.store(seen, Ordering::Relaxed);
        }
        if let Some(reason) = read.ended() {
            self.end(reason);
        }
    }

    /// The same login as it stands now, observed on its own.
    pub(super) fn copy(&self) -> Self {
        Self {
            created_at: self.created_at,
            expires: self.expires,
            seen: AtomicI64::new(self.seen.load(Ordering::Relaxed)),
            ended: AtomicU8::new(self.ended.load(Ordering::Acquire)),
            read: AtomicI64::new(self.read.load(Ordering::Relaxed)),
            checked: AtomicU64::new(self.checked()),
        }
    }

    /// The last activity as the idle limit judges it; see [`Resident::judged_seen`].
    pub fn judged_seen(&self, lag: Duration, now: Millis) -> Millis {
        let read = Millis::from_millis(self.read.load(Ordering::Relaxed));
        judged(self.last_seen(), read, lag, now)
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

fn judged(seen: Millis, read: Millis, lag: Duration, now: Millis) -> Millis {
    if seen == read {
        seen.max(seen.plus(lag).min(now))
    } else {
        seen
    }
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
    fn a_session_with_its_counts_fits_into_160_bytes() {
        let counts = 2 * size_of::<usize>();
        let taken = size_of::<Resident>() + counts;
        assert!(taken <= 160, "{taken}: the next size up is 192");
    }
}
