//! Logins as a store keeps them.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::{Ending, NOT_READ};
use crate::domain::time::Millis;

/// No record of a login is kept longer than this, whatever its token says.
pub const LONGEST_LOGIN: Duration = Duration::from_hours(400 * 24);

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
    pub(in crate::store) fn read_back(
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

    /// Whether its end is the token's own word, and not the longest that a record is kept.
    pub fn tells_its_end(&self) -> bool {
        self.expires < self.created_at.plus(LONGEST_LOGIN)
    }

    /// How often everything near had become doubtful when it was read from afar last.
    pub(in crate::store) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Notes that it was read when everything near had become doubtful so often.
    pub(in crate::store) fn check(&self, drops: u64) {
        self.checked.fetch_max(drops, Ordering::Relaxed);
    }

    /// Takes over what the far store has meanwhile heard of others.
    pub(in crate::store) fn learn(&self, read: &Self) {
        let seen = read.last_seen().as_millis();
        if self.seen.fetch_max(seen, Ordering::Relaxed) < seen {
            self.read.store(seen, Ordering::Relaxed);
        }
        if let Some(reason) = read.ended() {
            self.end(reason);
        }
    }

    /// The same login as it stands now, observed on its own.
    pub(crate) fn copy(&self) -> Self {
        Self {
            created_at: self.created_at,
            expires: self.expires,
            seen: AtomicI64::new(self.seen.load(Ordering::Relaxed)),
            ended: AtomicU8::new(self.ended.load(Ordering::Acquire)),
            read: AtomicI64::new(self.read.load(Ordering::Relaxed)),
            checked: AtomicU64::new(self.checked()),
        }
    }

    /// The last activity as the idle limit judges it; see
    /// [`Resident::judged_seen`](super::Resident::judged_seen).
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

/// Activity that was read from a far store may be older than the truth by `lag`.
pub(super) fn judged(seen: Millis, read: Millis, lag: Duration, now: Millis) -> Millis {
    if seen == read {
        seen.max(seen.plus(lag).min(now))
    } else {
        seen
    }
}
