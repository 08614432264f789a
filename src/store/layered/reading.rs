//! Reads: from the cache where it is to be believed, from the journal, and from afar.

use std::sync::Arc;

use super::Layers;
use crate::domain::session::{Session, SessionId};
use crate::domain::token::TokenHash;
use crate::ports::{Kept, SessionStore as _, StoreError};
use crate::store::record::{Found, Login, Resident};
use crate::store::unavailable;

impl Layers {
    /// What is near under an id, if it is to be believed.
    pub(super) fn peek(&self, id: SessionId, authenticated: bool) -> Option<Found> {
        if self.heard.doubts(id) {
            return None;
        }
        self.near.peek(id, authenticated)
    }

    /// The same, as long as it has not outlived itself.
    pub(super) fn held(&self, id: SessionId) -> Option<Found> {
        if self.heard.doubts(id) {
            return None;
        }
        self.near.held(id)
    }

    /// What is under an id: near, or read from afar. The caller has the session's turn.
    pub(super) async fn find(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.held(id).or_else(|| self.owed(id)) {
            return Ok(Some(found));
        }
        match self.fetch(id, self.heard.doubts(id)).await {
            // What may be old is better than nothing: the store down ends no session.
            Err(error @ (StoreError::Unavailable(_) | StoreError::Newer)) => {
                self.heard.read(id.as_u128());
                let near = self.near.held(id).map(Some);
                near.ok_or(error)
            }
            fetched => fetched,
        }
    }

    /// The same, whatever is near: what this instance alone knows counts, and else what is read
    /// now. The caller has the session's turn.
    pub(super) async fn find_anew(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        if self.journal.owes(id) && self.settle(id).await.is_err() {
            let near = self.near.held(id).or_else(|| self.owed(id));
            return near
                .map(Some)
                .ok_or_else(|| unavailable(&"a change still waits for it"));
        }
        self.fetch(id, true).await
    }

    /// What the journal knows of a session, where memory had no room for it.
    fn owed(&self, id: SessionId) -> Option<Found> {
        let (_, owed) = self.journal.of(id)?;
        if let Some(near) = self.near.held(id) {
            return Some(near);
        }
        let tokens = owed.live().map(|session| session.logins.clone());
        let tokens = tokens.unwrap_or_default();
        let logins = tokens.iter().filter_map(|token| self.known_login(*token));
        let (found, keep) = owed.found(logins.collect())?;
        self.near.keep(id, found.clone(), keep);
        Some(found)
    }

    /// Reads from afar, whatever is near; `anew`: its logins too.
    pub(super) async fn fetch(
        &self,
        id: SessionId,
        anew: bool,
    ) -> Result<Option<Found>, StoreError> {
        let drops = self.heard.drops();
        let Some((kept, keep)) = self.far.load(id).await? else {
            // Nobody else has to know of a light session.
            if let Some(light) = self.light(id) {
                self.heard.read(id.as_u128());
                return Ok(Some(Found::Live(light)));
            }
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
            body: self.bodies.adopt(session.body),
            ..session
        };
        let id = session.id;
        let logins = self.logins(&session, anew).await?;
        let resident = Resident::read_back(session, logins);
        // Activity here that was not told afar yet.
        if let Some(Found::Live(old)) = self.near.held(id) {
            resident.touch(old.last_seen());
        }
        Ok(Arc::new(resident))
    }

    pub(super) async fn logins(
        &self,
        session: &Session,
        anew: bool,
    ) -> Result<Box<[Arc<Login>]>, StoreError> {
        let mut logins = Vec::with_capacity(session.logins.len());
        for &token in session.logins.iter() {
            logins.extend(self.login(token, anew).await?);
        }
        Ok(logins.into())
    }

    /// A login that is known here, without asking.
    pub(super) fn known_login(&self, token: TokenHash) -> Option<Arc<Login>> {
        self.near
            .remembered(token)
            .or_else(|| self.journal.of_login(token)?.1.opened)
    }

    pub(super) async fn login(
        &self,
        token: TokenHash,
        anew: bool,
    ) -> Result<Option<Arc<Login>>, StoreError> {
        let near = self.known_login(token);
        let owed = self.journal.of_login(token).map(|(_, owed)| owed);
        let ours = owed.as_ref().is_some_and(|owed| owed.opened.is_some());
        if let Some(login) = &near
            && (ours || (!anew && !self.heard.doubts_login(token, login)))
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
            // It ended here, and the far store has not heard of it.
            if let Some(reason) = owed.as_ref().and_then(|owed| owed.closed) {
                login.end(reason);
            }
            if self.heard.endings() == endings {
                return Ok(Some(login));
            }
        }
    }
}
