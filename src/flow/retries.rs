//! Which sessions are having a failed app tried again: one attempt a session at a time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::past::Whose;
use super::{Flow, Stage};
use crate::account::Account;
use crate::domain::session::{Body, Principal, Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::transform::Start;
use crate::store::{Found, Resident};

/// Attempts under way.
#[derive(Debug, Default)]
pub(super) struct Retries(Arc<Mutex<HashSet<SessionId>>>);

/// One attempt, until dropped.
#[derive(Debug)]
pub(super) struct RetryTurn {
    all: Arc<Mutex<HashSet<SessionId>>>,
    id: SessionId,
}

impl Retries {
    /// How many there are.
    pub(super) fn under_way(&self) -> usize {
        self.0.lock().len()
    }

    /// Takes the turn for a session; `None` where one is under way.
    pub(super) fn begin(&self, id: SessionId) -> Option<RetryTurn> {
        self.0.lock().insert(id).then(|| RetryTurn {
            all: Arc::clone(&self.0),
            id,
        })
    }
}

impl Drop for RetryTurn {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}

impl Flow {
    /// Tries failed apps again without making a request wait.
    pub(super) fn retry_beside(
        self: &Arc<Self>,
        stage: Stage<'_>,
        id: SessionId,
        apps: BTreeSet<usize>,
    ) {
        if apps.is_empty() {
            return;
        }
        let (flow, account) = (Arc::clone(self), Arc::clone(stage.account));
        let (raw, now) = (stage.raw_cookies(), stage.now);
        let Some(turn) = self.retries.begin(id) else {
            return;
        };
        tokio::spawn(async move {
            let _turn = turn;
            // Without the session's lock: requests go on meanwhile, and if one saves first, its
            // change counts and this is tried again later.
            flow.retry(&account, id, Retry { apps, raw, now }).await;
        });
    }

    async fn retry(&self, account: &Arc<Account>, id: SessionId, retry: Retry) {
        let Ok(Some(Found::Live(resident))) = self.store.load(id).await else {
            return;
        };
        let old = resident.session();
        // A request may have had them answered while this waited for its turn.
        let due = old.upkeep.due_under(retry.now, &account.graph).pending;
        let recall: BTreeSet<usize> = retry.apps.intersection(&due).copied().collect();
        if recall.is_empty() {
            return;
        }
        let start = Start {
            body: old.body.fields(),
            raw: retry.raw,
            recall,
            ..Start::default()
        };
        let Ok(mut outcome) = self.run(account, start, None).await else {
            return;
        };
        if account.limits.check(&outcome.body).is_err() {
            return;
        }
        if Principal::of(&outcome.body) != old.principal() {
            // Who acts changes only on a request, where the id can change with it: the next one
            // asks the same apps itself.
            let upkeep = old.upkeep.hastened(&retry.apps, retry.now);
            self.keep_retry(
                account,
                Session {
                    upkeep,
                    ..resident.snapshot()
                },
                old.version,
            )
            .await;
            return;
        }
        let next = Session {
            body: self.body_after(old, &outcome),
            version: old.version + u64::from(!outcome.changed.is_empty()),
            upkeep: old.upkeep.after(&outcome, &account.graph, retry.now),
            ..resident.snapshot()
        };
        if let Some(kept) = self.keep_retry(account, next, old.version).await {
            let whose = Whose::of_retry(retry.now, &resident, &kept);
            self.past.note(whose, &mut outcome);
        }
    }

    /// Overtaken by a request: what is still pending is tried again after that.
    async fn keep_retry(
        &self,
        account: &Account,
        next: Session,
        based_on: u64,
    ) -> Option<Arc<Resident>> {
        let authenticated = next.authenticated();
        let keep = account.policies.of(authenticated).record_ttl(authenticated);
        let saved = self.store.save_or_owe(next, based_on, keep).await;
        saved.ok().flatten()
    }
}

struct Retry {
    apps: BTreeSet<usize>,
    raw: Body,
    now: Millis,
}
