//! What the caches hold, how long, and what it weighs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::ByBits;
use crate::domain::session::SessionId;
use crate::store::record::{Found, Login, Resident};

/// What a session's head, its cache entry and its share of tables take, in bytes, as
/// `benches/memory.rs` weighs them.
const HEAD_BYTES: u32 = 600;
/// Bytes of an anonymous body that count as shared.
const SHARED_BYTES: usize = 4096;

/// What is under an id. Nearly all of it lives, so that is what the entry has room for.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    held: Held,
    pub(super) keep: Duration,
}

#[derive(Clone, Debug)]
enum Held {
    Live(Arc<Resident>),
    Other(Arc<Found>),
}

impl Entry {
    pub(super) fn new(found: Found, keep: Duration) -> Self {
        let held = match found {
            Found::Live(resident) => Held::Live(resident),
            other => Held::Other(Arc::new(other)),
        };
        Self { held, keep }
    }

    pub(super) fn live(resident: Arc<Resident>, keep: Duration) -> Self {
        let held = Held::Live(resident);
        Self { held, keep }
    }

    pub(super) fn found(self) -> Found {
        match self.held {
            Held::Live(resident) => Found::Live(resident),
            Held::Other(other) => Found::clone(&other),
        }
    }

    /// The session, where it lives.
    pub(super) const fn resident(&self) -> Option<&Arc<Resident>> {
        match &self.held {
            Held::Live(resident) => Some(resident),
            Held::Other(_) => None,
        }
    }

    fn weight(&self) -> u32 {
        let session = match &self.held {
            Held::Live(resident) => resident.session(),
            Held::Other(other) => match &**other {
                Found::Ended(ended) => &ended.session,
                Found::Live(_) | Found::Moved(_) => return HEAD_BYTES,
            },
        };
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

/// How long an entry is kept after it was last written or read: `keep`, and up to a sixteenth more.
///
/// Moving an entry's end on every read would cost as much as finding the entry, so that is done
/// only when the slack is used up.
#[derive(Debug)]
struct KeepEntries;

fn with_slack(keep: Duration) -> Duration {
    keep.saturating_add(keep / 16)
}

impl moka::Expiry<SessionId, Entry> for KeepEntries {
    fn expire_after_create(&self, _: &SessionId, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(with_slack(entry.keep))
    }

    fn expire_after_update(
        &self,
        _: &SessionId,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(with_slack(entry.keep))
    }

    fn expire_after_read(
        &self,
        _: &SessionId,
        entry: &Entry,
        _: Instant,
        left: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        left.filter(|left| *left >= entry.keep)
            .or_else(|| Some(with_slack(entry.keep)))
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

/// A cache of sessions with room for so many bytes.
pub(super) fn sessions(capacity: u64) -> Cache<SessionId, Entry, ByBits> {
    Cache::builder()
        .max_capacity(capacity)
        .weigher(|_: &SessionId, entry: &Entry| entry.weight())
        // Not TinyLFU: when full, it may refuse new sessions, and a shopper would never get one.
        .eviction_policy(EvictionPolicy::lru())
        .expire_after(KeepEntries)
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
