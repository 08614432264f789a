//! The cache in front of a store that outlives the process.
//!
//! Reads come from the cache, and on a miss from the far store, once for everybody who waits.
//! Writes go to the far store first and then to the cache, so that the cache never holds what was
//! not kept. Last activity moves in memory alone and reaches the far store now and then.
//!
//! Where the far store cannot be asked, endings take effect here at once, and what may wait is
//! owed: the journal keeps it, and it is written when the store answers again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::journal::Journal;
use self::writing::Promise;
use super::persons::{PersonKey, persons};
use super::record::{Ended, Ending, Found, Login, Marker, Resident};
use super::{Interner, MemoryStore, SessionLocks};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{FarStore, Kept, OfPerson, SessionStore, StoreError, StoreHealth, Touched};
use crate::telemetry::StoreMetrics;

mod journal;
mod light;
mod paying;
mod writing;

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
        Self(Arc::new(Layers {
            near,
            far,
            bodies,
            turns: SessionLocks::default(),
            journal: Journal::new(owing.most, owing.metrics),
        }))
    }

    /// Does a write to its end, even where whoever asked for it is gone: half of one would leave
    /// the cache with what is no longer so.
    async fn whole<T, F>(&self, work: impl FnOnce(Arc<Layers>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(&self.0))).await;
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }
}

impl Layers {
    /// What is under an id: near, or read from afar. The caller has the session's turn.
    async fn find(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.near.peek(id, false) {
            return Ok(Some(found));
        }
        if let Some(found) = self.owed(id) {
            return Ok(Some(found));
        }
        self.fetch(id).await
    }

    /// What the journal alone still knows: memory had no room for it.
    fn owed(&self, id: SessionId) -> Option<Found> {
        let (_, owed) = self.journal.of(id)?;
        let tokens = owed.live().map(|session| Arc::clone(&session.logins));
        let tokens = tokens.unwrap_or_default();
        let logins = tokens.iter().filter_map(|token| self.known_login(*token));
        let (found, keep) = owed.found(logins.collect())?;
        self.near.keep(id, found.clone(), keep);
        Some(found)
    }

    /// A login that is known here, without asking.
    fn known_login(&self, token: TokenHash) -> Option<Arc<Login>> {
        self.near
            .remembered(token)
            .or_else(|| self.journal.of_login(token)?.1.opened)
    }

    /// Reads from afar, whatever is near.
    async fn fetch(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        let Some((kept, keep)) = self.far.load(id).await? else {
            return Ok(None);
        };
        let found = match kept {
            Kept::Live(session) => {
                let session = Session {
                    body: self.bodies.share(session.body.fields().clone()),
                    ..session
                };
                let logins = self.logins(&session).await?;
                Found::Live(Arc::new(Resident::read_back(session, logins)))
            }
            Kept::Moved(marker) => Found::Moved(marker),
            Kept::Ended(ended) => Found::Ended(ended),
        };
        self.near.keep(id, found.clone(), keep);
        Ok(Some(found))
    }

    async fn logins(&self, session: &Session) -> Result<Box<[Arc<Login>]>, StoreError> {
        let mut logins = Vec::with_capacity(session.logins.len());
        for &token in session.logins.iter() {
            logins.extend(self.login(token).await?);
        }
        Ok(logins.into())
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        if let Some(login) = self.known_login(token) {
            return Ok(Some(login));
        }
        let login = self.far.login(token).await?;
        let login = login.map(|login| self.near.remember(token, login));
        // It ended here, and the far store has not heard of it.
        if let (Some(login), Some((_, owed))) = (&login, self.journal.of_login(token))
            && let Some(reason) = owed.closed
        {
            login.end(reason);
        }
        Ok(login)
    }

    /// Tells the far store of the last activity, where it has not heard of it for `interval`.
    fn tell(&self, resident: &Resident, interval: Duration) {
        let at = resident.last_seen();
        if resident.is_light() {
            return;
        }
        if resident.take_telling(at, interval) {
            self.far.touch(Touched {
                session: resident.session().id,
                logins: Arc::clone(&resident.session().logins),
                at,
            });
        }
    }
}

#[async_trait]
impl SessionStore for LayeredStore {
    fn peek(&self, id: SessionId, authenticated: bool) -> Option<Found> {
        self.0.near.peek(id, authenticated)
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

    fn counts(&self) -> (u64, u64) {
        self.0.near.counts()
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            answers: self.0.far.answers(),
            owed: self.0.journal.len(),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.0.near.peek(id, false) {
            return Ok(Some(found));
        }
        let _turn = self.0.turns.lock(id).await;
        self.0.find(id).await
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
        let afar = match self.0.far.of_person(person).await {
            Ok(ids) => ids,
            Err(StoreError::Unavailable(_)) => {
                let complete = false;
                return Ok(OfPerson { sessions, complete });
            }
            Err(other) => return Err(other),
        };
        for id in afar {
            if sessions.iter().any(|known| known.session().id == id) {
                continue;
            }
            if let Some(Found::Live(resident)) = self.load(id).await?
                && persons(resident.session()).any(|one| one == person)
            {
                sessions.push(resident);
            }
        }
        let complete = true;
        Ok(OfPerson { sessions, complete })
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.0.login(token).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        if let Some(login) = self.0.known_login(token) {
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
