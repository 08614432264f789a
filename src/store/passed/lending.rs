//! Answers for the store to the process that borrows it, and has it hear of changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::codec::CodecError;
use super::super::codec::asked::{
    Answered, Asked, read_asked, write_answered, write_asked, write_changed,
};
use super::super::memory::MemoryStore;
use super::super::unavailable;
use super::{PassedStore, State};
use crate::handover::{Kind, Line};
use crate::ports::{Changed, FarStore, Kept, StoreError};

/// How long a write waits until the borrower has dropped what it had near. Past it the write is
/// answered all the same: it is done, and a change may be seen late by a second (contract §13).
const HEARING: Duration = Duration::from_millis(250);
/// After so many changes in a row that were not heard in time, nobody is waited for.
const DEAF: u32 = 3;
/// So many pieces of memory wait to be written at most.
const PIECES: usize = 1024;

/// A process that borrows.
#[derive(Debug)]
pub(super) struct Lending {
    line: Line,
    /// Whether it has asked for anything: before that it has nothing near.
    asks: AtomicBool,
    telling: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    next: AtomicU64,
    unheard: AtomicU32,
}

impl Lending {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            asks: AtomicBool::new(false),
            telling: Mutex::default(),
            next: AtomicU64::new(1),
            unheard: AtomicU32::new(0),
        }
    }

    pub(super) fn asks(&self) {
        self.asks.store(true, Ordering::Release);
    }

    /// Tells of a change, and waits a moment until it was heard.
    pub(super) async fn tell(&self, changed: Changed) {
        if !self.asks.load(Ordering::Acquire) {
            return;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (heard, hearing) = oneshot::channel();
        let patient = self.unheard.load(Ordering::Relaxed) < DEAF;
        if patient {
            self.telling.lock().insert(number, heard);
        }
        if !self
            .line
            .send(Kind::Changed, number, write_changed(changed))
            || !patient
        {
            self.telling.lock().remove(&number);
            return;
        }
        if timeout(HEARING, hearing).await.is_err() {
            self.telling.lock().remove(&number);
            self.unheard.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A change was heard.
    pub(super) fn heard(&self, number: u64) {
        self.unheard.store(0, Ordering::Relaxed);
        let telling = self.telling.lock().remove(&number);
        if telling.is_some_and(|telling| telling.send(()).is_err()) {
            tracing::debug!("A change was heard late.");
        }
    }

    /// Gives over what lies in memory; has it written now and then.
    pub(super) fn give(&self, memory: &MemoryStore, flush: impl Fn()) {
        let mut given = 0_usize;
        memory.each_piece(|piece| {
            self.line.send(Kind::Piece, 0, write_asked(&piece));
            given += 1;
            if given.is_multiple_of(PIECES) {
                flush();
            }
        });
    }

    pub(super) async fn flush(&self) {
        self.line.flush().await;
    }

    /// Nothing is answered any more.
    pub(super) fn closes(&self) {
        self.line.send(Kind::Closing, 0, Vec::new());
    }

    /// The store is whose opens it.
    pub(super) async fn released(&self) {
        self.line.send(Kind::Released, 0, Vec::new());
        self.line.flush().await;
    }
}

impl PassedStore {
    pub(super) async fn answer(&self, lending: &Lending, number: u64, content: &[u8]) {
        // Held until the answer is on its way: the store is released after it, and whatever is not
        // answered by then was not done.
        let _under_way = self.0.under_way.read().await;
        let answered = match read_asked(content) {
            Ok(asked) => self.do_for_borrower(asked).await,
            Err(CodecError::Newer(_)) => Answered::Failed(StoreError::Newer),
            Err(error) => Answered::Failed(unavailable(&error)),
        };
        let content = write_answered(&answered);
        lending.line.send(Kind::Answered, number, content);
    }

    async fn do_for_borrower(&self, asked: Asked) -> Answered {
        let far = match &*self.0.state.borrow() {
            State::Own(here) => Arc::clone(&here.lent),
            _ => return Answered::Failed(StoreError::Elsewhere),
        };
        let changes = changes(&asked);
        let answered = answer(&*far, asked).await;
        // Before it is answered, so that nobody who knows of it finds what was before it here. What
        // lies in memory alone is near itself: that is changed already.
        if let Some(changed) = changes
            && self.0.memory.get().is_none()
        {
            self.0.tell_near(changed);
        }
        answered.unwrap_or_else(Answered::Failed)
    }
}

const fn changes(asked: &Asked) -> Option<Changed> {
    match asked {
        Asked::Create(session, _) | Asked::Save(session, _, _) => {
            Some(Changed::Session(session.id))
        }
        Asked::Issue(id, ..) | Asked::Rotate(id, ..) | Asked::End(id, ..) => {
            Some(Changed::Session(*id))
        }
        Asked::CloseLogin(token, reason) => Some(Changed::Login(*token, *reason)),
        Asked::Load(_) | Asked::Login(_) | Asked::OpenLogin(..) | Asked::OfPerson(_) => None,
    }
}

async fn answer(far: &dyn FarStore, asked: Asked) -> Result<Answered, StoreError> {
    Ok(match asked {
        Asked::Load(id) => Answered::Kept(far.load(id).await?),
        Asked::Create(session, keep) => {
            far.create(session, keep).await?;
            Answered::Done
        }
        Asked::Save(session, based_on, keep) => {
            let saved = far.save(session, based_on, keep).await?;
            Answered::Kept(saved.map(|session| (Kept::Live(session), keep)))
        }
        Asked::Issue(id, token, at) => Answered::Whether(far.issue(id, token, at).await?),
        Asked::Rotate(from, marker, keep) => {
            far.rotate(from, marker, keep).await?;
            Answered::Done
        }
        Asked::End(id, ended, keep) => Answered::Whether(far.end(id, ended, keep).await?),
        Asked::Login(token) => Answered::Login(far.login(token).await?),
        Asked::OpenLogin(token, login) => {
            Answered::Login(Some(far.open_login(token, login).await?))
        }
        Asked::CloseLogin(token, reason) => {
            Answered::Whether(far.close_login(token, reason).await?)
        }
        Asked::OfPerson(person) => Answered::Sessions(far.of_person(person).await?),
    })
}
