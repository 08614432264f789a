//! Memory as a far store: for another process that borrows it, and takes it over piece by piece.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::keeping::Entry;
use super::{MemoryStore, Resident};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{FarStore, Kept, SessionStore as _, StoreError, Touched};
use crate::store::codec::asked::Asked;
use crate::store::persons::PersonKey;
use crate::store::record::{Ended, Ending, Found, Login, Marker};

/// The same memory that is the cache in front of it: what is written here is near already.
#[derive(Clone, Debug)]
pub struct MemoryFar(pub MemoryStore);

impl MemoryStore {
    /// Gives everything that is here, each as the question that makes it: logins first, for the
    /// sessions that live by them.
    pub(in crate::store) fn each_piece(&self, mut give: impl FnMut(Asked)) {
        for (bits, login) in &self.logins {
            give(Asked::OpenLogin(TokenHash::from_u128(*bits), login.copy()));
        }
        for cache in [&self.anonymous, &self.authenticated] {
            for (id, entry) in cache {
                let keep = entry.keep();
                give(match Entry::found(Arc::clone(entry.indexed())) {
                    Found::Live(resident) => Asked::Create(resident.snapshot(), keep),
                    Found::Moved(marker) => Asked::Rotate(*id, marker, keep),
                    Found::Ended(ended) => Asked::End(*id, ended, keep),
                });
            }
        }
    }

    /// Takes such a piece, unless what is here is newer, as whatever is here is.
    pub(in crate::store) fn take_piece(&self, piece: Asked) {
        match piece {
            Asked::OpenLogin(token, login) => drop(self.remember(token, login)),
            Asked::Create(session, keep) => {
                let (id, logins) = (session.id, self.logins_of(&session));
                let resident = Arc::new(Resident::new(session, logins));
                self.keep_if_absent(id, Found::Live(resident), keep);
            }
            Asked::Rotate(id, marker, keep) => {
                self.keep_if_absent(id, Found::Moved(marker), keep);
            }
            Asked::End(id, ended, keep) => self.keep_if_absent(id, Found::Ended(ended), keep),
            _ => tracing::debug!("A piece of memory is none."),
        }
    }

    fn keep_if_absent(&self, id: SessionId, found: Found, keep: Duration) {
        if self.held(id).is_some() {
            return;
        }
        let known = matches!(&found, Found::Live(one) if one.session().authenticated());
        let entry = Entry::new(id, found, keep);
        self.put_new(self.cache(known), (id, entry));
    }
}

#[async_trait]
impl FarStore for MemoryFar {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        let kept = self.0.held(id).map(|found| match found {
            Found::Live(resident) => Kept::Live(resident.snapshot()),
            Found::Moved(marker) => Kept::Moved(marker),
            Found::Ended(ended) => Kept::Ended(ended),
        });
        Ok(kept.map(|kept| (kept, self.0.keeps(id))))
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        self.0.create(session, keep).await.map(drop)
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let saved = self.0.save(session, based_on, keep).await?;
        Ok(saved.map(|resident| resident.snapshot()))
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        self.0.issue(id, token, issued_at).await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        self.0.rotate(from, marker, keep).await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        self.0.end(id, ended, keep).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        let login = self.0.login(token).await?;
        Ok(login.map(|login| login.copy()))
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let login = self.0.open_login(token, login).await?;
        Ok(login.copy())
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        self.0.close_login(token, reason).await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        let sessions = self.0.in_which(person);
        Ok(sessions.iter().map(|one| one.session().id).collect())
    }

    fn touch(&self, touched: Touched) {
        if let Some(Found::Live(resident)) = self.0.held(touched.session) {
            resident.touch(touched.at);
        }
    }

    /// There is nothing behind it to be kept.
    fn close(&self) {}
}
