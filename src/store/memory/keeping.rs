//! What the caches hold, how long, and what it weighs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::ByBits;
use super::index::Index;
use crate::domain::session::SessionId;
use crate::store::record::{Found, Login, Resident};

/// What a session's head, its cache entry and its share of tables take, in bytes, as
/// `benches/memory.rs` weighs them.
const HEAD_BYTES: u32 = 450;
/// Bytes of an anonymous body that count as shared.
const SHARED_BYTES: usize = 4096;

/// Longer than anything lives; the cache refuses to be told of more than a thousand years.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// What is under an id: a session, or what holds the place of anything else.
#[derive(Clone, Debug)]
pub(super) struct Entry(Arc<Resident>);

impl Entry {
    pub(super) fn new(id: SessionId, found: Found, keep: Duration) -> Self {
        match found {
            Found::Live(resident) => Self::live(resident, keep),
            other => Self::live(Arc::new(Resident::placeholder(id, other)), keep),
        }
    }

    pub(super) fn live(resident: Arc<Resident>, keep: Duration) -> Self {
        resident.note_keep(keep);
        Self(resident)
    }

    /// What it is in, or holds the place of.
    pub(super) fn found(resident: Arc<Resident>) -> Found {
        match resident.instead() {
            Some(other) => other.clone(),
            None => Found::Live(resident),
        }
    }

    /// What is found under its id.
    pub(super) fn indexed(&self) -> &Arc<Resident> {
        let Self(resident) = self;
        resident
    }

    /// For how long it was to be kept, in whole seconds.
    pub(super) fn keep(&self) -> Duration {
        self.0.keep()
    }

    /// The session, where it lives.
    pub(super) fn resident(&self) -> Option<&Arc<Resident>> {
        let Self(resident) = self;
        resident.instead().is_none().then_some(resident)
    }

    fn weight(&self) -> u32 {
        let session = self.0.session();
        let body = session.body.weight();
        // A small anonymous body is shared by thousands; one that grew is a visitor's own.
        let own = if session.authenticated() {
            body
        } else {
            body.saturating_sub(SHARED_BYTES)
        };
        HEAD_BYTES.saturating_add(u32::try_from(own).unwrap_or(u32::MAX))
    }
}

/// How long an entry is kept after it was last written or read, where that is less than the time for
/// all of its cache: `keep`, and up to a sixteenth more.
///
/// An end of its own costs an entry a place in the wheel of ends, so those that are kept the longest,
/// which with one account is all sessions, have none. Moving it on every read would cost as much as
/// finding the entry, so that is done only when the slack is used up.
#[derive(Debug)]
struct KeepEntries {
    unused: Duration,
}

impl KeepEntries {
    fn end_of(&self, entry: &Entry) -> Option<Duration> {
        let keep = entry.keep();
        (keep < self.unused).then(|| keep.saturating_add(keep / 16))
    }
}

impl moka::Expiry<SessionId, Entry> for KeepEntries {
    fn expire_after_create(&self, _: &SessionId, entry: &Entry, _: Instant) -> Option<Duration> {
        self.end_of(entry)
    }

    fn expire_after_update(
        &self,
        _: &SessionId,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.end_of(entry)
    }

    fn expire_after_read(
        &self,
        _: &SessionId,
        entry: &Entry,
        _: Instant,
        left: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        let left = left?;
        if left < entry.keep() {
            self.end_of(entry)
        } else {
            Some(left)
        }
    }
}

/// A login is remembered until its own token's end, used or not: forgotten earlier, it would count
/// as new.
#[derive(Debug)]
struct KeepLogins;

impl moka::Expiry<u128, Arc<Login>> for KeepLogins {
    fn expire_after_create(&self, _: &u128, login: &Arc<Login>, _: Instant) -> Option<Duration> {
        Some(login.expires.since(login.created_at))
    }
}

/// A cache of sessions with room for so many bytes; nothing stays that nobody used in `unused`, of which
/// it hears late by as much as a far store does. What it lets go leaves the index.
pub(super) fn sessions(
    capacity: u64,
    unused: Duration,
    index: Arc<Index>,
) -> Cache<SessionId, Entry, ByBits> {
    Cache::builder()
        // A cache without any room would not say what it does not take.
        .max_capacity(capacity.max(1))
        .weigher(|_: &SessionId, entry: &Entry| entry.weight())
        // Not TinyLFU: when full, it may refuse new sessions, and a shopper would never get one.
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(unused.min(LONGEST))
        .expire_after(KeepEntries { unused })
        .eviction_listener(move |_, Entry(resident), _| index.forget(&resident))
        .build_with_hasher(ByBits)
}

/// A cache of the logins of that many bytes of sessions; `crowded` is told when one had to go.
pub(super) fn logins(
    sessions: u64,
    crowded: impl Fn() + Send + Sync + 'static,
) -> Cache<u128, Arc<Login>> {
    Cache::builder()
        .max_capacity((sessions / u64::from(HEAD_BYTES)).max(1024))
        .eviction_policy(EvictionPolicy::lru())
        .expire_after(KeepLogins)
        .eviction_listener(move |_, _, cause| {
            if cause == RemovalCause::Size {
                crowded();
            }
        })
        .build()
}
