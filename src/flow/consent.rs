//! Visitors who have not agreed to be remembered, or have taken it back.

use super::decision::Decision;
use super::event::Event;
use super::lookup::{LookedUp, Lookup};
use super::{Flow, Stage};
use crate::domain::cookies::delete_cookie;

impl Flow {
    /// Nobody in particular; nothing is stored, and no cookie leaves but those that take ours away.
    /// A session that is there nevertheless ends, and nothing is left of it.
    pub(super) async fn unconsented(&self, stage: Stage<'_>) -> Decision {
        // What was cut off is unknown: no answer, and no taking back either.
        if stage.inputs.tokens.is_empty() || stage.inputs.cookies_cut {
            return self.nobody_asked(stage).await;
        }
        let withdrawn = match self.look_up(stage).await {
            LookedUp::Alive(alive) => {
                let id = alive.resident.session().id;
                let _turn = self.locks.lock(id).await;
                // Logins stay: they are the shop's, which asked for them. What is owed to a store
                // that cannot be asked is written when it answers.
                self.forget(stage.account, stage.now, id).await.map(Some)
            }
            LookedUp::Ended(ended) => {
                let id = ended.session.id;
                self.forget(stage.account, stage.now, id)
                    .await
                    .map(|_| None)
            }
            LookedUp::Unreadable => return self.unreadable(stage).await,
            LookedUp::Moved(_) | LookedUp::Unknown(_) | LookedUp::Ambiguous => Ok(None),
        };
        let Ok(withdrawn) = withdrawn else {
            return self.unreadable(stage).await;
        };
        let mut decision = self.nobody_asked(stage).await;
        let settings = stage.cookies();
        decision.cookies.deletions = vec![
            delete_cookie(settings, &settings.session),
            delete_cookie(settings, &settings.segment),
        ];
        let event = withdrawn.map(Event::ConsentWithdrawn);
        decision.events.extend(event);
        decision
    }

    /// A page, or what a call of the Session API answers to whom nothing is stored for.
    async fn nobody_asked(&self, stage: Stage<'_>) -> Decision {
        if stage.ask.is_some() {
            return self.unstored(stage).await;
        }
        self.nobody(stage, Lookup::NotLooked).await
    }
}
