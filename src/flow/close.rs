//! A shopper ends their session by the API: authority ends at once, and nothing takes its place
//! until the next page asks for a session (contract §10).

use std::sync::Arc;

use super::ask::{Ask, Undone};
use super::decision::Decision;
use super::event::Event;
use super::lookup::{Alive, LookedUp, Lookup};
use super::past::{Cause, Parting};
use super::writes::{end_of, login_token, says_who};
use super::{Flow, Stage};
use crate::account::Account;
use crate::domain::cookies::{delete_auth_cookie, delete_cookie};
use crate::domain::inputs::read_inputs;
use crate::domain::request::RequestView;
use crate::ports::StoreError;
use crate::store::{Ending, Found, Login};

impl Flow {
    /// Ends the session of a request's cookie, with the logins that it shows, and has the browser
    /// drop all of their cookies. Where there is no session, that is already so.
    pub async fn close(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
    ) -> Decision {
        let inputs = read_inputs(request, &account.inputs);
        let ask = Ask::default();
        let stage = Stage::of_call(account, request, &inputs, &ask, self.clock.now());
        let closed = match self.look_up(stage).await {
            LookedUp::Alive(alive) => self.close_alive(stage, &alive).await,
            LookedUp::Moved(_) => Ok(Closed::Replaced),
            LookedUp::Ended(_) | LookedUp::Unknown(_) => Ok(Closed::Over(Vec::new())),
            LookedUp::Ambiguous => return self.ambiguous(stage).await,
            LookedUp::Unreadable => return self.unreadable(stage).await,
        };
        // The logins end whatever became of the session: they are what would begin the next one.
        match self.close_shown_logins(stage).await.and(closed) {
            Ok(Closed::Over(mut events)) => {
                // Done here at once; the store hears of it first of all when it answers again.
                let owed = self.store.health().owed > 0;
                events.extend(owed.then_some(Event::Owed));
                self.without_anything(stage, events).await
            }
            Ok(Closed::Replaced) => {
                let decision = self.nobody(stage, Lookup::Moved).await;
                decision.undone(Undone::Replaced)
            }
            Err(_) => self.unreadable(stage).await,
        }
    }

    async fn close_alive(&self, stage: Stage<'_>, alive: &Alive) -> Result<Closed, StoreError> {
        let id = alive.resident.session().id;
        let _turn = self.locks.lock(id).await;
        match self.store.load(id).await? {
            Some(Found::Live(resident)) => {
                let session = resident.snapshot();
                let parting = Parting::by_request(stage, &session, Cause::SessionApi);
                let by = (&**stage.account, parting);
                let events = self.end_live(by, &resident, Ending::Logout).await?;
                Ok(Closed::Over(events))
            }
            // While this waited for its turn, somebody logged in or out.
            Some(Found::Moved(_)) => Ok(Closed::Replaced),
            Some(Found::Ended(_)) | None => Ok(Closed::Over(Vec::new())),
        }
    }

    /// A login cookie that no session lives by yet must not begin one after this.
    async fn close_shown_logins(&self, stage: Stage<'_>) -> Result<(), StoreError> {
        for (_, value) in shown_logins(stage) {
            let token = login_token(stage.account, value);
            let login = Login::new(stage.now, end_of(value, stage.now));
            self.store.open_login(token, login).await?;
            self.store.close_login(token, Ending::Logout).await?;
        }
        Ok(())
    }

    /// Nobody in particular, and no cookie of ours or of the login left.
    async fn without_anything(&self, stage: Stage<'_>, events: Vec<Event>) -> Decision {
        let mut decision = self.nobody(stage, Lookup::NoToken).await;
        let (settings, auth) = (stage.cookies(), &stage.account.auth_cookie);
        decision.cookies.deletions = vec![
            delete_cookie(settings, &settings.session),
            delete_cookie(settings, &settings.segment),
        ];
        let logins = shown_logins(stage)
            .map(|(name, _)| delete_auth_cookie(name, auth.domain.as_deref(), &auth.path));
        decision.cookies.deletions.extend(logins);
        decision.events.extend(events);
        decision
    }
}

/// What became of a session that was to be closed.
enum Closed {
    /// It is over; what there is to tell.
    Over(Vec<Event>),
    /// It had become another one.
    Replaced,
}

fn shown_logins(stage: Stage<'_>) -> impl Iterator<Item = (&str, &str)> {
    let captured = stage.inputs.captured.iter().copied();
    captured.filter(move |(name, value)| says_who(stage.account, name) && !value.is_empty())
}
