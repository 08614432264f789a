//! What the caches hold, how long, and what it weighs.

use std::sync::Arc;
use std::time::Duration;

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

/// Longer than anything lives; the cache refuses to be told of more than a thousand years.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// What is under an id. Nearly all of it lives, so that is what the entry has room for.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Live(Keep, Arc<Resident>),
    Other(Keep, Arc<Found>),
}

/// How long, in whole seconds: an entry has half a word for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep(u32);

impl Keep {
    fn of(keep: Duration) -> Self {
        let begun = u64::from(keep.subsec_nanos() > 0);
        Self(u32::try_from(keep.as_secs().saturating_add(begun)).unwrap_or(u32::MAX))
    }
}

impl Entry {
    pub(super) fn new(found: Found, keep: Duration) -> Self {
        match found {
            Found::Live(resident) => Self::live(resident, keep),
            other => Self::Other(Keep::of(keep), Arc::new(other)),
        }
    }

    pub(super) fn live(resident: Arc<Resident>, keep: Duration) -> Self {
        Self::Live(Keep::of(keep), resident)
    }

    pub(super) fn found(self) -> Found {
        match self {
            Self::Live(_, resident) => Found::Live(resident),
            Self::Other(_, other) => Found::clone(&other),
        }
    }

    /// For how long it was to be kept, in whole seconds.
    pub(super) const fn keep(&self) -> Duration {
        let (Self::Live(Keep(seconds), _) | Self::Other(Keep(seconds), _)) = self;
        Duration::from_secs(*seconds as u64)
    }

    /// The session, where it lives.
    pub(super) const fn resident(&self) -> Option<&Arc<Resident>> {
        match self {
            Self::Live(_, resident) => Some(resident),
            Self::Other(..) => None,
        }
    }

    fn weight(&self) -> u32 {
        let session = match self {
            Self::Live(_, resident) => resident.session(),
            Self::Other(_, other) => match &**other {
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

/// A login is remembered until its own token's end, used or not: forgotten earlier, it would count
/// as new.
#[derive(Debug)]
struct KeepLogins;

impl moka::Expiry<u128, Arc<Login>> for KeepLogins {
    fn expire_after_create(
        &self,
        _: &u128,
        login: &Arc<Login>,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(login.expires.since(login.created_at))
    }
}

/// A cache of sessions with room for so many bytes, each for as long as somebody asks for it and
/// `unused` longer.
///
/// One time for all: an end of its own would cost an entry a sixth of what it weighs, and an entry
/// that outstays its session is refused by the lifetime law as any other.
pub(super) fn sessions(capacity: u64, unused: Duration) -> Cache<SessionId, Entry, ByBits> {
    Cache::builder()
        .max_capacity(capacity)
        .weigher(|_: &SessionId, entry: &Entry| entry.weight())
        // Not TinyLFU: when full, it may refuse new sessions, and a shopper would never get one.
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(unused.min(LONGEST))
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
