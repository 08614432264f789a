//! Where sessions are kept: one port for every kind of store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::store::{
    Census, Ended, Ending, Found, Latest, Login, Marker, PersonKey, Resident, Wanted,
};

/// Why a store did not do what it was asked. Never "not found": that is an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// A session of this id exists; creating never overwrites.
    #[error("a session of this id exists")]
    Exists,
    /// The store cannot be reached or reports an error.
    #[error("session store: {0}")]
    Unavailable(String),
    /// What is there was written by a later version of this program, which this one leaves alone.
    #[error("session store: a later Vestibule wrote this record")]
    Newer,
    /// The store is another process's by now: whoever passes it on asks there.
    #[error("session store: another process has it")]
    Elsewhere,
}

/// The sessions of one person.
#[derive(Clone, Debug, Default)]
pub struct OfPerson {
    /// Those that are known.
    pub sessions: Vec<Arc<Resident>>,
    /// Ended sessions of theirs that have a record still.
    pub remains: Vec<SessionId>,
    /// Whether the store behind the memory could be asked for more.
    pub complete: bool,
}

/// How the store behind the memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether it is asked at all.
    pub answers: bool,
    /// Sessions and logins of which something is owed to it, because it could not be asked.
    pub owed: usize,
}

/// Where sessions, rotation markers, tombstones and logins are kept.
///
/// `keep` is how long a record is kept after its last use; expiry itself is the lifetime law's.
#[async_trait]
pub trait SessionStore: Send + Sync + std::fmt::Debug {
    /// What the near cache holds, without waiting. `authenticated` says where to look first.
    fn peek(&self, id: SessionId, authenticated: bool) -> Option<Found>;
    /// Notes activity of a session and its logins, in memory and at once. What lies behind the
    /// memory hears of it at most once an `interval`.
    fn touch(&self, resident: &Resident, at: Millis, _interval: Duration) {
        resident.touch(at);
    }
    /// Keeps what waits to be kept: the process ends. Waits for it.
    fn close(&self) {}
    /// Which sessions this process holds.
    fn census(&self) -> Census;
    /// How the store behind the memory is.
    fn health(&self) -> StoreHealth {
        StoreHealth {
            answers: true,
            owed: 0,
        }
    }
    /// What is kept under an id.
    async fn load(&self, id: SessionId) -> Result<Option<Found>, StoreError>;
    /// The same as whoever shares the store left it, whatever is near: before a session is judged
    /// to be idle, since another instance may have seen its shopper.
    async fn load_anew(&self, id: SessionId) -> Result<Option<Found>, StoreError> {
        self.load(id).await
    }
    /// Keeps a new session; [`StoreError::Exists`] where the id is taken, whatever by.
    async fn create(&self, session: Session, keep: Duration) -> Result<Arc<Resident>, StoreError>;
    /// The same, where whoever asks need not be told that it is kept: while the store behind the
    /// memory cannot be asked, it is kept here and owed to it.
    async fn create_or_owe(
        &self,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        self.create(session, keep).await
    }
    /// Keeps a new session that holds nothing which could not be made again, here alone: what lies
    /// behind the memory hears of it when its cookie comes back.
    async fn create_light(
        &self,
        session: Session,
        keep: Duration,
    ) -> Result<Arc<Resident>, StoreError> {
        self.create(session, keep).await
    }
    /// Keeps a changed session if the version kept is still `based_on`; `None` where it is not.
    /// Cookie issue and last activity are never set back by it.
    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError>;
    /// The same, where whoever asks need not be told that it is kept.
    async fn save_or_owe(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        self.save(session, based_on, keep).await
    }
    /// Notes the cookie that was issued last. `false`, and nothing done, where the session is gone.
    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError>;
    /// Replaces a session by the marker of its rotation.
    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError>;
    /// Ends a session; its tombstone says why. `false` where none was live under the id.
    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError>;
    /// Live sessions in which a person acts. Looks at every session in memory: for operators, not
    /// for requests.
    async fn of_person(&self, person: PersonKey) -> Result<OfPerson, StoreError>;
    /// Live sessions that this process holds, the one that was used last first. Looks at a bounded
    /// number of them, in turns with whatever else there is to do: for operators, not for requests.
    async fn latest(&self, wanted: Wanted<'_>) -> Latest;
    /// The login of a token.
    async fn login(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError>;
    /// The same as whoever shares the store left it.
    async fn login_anew(&self, token: TokenHash) -> Result<Option<Arc<Login>>, StoreError> {
        self.login(token).await
    }
    /// Keeps a login at its token's first sight; returns the one that is kept.
    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Arc<Login>, StoreError>;
    /// Ends a login. Returns whether it was live.
    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError>;
}
