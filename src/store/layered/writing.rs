//! Writes: to the far store and then to the cache; or to the cache and the journal.

use std::sync::Arc;
use std::time::Duration;

use super::Layers;
use super::journal::{Owed, OwedLogin};
use super::paying::pay_all;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{SessionStore as _, StoreError};
use crate::store::record::{Ended, Ending, Found, Login, Marker, Resident};

/// What whoever writes is told by a good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// It is kept.
    Kept,
    /// It is kept, or will be when the far store answers again.
    Owed,
}

impl Promise {
    pub(super) fn bears<T>(self, result: &Result<T, StoreError>) -> bool {
        self == Self::Owed && matches!(result, Err(StoreError::Unavailable(_)))
    }
}

/// A session as it is to be, the version that it was made from, and how long it is kept.
pub(super) type Change = (Session, u64, Duration);

impl Layers {
    pub(super) async fn create(
        self: &Arc<Self>,
        session: Session,
        keep: Duration,
        promise: Promise,
    ) -> Result<Arc<Resident>, StoreError> {
        let id = session.id;
        let _turn = self.turns.lock(id).await;
        let logins = self.logins(&session, false).await?;
        let created = self.far.create(session.clone(), keep).await;
        if promise.bears(&created) {
            if self.near.held(id).is_some() {
                return Err(StoreError::Exists);
            }
            let session = session.clone();
            self.owe(id, Owed::Begun { session, keep }, created)?;
        } else {
            created?;
        }
        let resident = Arc::new(Resident::new(session, logins));
        self.near.keep(id, Found::Live(Arc::clone(&resident)), keep);
        Ok(resident)
    }

    pub(super) async fn save(
        self: &Arc<Self>,
        (session, based_on, keep): Change,
        promise: Promise,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        let id = session.id;
        let _turn = self.turns.lock(id).await;
        let logins = self.logins(&session, false).await?;
        let saved = match self.stand(id, promise).await {
            Ok(()) => self.far.save(session.clone(), based_on, keep).await,
            Err(error) => Err(error),
        };
        let saved = if promise.bears(&saved) {
            self.owe_change((session, based_on, keep), saved)?
        } else {
            saved?
        };
        let Some(session) = saved else {
            // Somebody else was there: whoever tries again is to find what they left.
            if !self.journal.owes(id) {
                self.fetch(id, false).await?;
            }
            return Ok(None);
        };
        Ok(Some(self.put(session, logins, keep)))
    }

    /// Puts a changed session into the cache, in place of what is there. The caller has its turn.
    pub(super) fn put(
        &self,
        session: Session,
        logins: Box<[Arc<Login>]>,
        keep: Duration,
    ) -> Arc<Resident> {
        let id = session.id;
        let old = match self.near.held(id) {
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
        resident
    }

    /// Sees to it that the far store has what a change is made of. The caller has the turn.
    async fn stand(self: &Arc<Self>, id: SessionId, promise: Promise) -> Result<(), StoreError> {
        if let Some(light) = self.light(id) {
            self.write_light(&light, promise).await?;
        }
        self.settle(id).await
    }

    /// Owes a change of a session that is here; `None` where what is here is another version.
    fn owe_change(
        self: &Arc<Self>,
        (session, based_on, keep): Change,
        why: Result<Option<Session>, StoreError>,
    ) -> Result<Option<Session>, StoreError> {
        let id = session.id;
        let Some(Found::Live(old)) = self.near.held(id) else {
            return why;
        };
        let old = old.session();
        if old.version != based_on {
            return Ok(None);
        }
        let session = Session {
            token: old.token,
            issued_at: old.issued_at,
            ..session
        };
        let next = session.clone();
        let owed = match self.journal.of(id).map(|(_, owed)| owed) {
            Some(Owed::Begun { .. }) => Owed::Begun { session, keep },
            Some(Owed::Changed { base, based_on, .. }) => Owed::Changed {
                base,
                based_on,
                session,
                keep,
            },
            _ => Owed::Changed {
                base: Arc::clone(&old.body),
                based_on,
                session,
                keep,
            },
        };
        self.owe(id, owed, why)?;
        Ok(Some(next))
    }

    pub(super) async fn issue(
        self: &Arc<Self>,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let _turn = self.turns.lock(id).await;
        if self.light(id).is_some() {
            return self.near.issue(id, token, issued_at).await;
        }
        let issued = match self.settle(id).await {
            Ok(()) => self.far.issue(id, token, issued_at).await,
            Err(error) => Err(error),
        };
        if Promise::Owed.bears(&issued) {
            return self.owe_issue(id, token, issued_at, issued).await;
        }
        if !issued? {
            return Ok(false);
        }
        if self.near.issue(id, token, issued_at).await?
            && let Some(Found::Live(resident)) = self.near.held(id)
        {
            self.tell(&resident, Duration::ZERO);
        }
        Ok(true)
    }

    async fn owe_issue(
        self: &Arc<Self>,
        id: SessionId,
        token: TokenHash,
        at: Millis,
        why: Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        if !self.near.issue(id, token, at).await? {
            return why;
        }
        let anew = |session: Session| Session {
            token: Some(token),
            issued_at: at,
            ..session
        };
        let owed = match self.journal.of(id).map(|(_, owed)| owed) {
            Some(Owed::Begun { session, keep }) => Owed::Begun {
                session: anew(session),
                keep,
            },
            Some(Owed::Changed {
                base,
                based_on,
                session,
                keep,
            }) => Owed::Changed {
                base,
                based_on,
                session: anew(session),
                keep,
            },
            _ => Owed::Issued { token, at },
        };
        self.owe(id, owed, Ok::<bool, StoreError>(true))?;
        Ok(true)
    }

    pub(super) async fn rotate(
        self: &Arc<Self>,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.lock(from).await;
        let rotated = self.far.rotate(from, marker.clone(), keep).await;
        if Promise::Owed.bears(&rotated) {
            let marker = marker.clone();
            self.owe(from, Owed::Moved { marker, keep }, rotated)?;
        } else {
            rotated?;
            self.journal.forgive(from);
        }
        self.near.keep(from, Found::Moved(marker), keep);
        Ok(())
    }

    pub(super) async fn end(
        self: &Arc<Self>,
        id: SessionId,
        ended: Ended,
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let _turn = self.turns.lock(id).await;
        let light = self.light(id).is_some();
        let was_live = self.end_afar(id, (ended.clone(), keep), light).await;
        let was_live = if Promise::Owed.bears(&was_live) {
            // Nobody knows what is there; what is here says whether anything ends.
            match self.near.held(id) {
                Some(Found::Live(_)) => {}
                Some(Found::Moved(_) | Found::Ended(_)) => return Ok(false),
                None => return was_live,
            }
            let ended = ended.clone();
            self.owe(id, Owed::Ended { ended, keep, light }, was_live)?;
            true
        } else {
            let was_owed = self.journal.forgive(id);
            was_live? || was_owed
        };
        if was_live {
            self.near.keep(id, Found::Ended(ended), keep);
        } else {
            self.fetch(id, false).await?;
        }
        Ok(was_live)
    }

    pub(super) async fn open_login(
        self: &Arc<Self>,
        token: TokenHash,
        login: Login,
    ) -> Result<Arc<Login>, StoreError> {
        let (drops, endings) = (self.heard.drops(), self.heard.endings());
        let copy = login.copy();
        let opened = self.far.open_login(token, login).await;
        if Promise::Owed.bears(&opened) {
            let login = self.near.remember(token, copy);
            let owed = OwedLogin {
                opened: Some(Arc::clone(&login)),
                closed: None,
            };
            self.owe_login(token, owed, opened)?;
            return Ok(login);
        }
        let login = self.near.remember(token, opened?);
        login.check(drops);
        if self.heard.endings() == endings {
            return Ok(login);
        }
        Ok(self.login(token, true).await?.unwrap_or(login))
    }

    pub(super) async fn close_login(
        self: &Arc<Self>,
        token: TokenHash,
        reason: Ending,
    ) -> Result<bool, StoreError> {
        let closed = match self.settle_login(token).await {
            Ok(()) => self.far.close_login(token, reason).await,
            Err(error) => Err(error),
        };
        let here = self.known_login(token);
        let was_live = if Promise::Owed.bears(&closed) {
            let owed = OwedLogin {
                opened: None,
                closed: Some(reason),
            };
            self.owe_login(token, owed, closed)?;
            here.as_ref().is_none_or(|login| login.ended().is_none())
        } else {
            closed?
        };
        if let Some(login) = here {
            login.end(reason);
        }
        self.end_near(token, reason);
        Ok(was_live)
    }

    /// Takes an entry into the journal and has it paid some time; `why` where there is no room.
    pub(super) fn owe<T>(
        self: &Arc<Self>,
        id: SessionId,
        owed: Owed,
        why: Result<T, StoreError>,
    ) -> Result<(), StoreError> {
        if !self.journal.owe(id, owed) {
            return why.map(drop);
        }
        self.begin_paying();
        Ok(())
    }

    fn owe_login<T>(
        self: &Arc<Self>,
        token: TokenHash,
        owed: OwedLogin,
        why: Result<T, StoreError>,
    ) -> Result<(), StoreError> {
        if !self.journal.owe_login(token, owed) {
            return why.map(drop);
        }
        self.begin_paying();
        Ok(())
    }

    fn begin_paying(self: &Arc<Self>) {
        if self.journal.begin_paying() {
            tokio::spawn(pay_all(Arc::clone(self)));
        }
    }
}
