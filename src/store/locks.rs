//! One lock a session, so that requests which change the same session are put in order.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::domain::session::SessionId;

const SHARDS: usize = 64;

type Shard = Mutex<HashMap<SessionId, Arc<tokio::sync::Mutex<()>>>>;

/// Locks by session id. Holds nothing for sessions that nobody changes.
#[derive(Debug)]
pub struct SessionLocks {
    shards: Box<[Shard]>,
}

/// The right to change one session, until dropped.
#[derive(Debug)]
pub struct SessionGuard<'a> {
    locks: &'a SessionLocks,
    id: SessionId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Default for SessionLocks {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl SessionLocks {
    /// Waits for the right to change a session.
    pub async fn lock(&self, id: SessionId) -> SessionGuard<'_> {
        let lock = Arc::clone(self.shard(id).lock().entry(id).or_default());
        // Created first, so that an abandoned wait is tidied up like a finished one.
        let mut waiting = SessionGuard {
            locks: self,
            id,
            guard: None,
        };
        waiting.guard = Some(lock.lock_owned().await);
        waiting
    }

    fn shard(&self, id: SessionId) -> &Shard {
        let at = usize::try_from(id.as_u128() % SHARDS as u128).unwrap_or(0);
        self.shards
            .get(at)
            .expect("the remainder is below the number of shards")
    }

    /// How many sessions are locked or waited for.
    pub fn held(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

impl Drop for SessionGuard<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut shard = self.locks.shard(self.id).lock();
        // One count is the map's own; nobody can take another while the shard is held.
        if shard
            .get(&self.id)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            shard.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bits: u128) -> SessionId {
        SessionId::from_random(bits)
    }

    #[tokio::test]
    async fn one_session_is_changed_by_one_at_a_time_and_others_go_on() {
        let locks = SessionLocks::default();
        let first = locks.lock(id(1)).await;
        let _other = locks.lock(id(65)).await;
        let mut second = Box::pin(locks.lock(id(1)));
        assert!(futures_pending(&mut second).await);
        drop(first);
        drop(second.await);
        assert_eq!(locks.held(), 1);
    }

    #[tokio::test]
    async fn an_abandoned_wait_leaves_nothing_behind() {
        let locks = SessionLocks::default();
        let first = locks.lock(id(1)).await;
        {
            let mut second = Box::pin(locks.lock(id(1)));
            assert!(futures_pending(&mut second).await);
        }
        drop(first);
        assert_eq!(locks.held(), 0);
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
