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

mod heard;

use heard::Heard;

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
}

impl LayeredStore {
    /// A cache before a store; `bodies` are shared with whoever makes sessions.
    pub fn new(near: MemoryStore, far: Arc<dyn FarStore>, bodies: Arc<Interner>) -> Self {
        let layers = Arc::new(Layers {
            near,
            far,
            bodies,
            turns: SessionLocks::default(),
            heard: Heard::default(),
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
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }
}

impl Layers {
    /// What is near under an id, if it is to be believed.
    fn peek(&self, id: SessionId, authenticated: bool) -> Option<Found> {
        if self.heard.doubts(id) {
            return None;
        }
        self.near.peek(id, authenticated)
    }

    /// What is under an id: near, or read from afar. The caller has the session's turn.
    async fn find(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.peek(id, false) {
            return Ok(Some(found));
        }
        match self.fetch(id, self.heard.doubts(id)).await {
            // What may be old is better than nothing: the store down ends no session.
            Err(StoreError::Unavailable(why)) => {
                self.heard.read(id.as_u128());
                let near = self.near.peek(id, false).map(Some);
                near.ok_or(StoreError::Unavailable(why))
            }
            fetched => fetched,
        }
    }

    /// Reads from afar, whatever is near; `anew`: its logins too.
    async fn fetch(&self, id: SessionId, anew: bool) -> Result<Option<Found>, StoreError> {
        let drops = self.heard.drops();
        let Some((kept, keep)) = self.far.load(id).await? else {
            self.near.forget(id);
            return Ok(None);
        };
        let found = match kept {
            Kept::Live(session) => Found::Live(self.read_back(session, anew).await?),
            Kept::Moved(marker) => Found::Moved(marker),
            Kept::Ended(ended) => Found::Ended(ended),
        };
        self.near.keep(id, found.clone(), keep);
        self.heard.read(id.as_u128());
        if self.heard.drops() != drops {
            self.near.forget(id);
        }
        Ok(Some(found))
    }

    async fn read_back(&self, session: Session, anew: bool) -> Result<Arc<Resident>, StoreError> {
        let session = Session {
            body: self.bodies.share(session.body.fields().clone()),
            ..session
        };
        let id = session.id;
        let logins = self.logins(&session, anew).await?;
        let resident = Resident::read_back(session, logins);
        // Activity here that was not told afar yet.
        if let Some(Found::Live(old)) = self.near.peek(id, false) {
            resident.touch(old.last_seen());
        }
        Ok(Arc::new(resident))
    }

    async fn logins(&self, session: &Session, anew: bool) -> Result<Box<[Arc<Login>]>, StoreError> {
        let mut logins = Vec::with_capacity(session.logins.len());
        for &token in session.logins.iter() {
            logins.extend(self.login(token, anew).await?);
        }
        Ok(logins.into())
    }

    async fn login(&self, token: TokenHash, anew: bool) -> Result<Option<Arc<Login>>, StoreError> {
        let near = self.near.remembered(token);
        if let Some(login) = &near
            && !anew
            && !self.heard.doubts_login(token, login)
        {
            return Ok(near);
        }
        loop {
            let (drops, endings) = (self.heard.drops(), self.heard.endings());
            let read = match self.far.login(token).await {
                Err(StoreError::Unavailable(_)) if near.is_some() && !anew => None,
                read => read?,
            };
            self.heard.read(token.as_u128());
            let Some(read) = read else {
                return Ok(near);
            };
            let login = self.near.remember(token, read);
            login.check(drops);
            if self.heard.endings() == endings {
                return Ok(Some(login));
            }
        }
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        let (drops, endings) = (self.heard.drops(), self.heard.endings());
        let login = self.far.open_login(token, login).await?;
        let login = self.near.remember(token, login);
        login.check(drops);
        if self.heard.endings() == endings {
            return Ok(login);
        }
        Ok(self.login(token, true).await?.unwrap_or(login))
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError> {
        let _turn = self.turns.lock(session.id).await;
        self.far.create(session.clone(), keep).await?;
        let id = session.id;
        let logins = self.logins(&session, false).await?;
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
        let logins = self.logins(&session, false).await?;
        let Some(session) = self.far.save(session, based_on, keep).await? else {
            // Somebody else was there: whoever tries again is to find what they left.
            self.fetch(id, false).await?;
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
        } else {
            self.fetch(id, false).await?;
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
        self.0.peek(id, authenticated)
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
        if let Some(found) = self.0.peek(id, false) {
            return Ok(Some(found));
        }
        let _turn = self.0.turns.lock(id).await;
        self.0.find(id).await
    }

    async fn load_anew(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        let _turn = self.0.turns.lock(id).await;
        self.0.fetch(id, true).await
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
        self.0.login(token, false).await
    }

    async fn login_anew(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.0.login(token, true).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError> {
        if let Some(login) = self.0.near.remembered(token)
            && !self.0.heard.doubts_login(token, &login)
        {
            return Ok(login);
        }
        self.whole(move |layers| async move { layers.open_login(token, login).await })
            .await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        self.whole(move |layers| async move {
            let was_live = layers.far.close_login(token, reason).await?;
            layers.end_near(token, reason);
            Ok(was_live)
        })
        .await
    }
}
