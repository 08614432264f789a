//! Paying back: what an outage kept waiting is written when the far store answers again.

use std::sync::Arc;
use std::time::Duration;

use super::Layers;
use super::journal::{Owed, OwedLogin, Owner};
use crate::domain::patch::Patch;
use crate::domain::plans::SharedBody;
use crate::domain::session::{Session, SessionId};
use crate::domain::token::TokenHash;
use crate::ports::{Kept, StoreError};
use crate::store::unavailable;

/// How long is waited before a store that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a change is merged into what another instance has saved meanwhile.
const MERGES: usize = 8;

/// Pays until nothing is owed. One task at a time does it.
pub(super) async fn pay_all(layers: Arc<Layers>) {
    // What a later version of this program has to write holds up none of those behind it.
    let mut left = Vec::new();
    loop {
        let Some(owner) = layers.journal.next(&left) else {
            if layers.journal.done_paying() {
                tracing::info!("All that was owed to the session store is written.");
                return;
            }
            if !left.is_empty() {
                tokio::time::sleep(PAUSE).await;
                left.clear();
            }
            continue;
        };
        match layers.pay(owner).await {
            Ok(()) => {}
            Err(StoreError::Newer) => left.push(owner),
            Err(error) => {
                tracing::debug!(%error, "The session store cannot be written yet.");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Layers {
    async fn pay(&self, owner: Owner) -> Result<(), StoreError> {
        match owner {
            Owner::Session(id) => {
                let _turn = self.turns.lock(id).await;
                self.settle(id).await
            }
            Owner::Login(token) => self.settle_login(token).await,
        }
    }

    /// Writes what is owed of a session. The caller has its turn.
    pub(super) async fn settle(&self, id: SessionId) -> Result<(), StoreError> {
        let Some((turn, owed)) = self.journal.of(id) else {
            return Ok(());
        };
        match owed {
            Owed::Begun { session, keep } => self.pay_begun(session, keep).await?,
            Owed::Changed {
                base,
                based_on,
                session,
                keep,
            } => self.pay_changed((base, based_on), session, keep).await?,
            Owed::Issued { token, at } => {
                self.far.issue(id, token, at).await?;
            }
            Owed::Moved { marker, keep } => self.far.rotate(id, marker, keep).await?,
            Owed::Ended { ended, keep, light } => {
                self.end_afar(id, (ended, keep), light).await?;
            }
        }
        self.journal.paid(Owner::Session(id), turn);
        Ok(())
    }

    /// The same for a login.
    pub(super) async fn settle_login(&self, token: TokenHash) -> Result<(), StoreError> {
        let Some((turn, OwedLogin { opened, closed })) = self.journal.of_login(token) else {
            return Ok(());
        };
        if let Some(login) = opened {
            self.far.open_login(token, login.copy()).await?;
        }
        if let Some(reason) = closed {
            self.far.close_login(token, reason).await?;
        }
        self.journal.paid(Owner::Login(token), turn);
        Ok(())
    }

    async fn pay_begun(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let id = session.id;
        match self.far.create(session.clone(), keep).await {
            Err(StoreError::Exists) => {}
            other => return other,
        }
        // It arrived when nobody heard the answer any more; what came after it is missing.
        match self.far.load(id).await? {
            Some((Kept::Live(there), _)) => {
                let heard = (Arc::clone(&there.body), there.version);
                self.pay_changed(heard, session, keep).await
            }
            _ => Ok(()),
        }
    }

    async fn pay_changed(
        &self,
        (base, mut based_on): (Arc<SharedBody>, u64),
        mut session: Session,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let id = session.id;
        let patch = Patch::diff(&base.fields(), &session.body.fields());
        for _ in 0..MERGES {
            if self
                .far
                .save(session.clone(), based_on, keep)
                .await?
                .is_some()
            {
                if let Some(token) = session.token {
                    self.far.issue(id, token, session.issued_at).await?;
                }
                return Ok(());
            }
            let Some((Kept::Live(there), _)) = self.far.load(id).await? else {
                // It has ended, or moved on, elsewhere: nothing takes that back.
                self.near.forget(id);
                return Ok(());
            };
            if there.version == session.version && there.body.fields() == session.body.fields() {
                return Ok(());
            }
            // Another instance was first: what changed here goes on top of what changed there.
            let mut fields = there.body.fields();
            patch.apply(&mut fields);
            based_on = there.version;
            session = Session {
                body: self.bodies.share(session.account(), fields),
                version: there.version + 1,
                ..session
            };
            let logins = self.logins(&session, false).await?;
            self.put(session.clone(), logins, keep);
        }
        Err(unavailable(&"the session is changed too often"))
    }
}
