//! The in-memory store: two moka caches with LRU eviction by weight, an index over both, and the
//! logins.
//!
//! The caches decide what stays; whoever asks is answered from the index, which holds the same. It is
//! changed under the lock that a cache holds on the entry, and what a cache lets go leaves it a moment
//! later. The caches hear of use where a far store would: once an interval for each session.
//!
//! Nothing here survives the process. Cache expiry only tidies up: whether a session lives is
//! decided by the lifetime law alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use moka::ops::compute::{CompResult, Op};
use moka::sync::Cache;

use super::bits::ByBits;
use super::census::Census;
use super::latest::{Latest, Wanted};
use super::persons::PersonKey;
use super::record::{Ended, Ending, Found, Login, Marker, Resident};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{OfPerson, SessionStore, StoreError};

mod far;
mod index;
mod keeping;
mod latest;
mod remembering;
mod whose;

pub use far::MemoryFar;

use index::Index;
use keeping::{Entry, logins, sessions};

/// Room for sessions, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryCapacity {
    /// For anonymous sessions, in bytes.
    pub anonymous: u64,
    /// For authenticated ones: a flood of visitors never pushes out a shopper who is logged in.
    pub authenticated: u64,
    /// How long an anonymous one stays that nobody asks for: at least as long as any is to be kept.
    pub anonymous_unused: Duration,
    /// The same for authenticated ones.
    pub authenticated_unused: Duration,
}

/// Sessions in this process. A clone holds the same ones.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    anonymous: Cache<SessionId, Entry, ByBits>,
    authenticated: Cache<SessionId, Entry, ByBits>,
    index: Arc<Index>,
    /// By the bits of the token's keyed hash.
    logins: Cache<u128, Arc<Login>>,
    /// Whether a login was ever forgotten for want of room, so that sessions may know more of them.
    crowded: Arc<AtomicBool>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(capacity: MemoryCapacity) -> Self {
        let crowded = Arc::<AtomicBool>::default();
        let noting = Arc::clone(&crowded);
        let index = Arc::new(Index::new());
        let cache = |capacity, unused| sessions(capacity, unused, Arc::clone(&index));
        Self {
            crowded,
            anonymous: cache(capacity.anonymous, capacity.anonymous_unused),
            authenticated: cache(capacity.authenticated, capacity.authenticated_unused),
            index,
            logins: logins(capacity.authenticated, move || {
                noting.store(true, Ordering::Relaxed);
            }),
        }
    }

    fn cache(&self, authenticated: bool) -> &Cache<SessionId, Entry, ByBits> {
        if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        }
    }

    fn logins_of(&self, session: &Session) -> Box<[Arc<Login>]> {
        session
            .logins
            .iter()
            .filter_map(|token| self.logins.get(&token.as_u128()))
            .collect()
    }

    /// Keeps what another store has, in place of whatever is here.
    pub(super) fn keep(&self, id: SessionId, found: Found, keep: Duration) {
        let known = matches!(&found, Found::Live(resident) if resident.session().authenticated());
        let entry = Entry::new(id, found, keep);
        // In this order: at no moment is there nothing under the id.
        let cache = self.cache(known);
        cache.entry(id).and_compute_with(|_| self.put(entry));
        if self.cache(!known).remove(&id).is_some() {
            self.index_again(cache, id);
        }
    }

    /// What is under an id and has not outlived itself.
    pub(super) fn held(&self, id: SessionId) -> Option<Found> {
        let look = |authenticated: bool| self.cache(authenticated).get(&id);
        let entry = look(false)
            .or_else(|| look(true))
            // It may have moved over between the two looks.
            .or_else(|| look(false))?;
        Some(Entry::found(Arc::clone(entry.indexed())))
    }

    /// How long an entry is kept.
    pub(super) fn keeps(&self, id: SessionId) -> Duration {
        let there = self.index.get(id);
        there.map_or(Duration::ZERO, |resident| resident.keep())
    }

    /// Drops what is here; another store has nothing.
    pub(super) fn forget(&self, id: SessionId) {
        for cache in [&self.anonymous, &self.authenticated] {
            if let Some(entry) = cache.remove(&id) {
                self.index.forget(entry.indexed());
            }
        }
    }

    /// Takes what a cache holds under an id for what is there: something else may have come into the
    /// index while it left the other cache.
    fn index_again(&self, cache: &Cache<SessionId, Entry, ByBits>, id: SessionId) {
        cache.entry(id).and_compute_with(|entry| {
            if let Some(entry) = entry {
                self.index.put(entry.value().indexed());
            }
            Op::Nop
        });
    }

    /// What puts an entry into a cache, within what runs under its lock, and into the index.
    fn put(&self, entry: Entry) -> Op<Entry> {
        self.index.put(entry.indexed());
        Op::Put(entry)
    }

    /// Puts an entry into a cache that holds nothing under its id. Returns whether it did.
    fn put_new(
        &self,
        cache: &Cache<SessionId, Entry, ByBits>,
        (id, entry): (SessionId, Entry),
    ) -> bool {
        let put = cache.entry(id).and_compute_with(|there| match there {
            Some(_) => Op::Nop,
            None => self.put(entry),
        });
        matches!(put, CompResult::Inserted(_))
    }

    /// A far store has a session that was light, or will.
    pub(super) fn weighs(&self, resident: &Arc<Resident>) {
        self.index.weighs(resident);
    }

    /// Has a cache let go of this very one.
    fn take_back(&self, cache: &Cache<SessionId, Entry, ByBits>, resident: &Arc<Resident>) {
        let id = resident.session().id;
        cache.entry(id).and_compute_with(|there| match there {
            Some(there) if Arc::ptr_eq(there.value().indexed(), resident) => Op::Remove,
            _ => Op::Nop,
        });
        self.index.forget(resident);
    }

    /// Tells the cache of a session's use.
    pub(super) fn promote(&self, resident: &Resident) {
        let session = resident.session();
        drop(self.cache(session.authenticated()).get(&session.id));
    }

    /// Drops every session. Logins stay: requests under way hold the same ones.
    pub(super) fn forget_sessions(&self) {
        self.anonymous.invalidate_all();
        self.authenticated.invalidate_all();
        self.index.clear();
    }

    /// Replaces a live session by what `make` makes of it; leaves anything else alone.
    fn replace(
        &self,
        id: SessionId,
        make: impl Fn(&Arc<Resident>, Duration) -> Option<Entry>,
    ) -> Option<(Arc<Resident>, Entry)> {
        for cache in [&self.anonymous, &self.authenticated] {
            let mut old = None;
            let result = cache.entry(id).and_compute_with(|entry| {
                let Some(entry) = entry.map(moka::Entry::into_value) else {
                    return Op::Nop;
                };
                let Some(resident) = entry.resident() else {
                    return Op::Nop;
                };
                match make(resident, entry.keep()) {
                    Some(next) => {
                        old = Some(Arc::clone(resident));
                        self.put(next)
                    }
                    None => Op::Nop,
                }
            });
            if let (CompResult::ReplacedWith(entry), Some(old)) = (result, old) {
                return Some((old, entry.into_value()));
            }
        }
        None
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    fn peek(&self, id: SessionId, _: bool) -> Option<Found> {
        self.index.get(id).map(Entry::found)
    }

    fn touch(&self, resident: &Resident, at: Millis, interval: Duration) {
        resident.touch(at);
        if resident.take_telling(at, interval) {
            self.promote(resident);
        }
    }

    fn census(&self) -> Census {
        self.index.census()
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        Ok(self.held(id))
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError> {
        let logins = self.logins_of(&session);
        let id = session.id;
        let cache = self.cache(session.authenticated());
        let resident = Arc::new(Resident::new(session, logins));
        let entry = Entry::live(Arc::clone(&resident), keep);
        let elsewhere = self.cache(!resident.session().authenticated());
        if elsewhere.contains_key(&id) {
            return Err(StoreError::Exists);
        }
        if !self.put_new(cache, (id, entry)) {
            return Err(StoreError::Exists);
        }
        // Something may have come there between the look and the change.
        if elsewhere.contains_key(&id) {
            self.take_back(cache, &resident);
            self.index_again(elsewhere, id);
            return Err(StoreError::Exists);
        }
        Ok(resident)
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        let logins = self.logins_of(&session);
        let replaced = self.replace(session.id, |old, _| {
            if old.session().version != based_on {
                return None;
            }
            let next = Session {
                last_seen: old.last_seen().max(session.last_seen),
                token: old.session().token,
                issued_at: old.session().issued_at,
                ..session.clone()
            };
            let resident = Arc::new(Resident::new(next, logins.clone()));
            Some(Entry::live(resident, keep))
        });
        Ok(replaced.and_then(|(old, entry)| follow(&old, &entry)))
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let replaced = self.replace(id, |old, keep| {
            let next = Session {
                token: Some(token),
                issued_at,
                ..old.snapshot()
            };
            let resident = Arc::new(old.replaced(next, old.logins().into()));
            Some(Entry::live(resident, keep))
        });
        Ok(replaced
            .and_then(|(old, entry)| follow(&old, &entry))
            .is_some())
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let entry = Entry::new(from, Found::Moved(marker), keep);
        // In this order: at no moment is there nothing under the old id. Both steps compute under
        // the entry's lock, so that an issue under way cannot put the session back.
        self.anonymous
            .entry(from)
            .and_compute_with(|_| self.put(entry));
        let left = self
            .authenticated
            .entry(from)
            .and_compute_with(|old| match old {
                Some(_) => Op::Remove,
                None => Op::Nop,
            });
        if matches!(left, CompResult::Removed(_)) {
            self.index_again(&self.anonymous, from);
        }
        Ok(())
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let ended = self.replace(id, |_, _| {
            Some(Entry::new(id, Found::Ended(ended.clone()), keep))
        });
        Ok(ended.is_some())
    }

    async fn of_person(&self, person: PersonKey) -> Result<OfPerson, StoreError> {
        Ok(OfPerson {
            sessions: self.in_which(person),
            remains: self.remains_of(person),
            complete: true,
        })
    }

    async fn latest(&self, wanted: Wanted<'_>) -> Latest {
        self.latest_here(wanted).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        Ok(self.logins.get(&token.as_u128()))
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        Ok(self
            .logins
            .entry(token.as_u128())
            .or_insert_with(|| Arc::new(login))
            .into_value())
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        Ok(self
            .logins
            .get(&token.as_u128())
            .is_some_and(|login| login.end(reason)))
    }
}

/// Activity that was noted on the old value while the new one took its place moves over.
fn follow(old: &Resident, entry: &Entry) -> Option<Arc<Resident>> {
    let resident = entry.resident()?;
    resident.touch(old.last_seen());
    Some(Arc::clone(resident))
}

#[cfg(test)]
mod tests;
