//! Sessions that are over, as an operator is told of them: why, since when, and what took their place.

use std::sync::Arc;
use std::time::Duration;

use super::lookup::ending;
use super::past::{Parting, Trigger, Was};
use super::{Flow, MARKER};
use crate::account::Account;
use crate::domain::lifetime::{Decision, Presented, decide};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Marker, Resident};

/// What is known under an id.
#[derive(Debug)]
pub enum Known {
    /// It lives.
    Live(Arc<Resident>),
    /// It does not any more.
    Over(Over),
}

/// Why there is nothing under an id any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The session ended.
    Ended(Ending),
    /// The session goes on under another id, as after a login.
    Replaced,
}

impl Left {
    /// A word of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ended(ending) => ending.label(),
            Self::Replaced => "replaced",
        }
    }
}

/// A session that is over.
#[derive(Clone, Debug)]
pub struct Over {
    /// Its id.
    pub id: SessionId,
    /// Why.
    pub reason: Left,
    /// When, where that is known. Of a limit, when it was reached: nobody may have come back since.
    pub at: Option<Millis>,
    /// The limit that it reached, by the configuration of now.
    pub limit: Option<Duration>,
    /// The session that took its place.
    pub successor: Option<SessionId>,
    /// How somebody ended it, where that is remembered.
    pub parting: Option<Box<Parting>>,
    /// What it was, as far as anything is left of that.
    pub was: Option<Was>,
}

impl Flow {
    /// What is known of a session of an account. What belongs to another account is not there.
    pub async fn known_of(
        &self,
        account: &Account,
        id: SessionId,
    ) -> Result<Option<Known>, StoreError> {
        let known = match self.store.load(id).await? {
            Some(Found::Live(resident)) if *resident.session().account() == account.name => {
                Some(self.known(account, resident))
            }
            Some(Found::Ended(ended)) if *ended.session.account() == account.name => {
                Some(Known::Over(remains(account, &ended)))
            }
            Some(Found::Moved(marker)) if marker.account == account.name => {
                self.replaced(id, &marker).await?.map(Known::Over)
            }
            _ => None,
        };
        Ok(known.map(|known| match known {
            Known::Over(over) => Known::Over(self.remembered(account, over)),
            live @ Known::Live(_) => live,
        }))
    }

    /// What is over, with what this process remembers of its end and of what it was.
    fn remembered(&self, account: &Account, mut over: Over) -> Over {
        if matches!(over.reason, Left::Ended(Ending::Logout | Ending::Revoked)) {
            let parting = self.past.parting(over.id);
            let own = parting.filter(|one| *one.was.body.account() == account.name);
            over.parting = own.map(Box::new);
        }
        if let Some(parting) = &over.parting {
            over.at = over.at.or(Some(parting.at));
            over.was = Some(parting.was.clone());
        }
        if over.was.is_none() {
            over.was = self.was(&over);
        }
        over
    }

    /// What a session was whose place another has taken, as far as the last cycles tell: its own of
    /// what it held, and the one that gave it another id of when it began. That was its last use.
    fn was(&self, over: &Over) -> Option<Was> {
        let mut own = self.past.of(over.id).into_iter();
        let last = own.find(|one| one.session == over.id)?;
        let after = over.successor.map(|id| self.past.of(id));
        let mut after = after.into_iter().flatten();
        let replaced = after.find(|one| one.from == Some(over.id));
        Some(Was {
            body: Arc::clone(&last.told.after),
            created_at: replaced.as_ref().and_then(|one| one.began),
            seen_at: replaced.map(|one| one.at),
        })
    }

    /// The same of a session that the store calls live: it may have reached a limit, and nobody has
    /// come back to notice.
    pub fn known(&self, account: &Account, resident: Arc<Resident>) -> Known {
        let (session, now) = (resident.session(), self.clock.now());
        let authenticated = session.authenticated();
        let policy = account.policies.of(authenticated);
        let mut times = session.times();
        // Activity on another instance may not have been heard of yet: nobody is called over early.
        let seen = resident.last_seen();
        times.last_seen = seen.plus(policy.touch_interval()).min(now).max(seen);
        let presented = Presented {
            iat: session.issued_at,
        };
        match decide(Some(&times), Some(presented), authenticated, now, policy) {
            Decision::Expired(expiry) => {
                let (session, reason) = (resident.session(), ending(expiry));
                Known::Over(limited(account, (session, seen), reason))
            }
            Decision::Alive { .. } | Decision::New => Known::Live(resident),
        }
    }

    /// A marker says where to, and not why: the first cycle of what took the place does, or who
    /// acts in it, since a logout is followed by nobody. None where nothing is there, as after an
    /// erasure.
    async fn replaced(&self, id: SessionId, marker: &Marker) -> Result<Option<Over>, StoreError> {
        let cycles = self.past.of(marker.to);
        let remembered = cycles.iter().find_map(|lived| {
            if lived.from == Some(id) {
                return Some(Left::Replaced);
            }
            let began = lived.session == marker.to && lived.told.trigger == Trigger::Successor;
            began.then_some(Left::Ended(Ending::Logout))
        });
        let of = |session: &Session| {
            if session.authenticated() {
                Left::Replaced
            } else {
                Left::Ended(Ending::Logout)
            }
        };
        let reason = match remembered {
            Some(reason) => Some(reason),
            None => match self.store.load(marker.to).await? {
                Some(Found::Live(resident)) => Some(of(resident.session())),
                Some(Found::Ended(ended)) => Some(of(&ended.session)),
                Some(Found::Moved(_)) => Some(Left::Replaced),
                None => None,
            },
        };
        Ok(reason.map(|reason| Over {
            id,
            reason,
            at: Some(marker.until.minus(MARKER)),
            limit: None,
            successor: Some(marker.to),
            parting: None,
            was: None,
        }))
    }
}

fn remains(account: &Account, ended: &Ended) -> Over {
    let session = &*ended.session;
    Over {
        successor: ended.successor.as_ref().map(|marker| marker.to),
        ..limited(account, (session, session.last_seen), ended.reason)
    }
}

fn limited(account: &Account, (session, seen): (&Session, Millis), reason: Ending) -> Over {
    let authenticated = session.authenticated();
    let policy = account.policies.of(authenticated);
    let reached = match reason {
        Ending::Idle => Some((seen, policy.idle_limit())),
        Ending::Absolute => Some((session.created_at, policy.absolute(authenticated))),
        // Its remains do not say when.
        Ending::Logout | Ending::Revoked => None,
    };
    Over {
        id: session.id,
        reason: Left::Ended(reason),
        at: reached.map(|(from, limit)| from.plus(limit)),
        limit: reached.map(|(_, limit)| limit),
        successor: None,
        parting: None,
        was: Some(Was {
            seen_at: Some(seen),
            ..Was::of(session)
        }),
    }
}
