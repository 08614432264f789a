//! A far store whose connection the test can cut: calls fail, hang, or do their work unheard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use vestibule::domain::session::{Session, SessionId};
use vestibule::domain::time::Millis;
use vestibule::domain::token::TokenHash;
use vestibule::ports::{FarStore, Kept, StoreError, Touched};
use vestibule::store::{Ended, Ending, Login, Marker, PersonKey};

/// What becomes of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Line {
    Up,
    /// They fail and do nothing.
    Down,
    /// They do their work and the answer is lost.
    Deaf,
    /// They are never answered.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Cut {
    far: Arc<dyn FarStore>,
    line: AtomicU8,
    calls: Mutex<Vec<String>>,
    /// The start of calls about what a later version of the program wrote.
    newer: Mutex<Option<String>>,
}

impl Cut {
    pub(crate) fn new(far: Arc<dyn FarStore>) -> Arc<Self> {
        Arc::new(Self {
            far,
            line: AtomicU8::new(Line::Up as u8),
            calls: Mutex::default(),
            newer: Mutex::default(),
        })
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.store(line as u8, Ordering::SeqCst);
    }

    /// From now on a later version of the program has written what such calls are about.
    pub(crate) fn is_newer(&self, call: Option<&str>) {
        *self.newer.lock() = call.map(str::to_owned);
    }

    /// Every call so far, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock())
    }

    async fn pass<T>(
        &self,
        call: String,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let newer = self.newer.lock().as_ref() == Some(&call);
        self.calls.lock().push(call);
        if newer && self.line.load(Ordering::SeqCst) == Line::Up as u8 {
            return Err(StoreError::Newer);
        }
        let lost = || StoreError::Unavailable("the connection was cut".to_owned());
        match self.line.load(Ordering::SeqCst) {
            line if line == Line::Up as u8 => work.await,
            line if line == Line::Deaf as u8 => {
                drop(work.await);
                Err(lost())
            }
            line if line == Line::Down as u8 => Err(lost()),
            _ => std::future::pending().await,
        }
    }
}

#[async_trait]
impl FarStore for Cut {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        self.pass(format!("load {}", id.as_u128()), self.far.load(id))
            .await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let call = format!("create {}", session.id.as_u128());
        self.pass(call, self.far.create(session, keep)).await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let call = format!("save {}", session.id.as_u128());
        self.pass(call, self.far.save(session, based_on, keep))
            .await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let call = format!("issue {}", id.as_u128());
        self.pass(call, self.far.issue(id, token, issued_at)).await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let call = format!("rotate {}", from.as_u128());
        self.pass(call, self.far.rotate(from, marker, keep)).await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let call = format!("end {}", id.as_u128());
        self.pass(call, self.far.end(id, ended, keep)).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        let call = format!("login {}", token.as_u128());
        self.pass(call, self.far.login(token)).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let call = format!("open_login {}", token.as_u128());
        self.pass(call, self.far.open_login(token, login)).await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        let call = format!("close_login {}", token.as_u128());
        self.pass(call, self.far.close_login(token, reason)).await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        self.pass("of_person".to_owned(), self.far.of_person(person))
            .await
    }

    fn touch(&self, touched: Touched) {
        self.far.touch(touched);
    }

    fn close(&self) {
        self.far.close();
    }
}
