//! The store of another process: every operation is a question, and waits for its answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::codec::asked::{Answered, Asked, read_answered, write_asked, write_touched};
use super::super::persons::PersonKey;
use super::super::record::{Ended, Ending, Login, Marker};
use super::super::{outcome, unavailable};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::handover::{Kind, Line};
use crate::ports::{FarStore, Kept, StoreError, Touched};
use crate::telemetry::StoreMetrics;

/// A store at the other end of a line.
#[derive(Debug)]
pub(super) struct Borrowed {
    line: Line,
    /// Who waits for which answer. None: no answer will come any more.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answered>>>>,
    next: AtomicU64,
    metrics: StoreMetrics,
}

/// Takes itself off the list when nobody waits any more.
struct Waiting<'b> {
    borrowed: &'b Borrowed,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = &mut *self.borrowed.waiting.lock() {
            waiting.remove(&self.number);
        }
    }
}

impl Borrowed {
    pub(super) fn new(line: Line, metrics: StoreMetrics) -> Self {
        Self {
            line,
            waiting: Mutex::new(Some(HashMap::new())),
            next: AtomicU64::new(1),
            metrics,
        }
    }

    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    /// Takes an answer.
    pub(super) fn answered(&self, number: u64, content: &[u8]) {
        let answered =
            read_answered(content).unwrap_or_else(|error| Answered::Failed(unavailable(&error)));
        let waiting = self
            .waiting
            .lock()
            .as_mut()
            .and_then(|all| all.remove(&number));
        if let Some(waiting) = waiting {
            // Who has given up is told nothing.
            drop(waiting.send(answered));
        }
    }

    /// What is not answered by now was not done, and can be asked elsewhere.
    pub(super) fn not_done(&self) {
        let all = self.waiting.lock().take();
        for (number, waiting) in all.into_iter().flatten() {
            if waiting
                .send(Answered::Failed(StoreError::Elsewhere))
                .is_err()
            {
                tracing::debug!(number, "Nobody waits for an answer any more.");
            }
        }
    }

    /// No answer will come any more.
    pub(super) fn cut(&self) {
        drop(self.waiting.lock().take());
    }

    pub(super) async fn flush(&self) {
        self.line.flush().await;
    }

    async fn ask(&self, operation: &'static str, asked: &Asked) -> Result<Answered, StoreError> {
        let begun = Instant::now();
        let answered = self.answer(asked).await;
        let done = outcome(&answered);
        self.metrics.done(operation, done, begun.elapsed());
        answered
    }

    async fn answer(&self, asked: &Asked) -> Result<Answered, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let _waiting = {
            let mut waiting = self.waiting.lock();
            // Nothing was asked, so nothing is done there.
            let list = waiting.as_mut().ok_or(StoreError::Elsewhere)?;
            list.insert(number, answer);
            Waiting {
                borrowed: self,
                number,
            }
        };
        if !self.line.send(Kind::Asked, number, write_asked(asked)) {
            return Err(StoreError::Elsewhere);
        }
        match answered.await {
            Ok(Answered::Failed(why)) => Err(why),
            Ok(answered) => Ok(answered),
            Err(_) if harmless(asked) => Err(StoreError::Elsewhere),
            // It may have been done there or not: whoever reads it again finds out.
            Err(_) => Err(unavailable(&"the process that had it has ended")),
        }
    }
}

/// Whether it can be asked twice.
const fn harmless(asked: &Asked) -> bool {
    matches!(asked, Asked::Load(_) | Asked::Login(_) | Asked::OfPerson(_))
}

fn strange<T>() -> Result<T, StoreError> {
    Err(unavailable(&"the answer is to another question"))
}

fn whether(answered: &Answered) -> Result<bool, StoreError> {
    match answered {
        Answered::Whether(yes) => Ok(*yes),
        _ => strange(),
    }
}

fn done(answered: &Answered) -> Result<(), StoreError> {
    match answered {
        Answered::Done => Ok(()),
        _ => strange(),
    }
}

#[async_trait]
impl FarStore for Borrowed {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        match self.ask("load", &Asked::Load(id)).await? {
            Answered::Kept(kept) => Ok(kept),
            _ => strange(),
        }
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        done(&self.ask("create", &Asked::Create(session, keep)).await?)
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        match self
            .ask("save", &Asked::Save(session, based_on, keep))
            .await?
        {
            Answered::Kept(None) => Ok(None),
            Answered::Kept(Some((Kept::Live(session), _))) => Ok(Some(session)),
            _ => strange(),
        }
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        whether(
            &self
                .ask("issue", &Asked::Issue(id, token, issued_at))
                .await?,
        )
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        done(
            &self
                .ask("rotate", &Asked::Rotate(from, marker, keep))
                .await?,
        )
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        whether(&self.ask("end", &Asked::End(id, ended, keep)).await?)
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        match self.ask("login", &Asked::Login(token)).await? {
            Answered::Login(login) => Ok(login),
            _ => strange(),
        }
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        match self
            .ask("open_login", &Asked::OpenLogin(token, login))
            .await?
        {
            Answered::Login(Some(login)) => Ok(login),
            _ => strange(),
        }
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        whether(
            &self
                .ask("close_login", &Asked::CloseLogin(token, reason))
                .await?,
        )
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        match self.ask("of_person", &Asked::OfPerson(person)).await? {
            Answered::Sessions(sessions) => Ok(sessions),
            _ => strange(),
        }
    }

    fn touch(&self, touched: Touched) {
        self.line.send(Kind::Touched, 0, write_touched(&touched));
    }

    /// It is closed by whoever has it.
    fn close(&self) {}
}
