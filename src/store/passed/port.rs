//! The store as everybody asks it, wherever it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::super::persons::PersonKey;
use super::super::record::{Ended, Ending, Login, Marker};
use super::super::unavailable;
use super::{Hears, PATIENCE, PassedStore, State};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Changed, FarStore, Kept, StoreError, Touched};

impl PassedStore {
    /// Asks whichever store there is; waits for one that is being passed on.
    async fn ask<T, F>(&self, ask: impl Fn(Arc<dyn FarStore>) -> F + Send) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let mut state = self.0.state.subscribe();
        loop {
            let settled = |state: &State| !matches!(state, State::Between);
            let far = match timeout(PATIENCE, state.wait_for(settled)).await {
                Ok(Ok(state)) => state.far().cloned(),
                Ok(Err(_)) => None,
                Err(_) => return Err(unavailable(&"it is being passed on")),
            };
            let Some(far) = far else {
                return Err(unavailable(&"the store is closed"));
            };
            match ask(far).await {
                // It was not done there. The store is on its way, or that is noticed in a moment.
                Err(StoreError::Elsewhere) => {
                    let there = |state: &State| matches!(state, State::Borrowed(_));
                    let gone = state.wait_for(|state| !there(state));
                    drop(timeout(PATIENCE, gone).await);
                }
                asked => return asked,
            }
        }
    }

    /// Has a change known where another process has the same store, however it came out.
    async fn tell<T>(
        &self,
        changed: Changed,
        done: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(lending) = self.0.lending.load_full() {
            lending.tell(changed).await;
        }
        done
    }
}

#[async_trait]
impl FarStore for PassedStore {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        self.ask(|far| async move { far.load(id).await }).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let id = session.id;
        let create = |far: Arc<dyn FarStore>| {
            let session = session.clone();
            async move { far.create(session, keep).await }
        };
        let created = self.ask(create).await;
        self.tell(Changed::Session(id), created).await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let id = session.id;
        let save = |far: Arc<dyn FarStore>| {
            let session = session.clone();
            async move { far.save(session, based_on, keep).await }
        };
        let saved = self.ask(save).await;
        self.tell(Changed::Session(id), saved).await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let issue = |far: Arc<dyn FarStore>| async move { far.issue(id, token, issued_at).await };
        let issued = self.ask(issue).await;
        self.tell(Changed::Session(id), issued).await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let rotate = |far: Arc<dyn FarStore>| {
            let marker = marker.clone();
            async move { far.rotate(from, marker, keep).await }
        };
        let rotated = self.ask(rotate).await;
        self.tell(Changed::Session(from), rotated).await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let end = |far: Arc<dyn FarStore>| {
            let ended = ended.clone();
            async move { far.end(id, ended, keep).await }
        };
        let ended = self.ask(end).await;
        self.tell(Changed::Session(id), ended).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        self.ask(|far| async move { far.login(token).await }).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let open = |far: Arc<dyn FarStore>| {
            let login = login.copy();
            async move { far.open_login(token, login).await }
        };
        self.ask(open).await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        let close = |far: Arc<dyn FarStore>| async move { far.close_login(token, reason).await };
        let closed = self.ask(close).await;
        self.tell(Changed::Login(token, reason), closed).await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        self.ask(|far| async move { far.of_person(person).await })
            .await
    }

    fn answers(&self) -> bool {
        let state = self.0.state.borrow();
        state.far().is_some_and(|far| far.answers())
    }

    fn touch(&self, touched: Touched) {
        let state = self.0.state.borrow();
        match &*state {
            State::Own(here) => here.own.touch(touched),
            State::Borrowed(far) => far.touch(touched),
            State::Between => {
                self.0.touched.lock().insert(touched.session, touched);
            }
            State::Closed => {}
        }
    }

    fn watch(&self, hear: Hears) {
        if self.0.hears.set(hear).is_err() {
            tracing::error!("Two caches would hear of changes of one store.");
        }
    }

    fn close(&self) {
        self.0.close();
    }
}
