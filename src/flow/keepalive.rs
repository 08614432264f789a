//! A page says that its shopper is active (contract §12). Whatever it says, no session begins,
//! changes or ends by it: a living one is noted as used, and its cookie issued again where it is due.

use std::sync::Arc;
use std::time::Duration;

use super::ask::{Ask, Undone};
use super::decision::Decision;
use super::lookup::{Alive, LookedUp, Lookup};
use super::{Flow, Stage};
use crate::account::Account;
use crate::domain::inputs::read_inputs;
use crate::domain::lifetime::{Policy, Times};
use crate::domain::request::RequestView;
use crate::domain::time::Millis;
use crate::store::Marker;

/// What became of the session of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none: nobody presented one, or it is not known here.
    None,
    /// It is over.
    Expired {
        /// Whether somebody was logged in in it.
        authenticated: bool,
    },
    /// It lives.
    Live {
        /// Its times, this activity included.
        times: Times,
        /// When the presented cookie was issued.
        iat: Millis,
        /// Whether somebody is logged in in it.
        authenticated: bool,
    },
}

impl Flow {
    /// Notes that the shopper of a page did something `ago`. A session that has ended meanwhile
    /// stays so: the next page is led on from it, or to the login.
    pub async fn keep_alive(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        ago: Duration,
    ) -> (Decision, Standing) {
        let inputs = read_inputs(request, &account.inputs);
        let ask = Ask::default();
        // No activity, until it turns out that the page has news.
        let stage = Stage::of_call(account, request, &inputs, &ask, self.clock.now());
        if inputs.tokens.is_empty() || request.crawler(&account.crawlers) {
            return (self.nobody(stage, Lookup::NoToken).await, Standing::None);
        }
        if stage.is_unconsented() {
            let decision = Box::pin(self.unconsented(stage)).await;
            return (decision, Standing::None);
        }
        match self.look_up_gently(stage).await {
            LookedUp::Alive(alive) if stage.login_stands(&alive.resident) => {
                self.note(stage, alive, ago)
            }
            // Its login has ended elsewhere, and with it what it was.
            LookedUp::Alive(alive) => {
                let authenticated = alive.resident.session().authenticated();
                let decision = self.nobody(stage, alive.lookup).await;
                (decision, Standing::Expired { authenticated })
            }
            LookedUp::Ended(ended) => {
                let authenticated = ended.session.authenticated();
                let lookup = Lookup::Ended(ended.reason.label());
                let decision = self.nobody(stage, lookup).await;
                (decision, Standing::Expired { authenticated })
            }
            LookedUp::Unknown(lookup) => (self.nobody(stage, lookup).await, Standing::None),
            LookedUp::Moved(_) => {
                let decision = self.nobody(stage, Lookup::Moved).await;
                (decision.undone(Undone::Replaced), Standing::None)
            }
            LookedUp::Ambiguous => (self.ambiguous(stage).await, Standing::None),
            LookedUp::Unreadable => (self.unreadable(stage).await, Standing::None),
        }
    }

    /// Finds the session without ending it where it is over, by way of a rotation's marker too.
    async fn look_up_gently(&self, stage: Stage<'_>) -> LookedUp {
        let found = match self.look_up(stage).await {
            LookedUp::Ended(ended) => self.look_again(stage, ended).await,
            found => found,
        };
        match found {
            LookedUp::Moved(marker) => self.judge_moved(stage, marker).await,
            found => found,
        }
    }

    async fn judge_moved(&self, stage: Stage<'_>, marker: Marker) -> LookedUp {
        let Some(resident) = self.follow(stage, &marker).await else {
            return LookedUp::Moved(marker);
        };
        let moved = Alive {
            iat: resident.session().issued_at,
            resident,
            reissue: true,
            clock_step: false,
            lookup: Lookup::Moved,
        };
        Self::judge(stage, moved)
    }

    fn note(&self, stage: Stage<'_>, alive: Alive, ago: Duration) -> (Decision, Standing) {
        let resident = &alive.resident;
        let session = resident.session();
        let authenticated = session.authenticated();
        let policy: &Policy = stage.account.policies.of(authenticated);
        let mut times = session.times();
        times.last_seen = resident.judged_seen(policy.touch_interval(), stage.now);
        let reported = times.reported(ago, stage.now, policy);
        if let Some(seen) = reported {
            self.touch_at(stage, resident, seen);
            times = times.touched(seen);
        }
        let stage = Stage {
            activity: reported.is_some(),
            ..stage
        };
        let standing = Standing::Live {
            times,
            iat: alive.iat,
            authenticated,
        };
        (self.unchanged(stage, alive), standing)
    }
}
