//! Which sessions are having a failed app tried again: one attempt a session at a time.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::session::SessionId;

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
