//! What an operator asks about sessions: which there are, what one holds and why, and that one ends.

use std::sync::Arc;
use std::time::Duration;

use super::Flow;
use super::event::Event;
use super::past::{Lived, Parting, Told, Trigger};
use crate::account::Account;
use crate::domain::patch::Patch;
use crate::domain::session::{Session, SessionId};
use crate::domain::transform::{CycleError, Start};
use crate::ports::{Clock, SessionStore, StoreError};
use crate::store::memory::MemoryCapacity;
use crate::store::{Ending, Found, Latest, MemoryStore, Resident, Wanted};

/// Room for the sessions of one dry run, in bytes of either kind.
const ROOM: MemoryCapacity = MemoryCapacity {
    anonymous: 1 << 20,
    authenticated: 1 << 20,
    anonymous_unused: KEEP,
    authenticated_unused: KEEP,
};
/// Longer than any dry run takes.
const KEEP: Duration = Duration::from_hours(1);

/// Namespaces whose values are not worked out from others: what requests and logins said.
const GIVEN: [&str; 3] = ["public", "authentication", "impersonate"];

impl Flow {
    /// A live session of an account by its id.
    pub async fn session_of(
        &self,
        account: &Account,
        id: SessionId,
    ) -> Result<Option<Arc<Resident>>, StoreError> {
        Ok(match self.store.load(id).await? {
            Some(Found::Live(resident)) if *resident.session().account() == account.name => {
                Some(resident)
            }
            // What belongs to another account is not there.
            _ => None,
        })
    }

    /// Live sessions that this process holds, the one that was used last first, as far as nobody asks
    /// the law of time about each ([`Flow::known`]).
    pub async fn latest(&self, wanted: Wanted<'_>) -> Latest {
        self.store.latest(wanted).await
    }

    /// Ends one session of an account, with the logins that it lives by, as a logout does: every
    /// instance hears of it. What there is to tell; none where no such session lives.
    pub async fn end_session(
        &self,
        account: &Account,
        id: SessionId,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let _turn = self.locks.lock(id).await;
        let Some(resident) = self.session_of(account, id).await? else {
            return Ok(None);
        };
        let events = self.end_by_operator(account, &resident).await?;
        Ok((!events.is_empty()).then_some(events))
    }

    /// Ends a live session for an operator. The caller has its turn.
    pub(super) async fn end_by_operator(
        &self,
        account: &Account,
        resident: &Resident,
    ) -> Result<Vec<Event>, StoreError> {
        let now = self.clock.now();
        let parting = Parting::by_operator(now, &resident.snapshot());
        self.end_live((account, parting), resident, Ending::Revoked)
            .await
    }

    /// What a session would go through if it began now and was told at once all that it was ever
    /// told: where nothing remembers how it came about. Nothing is kept; apps are asked.
    pub async fn work_out_anew(
        &self,
        account: &Arc<Account>,
        session: &Session,
    ) -> Result<Lived, CycleError> {
        let base = account.base();
        let mut given = Patch::new();
        for (field, slot) in session.body.fields().iter() {
            let said = matches!(field.as_str(), "checkout.orderFormId" | "checkout.cartId");
            if said || GIVEN.contains(&field.namespace()) {
                given.put(field.clone(), slot.clone());
            }
        }
        let start = Start {
            body: base.clone(),
            request: given,
            create: true,
            ..Start::default()
        };
        let at = self.clock.now();
        let outcome = self.run(account, start, None).await?;
        Ok(Lived::anew(
            (session.id, at),
            &outcome,
            Told {
                trigger: Trigger::WorkedOutAnew,
                before: self.bodies.share(&account.name, base),
                after: self.share(account, &outcome),
                requested: outcome.requested.clone(),
                rounds: outcome.rounds.clone(),
                looped: outcome.looped.clone(),
                denied: outcome.denied,
            },
        ))
    }

    /// A flow for a dry run at one moment: it finds what this one holds of these sessions, and
    /// whatever it does to them is done to copies. `cookies_as_held`: a captured cookie that the request
    /// does not carry is as the session holds it, not gone.
    pub async fn dry(
        &self,
        clock: Arc<dyn Clock>,
        sessions: &[Arc<Resident>],
        cookies_as_held: bool,
    ) -> Result<Arc<Self>, StoreError> {
        let store = MemoryStore::new(ROOM);
        for resident in sessions {
            self.copy_logins(&store, resident.session()).await?;
            store.create(resident.snapshot(), KEEP).await?;
        }
        Ok(Arc::new(Self {
            dry: true,
            cookies_as_held,
            ..Self::uncounted(clock, Arc::clone(&self.entropy), Arc::new(store))
        }))
    }

    /// Has a flow of a dry run know the logins that a session lives by.
    pub async fn lend_logins(&self, dry: &Self, session: &Session) -> Result<(), StoreError> {
        self.copy_logins(&*dry.store, session).await
    }

    async fn copy_logins(
        &self,
        store: &dyn SessionStore,
        session: &Session,
    ) -> Result<(), StoreError> {
        for &token in session.logins.iter() {
            if let Some(login) = self.store.login(token).await? {
                store.open_login(token, login.copy()).await?;
            }
        }
        Ok(())
    }
}
