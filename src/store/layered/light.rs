//! Light sessions: what holds nothing but defaults is not written before its cookie comes back.
//!
//! Most visits are one page of somebody who never returns. Such a session can be made again from
//! its token alone, so the far store need not hear of it; its end must be told all the same.

use std::sync::Arc;
use std::time::Duration;

use super::Layers;
use super::journal::Owed;
use super::writing::Promise;
use crate::domain::session::{Session, SessionId};
use crate::ports::StoreError;
use crate::store::record::{Ended, Found, Resident};

impl Layers {
    /// Keeps a session here alone. The caller has its turn.
    pub(super) fn create_light(
        &self,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        let id = session.id;
        if self.near.held(id).is_some() {
            return Err(StoreError::Exists);
        }
        let resident = Arc::new(Resident::lightly(session));
        self.near.keep(id, Found::Live(Arc::clone(&resident)), keep);
        self.journal.metrics().light("begun");
        Ok(resident)
    }

    /// The light session under an id. The caller has its turn.
    pub(super) fn light(&self, id: SessionId) -> Option<Arc<Resident>> {
        match self.near.held(id) {
            Some(Found::Live(resident)) if resident.is_light() => Some(resident),
            _ => None,
        }
    }

    /// Has a light session written, beside the request that brought its cookie back.
    pub(super) fn cookie_came_back(self: &Arc<Self>, resident: &Resident) {
        let (layers, id) = (Arc::clone(self), resident.session().id);
        tokio::spawn(async move {
            let _turn = layers.turns.lock(id).await;
            if let Some(resident) = layers.light(id)
                && let Err(error) = layers.write_light(&resident, Promise::Owed).await
            {
                tracing::debug!(%error, "A session stays unwritten.");
            }
        });
    }

    /// Writes a light session as it is. The caller has its turn.
    pub(super) async fn write_light(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        promise: Promise,
    ) -> Result<(), StoreError> {
        let (session, keep) = (resident.snapshot(), self.near.keeps(resident.session().id));
        let id = session.id;
        let written = self.far.create(session.clone(), keep).await;
        match written {
            Ok(()) => self.journal.metrics().light("written"),
            // Another instance has made it again from the token; what it made is what counts.
            Err(StoreError::Exists) => return self.fetch(id, false).await.map(drop),
            error if promise.bears(&error) => {
                self.owe(id, Owed::Begun { session, keep }, error)?;
            }
            error => return error,
        }
        self.near.weighs(resident);
        Ok(())
    }

    /// Ends a session in the far store, which hears of a light one for the first time by it: its
    /// token must not make it again elsewhere.
    pub(super) async fn end_afar(
        &self,
        id: SessionId,
        (ended, keep): (Ended, Duration),
        light: bool,
    ) -> Result<bool, StoreError> {
        if light {
            let session = Session::clone(&ended.session);
            match self.far.create(session, keep).await {
                Ok(()) | Err(StoreError::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        self.far.end(id, ended, keep).await
    }
}
