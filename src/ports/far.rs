//! The store behind the cache: what a place that outlives the process has to do.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::session::{LoginHashes, Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::store::{Ended, Ending, Login, Marker, PersonKey};

/// What a far store keeps under an id.
#[derive(Clone, Debug)]
pub enum Kept {
    /// A live session.
    Live(Session),
    /// The id was replaced.
    Moved(Marker),
    /// The session ended.
    Ended(Ended),
}

/// Activity that is to be noted some time soon, without anybody waiting for it.
#[derive(Clone, Debug)]
pub struct Touched {
    /// The session.
    pub session: SessionId,
    /// The logins that it lives by.
    pub logins: LoginHashes,
    /// When.
    pub at: Millis,
}

/// What another instance did to a store that several share, as far as this one hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A session was changed, replaced or ended: what is near is old.
    Session(SessionId),
    /// A login ended.
    Login(TokenHash, Ending),
    /// Changes are heard from now on; whatever was kept near before may be old.
    Everything,
    /// Changes are not heard, until [`Changed::Everything`].
    Unheard,
}

/// A store that outlives the process, or is shared between several. Every answered write is kept.
///
/// The rules are those of [`super::SessionStore`]; there is no cache here and nothing is shared.
#[async_trait]
pub trait FarStore: Send + Sync + std::fmt::Debug {
    /// What is kept under an id, and how long after its last use.
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError>;
    /// Keeps a new session; [`StoreError::Exists`] where the id is taken, whatever by.
    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError>;
    /// Keeps a changed session if the version kept is still `based_on`, and returns it as it is
    /// kept; `None` where another version is, or no live session.
    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError>;
    /// Notes the cookie that was issued last. `false` where no live session is kept.
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
    /// Ends a session. `false` where none was live under the id.
    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError>;
    /// The login of a token.
    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError>;
    /// Keeps a login at its token's first sight; returns the one that is kept.
    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError>;
    /// Ends a login. Returns whether it was live.
    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError>;
    /// Sessions in which a person acted when they began. Some may be over: whoever asks looks.
    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError>;
    /// Whether it is asked at all: it has not failed again and again just now.
    fn answers(&self) -> bool {
        true
    }
    /// Takes note of activity, to be kept soon. Never waits.
    fn touch(&self, touched: Touched);
    /// Has somebody hear of what other instances change. A store that nobody shares has nothing
    /// to tell.
    fn watch(&self, _hear: Box<dyn Fn(Changed) + Send + Sync>) {}
    /// Keeps everything that waits, and takes nothing more. Waits for it.
    fn close(&self);
}
