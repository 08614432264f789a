//! The cache in front of a store that outlives the process.
//!
//! Reads come from the cache, and on a miss from the far store, once for everybody who waits.
//! Writes go to the far store first and then to the cache, so that the cache never holds what was
//! not kept. Last activity moves in memory alone and reaches the far store now and then.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::record::{Ended, Ending, Found, Login, Marker, Resident};
use super::{Interner, MemoryStore, SessionLocks};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{FarStore, Kept, SessionStore, StoreError, Touched};

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
}

impl LayeredStore {
    /// A cache before a store; `bodies` are shared with whoever makes sessions.
    pub fn new(near: MemoryStore, far: Arc<dyn FarStore>, bodies: Arc<Interner>) -> Self {
        Self(Arc::new(Layers {
            near,
            far,
            bodies,
            turns: SessionLocks::default(),
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
        self.fetch(id).await
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
        if let Some(login) = self.near.remembered(token) {
            return Ok(Some(login));
        }
        let login = self.far.login(token).await?;
        Ok(login.map(|login| self.near.remember(token, login)))
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError> {
        let _turn = self.turns.lock(session.id).await;
        self.far.create(session.clone(), keep).await?;
        let id = session.id;
        let logins = self.logins(&session).await?;
        let resident = Arc::new(Resident::new(session, logins));
        self.near.keep(id, Found::Live(Arc::clone(&resident)), keep);
        Ok(resident)
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        let id = session.id;
        let _turn = self.turns.lock(id).await;
        let logins = self.logins(&session).await?;
        let Some(session) = self.far.save(session, based_on, keep).await? else {
            // Somebody else was there: whoever tries again is to find what they left.
            if self.fetch(id).await?.is_none() {
                self.near.forget(id);
            }
            return Ok(None);
        };
        let old = match self.near.peek(id, session.authenticated()) {
            Some(Found::Live(old)) => Some(old),
            _ => None,
        };
        let resident = Arc::new(match &old {
            Some(old) => old.replaced(session, logins),
            None => Resident::new(session, logins),
        });
        self.near.keep(id, Found::Live(Arc::clone(&resident)), keep);
        // Activity that was noted on the old value meanwhile moves over.
        if let Some(old) = old {
            resident.touch(old.last_seen());
        }
        Ok(Some(resident))
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let _turn = self.turns.lock(id).await;
        if !self.far.issue(id, token, issued_at).await? {
            return Ok(false);
        }
        if self.near.issue(id, token, issued_at).await?
            && let Some(Found::Live(resident)) = self.near.peek(id, false)
        {
            self.tell(&resident, Duration::ZERO);
        }
        Ok(true)
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.lock(from).await;
        self.far.rotate(from, marker.clone(), keep).await?;
        self.near.keep(from, Found::Moved(marker), keep);
        Ok(())
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let _turn = self.turns.lock(id).await;
        let was_live = self.far.end(id, ended.clone(), keep).await?;
        if was_live {
            self.near.keep(id, Found::Ended(ended), keep);
        } else if self.fetch(id).await?.is_none() {
            self.near.forget(id);
        }
        Ok(was_live)
    }

    /// Tells the far store of the last activity, where it has not heard of it for `interval`.
    fn tell(&self, resident: &Resident, interval: Duration) {
        let at = resident.last_seen();
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
        self.0.tell(resident, interval);
    }

    fn close(&self) {
        self.0.near.each_live(|resident| {
            // What has moved at all since: the next process is to know it to the moment.
            self.0.tell(resident, Duration::ZERO);
        });
        self.0.far.close();
    }

    fn counts(&self) -> (u64, u64) {
        self.0.near.counts()
    }

    async fn load(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.0.near.peek(id, false) {
            return Ok(Some(found));
        }
        let _turn = self.0.turns.lock(id).await;
        self.0.find(id).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError> {
        self.whole(|layers| async move { layers.create(session, keep).await })
            .await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        self.whole(move |layers| async move { layers.save(session, based_on, keep).await })
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

    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.0.login(token).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        if let Some(login) = self.0.near.remembered(token) {
            return Ok(login);
        }
        self.whole(move |layers| async move {
            let login = layers.far.open_login(token, login).await?;
            Ok(layers.near.remember(token, login))
        })
        .await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        self.whole(move |layers| async move {
            let was_live = layers.far.close_login(token, reason).await?;
            if let Some(login) = layers.near.remembered(token) {
                login.end(reason);
            }
            Ok(was_live)
        })
        .await
    }
}
