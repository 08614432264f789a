//! The cache in front of a store that outlives the process.
//!
//! Reads come from the cache, and on a miss from the far store, once for everybody who waits.
//! Writes go to the far store first and then to the cache, so that the cache never holds what was
//! not kept. Last activity moves in memory alone and reaches the far store now and then.
//!
//! Where the far store cannot be asked, endings take effect here at once, and what may wait is
//! owed: the journal keeps it, and it is written when the store answers again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::persons::{PersonKey, persons};
use super::record::{Ended, Ending, Found, Login, Marker, Resident};
use super::{Census, Interner, Latest, MemoryStore, SessionLocks, Wanted, unavailable};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{FarStore, OfPerson, SessionStore, StoreError, StoreHealth, Touched};
use crate::telemetry::StoreMetrics;

mod heard;
mod journal;
mod light;
mod paying;
mod reading;
mod writing;

use heard::Heard;
use journal::Journal;
use writing::Promise;

/// A near store before a far one.
#[derive(Clone, Debug)]
pub struct LayeredStore(Arc<Layers>);

#[derive(Debug)]
struct Layers {
    near: MemoryStore,
    far: Arc<dyn FarStore>,
    bodies: Arc<Interner>,
    /// One turn a session: what is read from afar never overtakes what is written.
    turns: SessionLocks,
    /// What other instances changed, where the far store is shared.
    heard: Heard,
    /// What is owed to the far store.
    journal: Journal,
}

/// How much may be owed to a far store that cannot be asked, and where it is counted.
#[derive(Clone, Debug)]
pub struct Owing {
    /// Sessions and logins; twice as many where they end.
    pub most: usize,
    /// The counters.
    pub metrics: StoreMetrics,
}

impl LayeredStore {
    /// A cache before a store; `bodies` are shared with whoever makes sessions.
    pub fn new(
        near: MemoryStore,
        far: Arc<dyn FarStore>,
        bodies: Arc<Interner>,
        owing: Owing,
    ) -> Self {
        let layers = Arc::new(Layers {
            near,
            far,
            bodies,
            turns: SessionLocks::default(),
            heard: Heard::default(),
            journal: Journal::new(owing.most, owing.metrics),
        });
        let hearing = Arc::downgrade(&layers);
        layers.far.watch(Box::new(move |changed| {
            if let Some(layers) = hearing.upgrade() {
                layers.hear(changed);
            }
        }));
        Self(layers)
    }

    /// Does a write to its end, even where whoever asked for it is gone: half of one would leave
    /// the cache with what is no longer so.
    async fn whole<T, F>(&self, work: impl FnOnce(Arc<Layers>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(&self.0))).await;
        done.unwrap_or_else(|error| Err(unavailable(&error)))
    }
}

impl Layers {
    /// Tells the far store of the last activity, where it has not heard of it for `interval`.
    fn tell(&self, resident: &Resident, interval: Duration) {
        if resident.is_light() {
            return;
        }
        let at = resident.last_seen();
        if resident.take_telling(at, interval) {
            self.near.promote(resident);
            self.far.touch(Touched {
                session: resident.session().id,
                logins: resident.session().logins.clone(),
                at,
            });
        }
    }
}

#[async_trait]
impl SessionStore for LayeredStore {
    fn peek(&self, id: SessionId, authenticated: bool) -> Option<Found> {
        self.0.peek(id, authenticated)
    }

    fn touch(&self, resident: &Resident, at: Millis, interval: Duration) {
        resident.touch(at);
        if resident.is_light() {
            self.0.cookie_came_back(resident);
        } else {
            self.0.tell(resident, interval);
        }
    }

    fn close(&self) {
        self.0.near.each_live(|resident| {
            // What has moved at all since: the next process is to know it to the moment.
            self.0.tell(resident, Duration::ZERO);
        });
        self.0.far.close();
        let owed = self.0.journal.len();
        if owed > 0 {
            tracing::error!(
                owed,
                "The process ends before the session store answers: what it was owed is lost."
            );
        }
    }

    fn census(&self) -> Census {
        self.0.near.census()
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            answers: self.0.far.answers(),
            owed: self.0.journal.len(),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.0.held(id) {
            return Ok(Some(found));
        }
        let _turn = self.0.turns.lock(id).await;
        self.0.find(id).await
    }

    async fn load_anew(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        let _turn = self.0.turns.lock(id).await;
        self.0.find_anew(id).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError> {
        self.whole(move |layers| async move { layers.create(session, keep, Promise::Kept).await })
            .await
    }

    async fn create_or_owe(
        &self,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        self.whole(move |layers| async move { layers.create(session, keep, Promise::Owed).await })
            .await
    }

    async fn create_light(
        &self,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        let _turn = self.0.turns.lock(session.id).await;
        self.0.create_light(session, keep)
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        let change = (session, based_on, keep);
        self.whole(move |layers| async move { layers.save(change, Promise::Kept).await })
            .await
    }

    async fn save_or_owe(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        let change = (session, based_on, keep);
        self.whole(move |layers| async move { layers.save(change, Promise::Owed).await })
            .await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        self.whole(move |layers| async move { layers.issue(id, token, issued_at).await })
            .await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        self.whole(move |layers| async move { layers.rotate(from, marker, keep).await })
            .await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        self.whole(move |layers| async move { layers.end(id, ended, keep).await })
            .await
    }

    async fn of_person(&self, person: PersonKey) -> Result<OfPerson, StoreError> {
        let mut sessions = self.0.near.in_which(person);
        let mut remains = self.0.near.remains_of(person);
        let afar = match self.0.far.of_person(person).await {
            Ok(ids) => ids,
            Err(StoreError::Unavailable(_)) => {
                return Ok(OfPerson {
                    sessions,
                    remains,
                    complete: false,
                });
            }
            Err(other) => return Err(other),
        };
        // One person may have thousands: nothing is looked for one by one.
        let near = sessions.iter().map(|known| known.session().id);
        let near: BTreeSet<SessionId> = near.chain(remains.iter().copied()).collect();
        for id in afar {
            if near.contains(&id) {
                continue;
            }
            let acts = |session: &Session| persons(session).any(|one| one == person);
            match self.load(id).await? {
                Some(Found::Live(resident)) if acts(resident.session()) => sessions.push(resident),
                Some(Found::Ended(ended)) if acts(&ended.session) => remains.push(id),
                _ => {}
            }
        }
        Ok(OfPerson {
            sessions,
            remains,
            complete: true,
        })
    }

    async fn latest(&self, wanted: Wanted<'_>) -> Latest {
        self.0.near.latest(wanted).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.0.login(token, false).await
    }

    async fn login_anew(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.0.login(token, true).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        if let Some(login) = self.0.known_login(token)
            && !self.0.heard.doubts_login(token, &login)
        {
            return Ok(login);
        }
        self.whole(move |layers| async move { layers.open_login(token, login).await })
            .await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        self.whole(move |layers| async move { layers.close_login(token, reason).await })
            .await
    }
}
