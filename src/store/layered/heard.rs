//! What other instances change, and what is near: a changed session is dropped, an ended login
//! ends, and where nothing is heard nothing is believed for longer than a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::Layers;
use crate::domain::session::SessionId;
use crate::domain::token::TokenHash;
use crate::ports::Changed;
use crate::store::record::{Ending, Login};

/// How long what was read is believed while changes are not heard (contract §13: a change is seen
/// within a second).
const BELIEVED: Duration = Duration::from_secs(1);
/// Ids that are remembered as just read. What does not fit is read again, no more.
const REMEMBERED: u64 = 1 << 18;

/// What was heard, and whether anything is.
#[derive(Debug)]
pub(super) struct Heard {
    /// Looked at for every request. It guards nothing but the worth of what is near.
    unheard: AtomicBool,
    /// How often everything was dropped.
    drops: AtomicU64,
    /// How often a login ended elsewhere, or everything was dropped.
    endings: AtomicU64,
    /// Sessions and logins that were read a moment ago, while changes are not heard.
    just_read: Cache<u128, ()>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            unheard: AtomicBool::new(false),
            drops: AtomicU64::new(0),
            endings: AtomicU64::new(0),
            just_read: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(BELIEVED)
                .build(),
        }
    }
}

impl Heard {
    /// Whether what is near of a session may be old.
    pub(super) fn doubts(&self, id: SessionId) -> bool {
        self.unheard.load(Ordering::Relaxed) && !self.just_read.contains_key(&id.as_u128())
    }

    /// The same for a login.
    pub(super) fn doubts_login(&self, token: TokenHash, login: &Login) -> bool {
        login.checked() != self.drops()
            || self.unheard.load(Ordering::Relaxed)
                && !self.just_read.contains_key(&token.as_u128())
    }

    /// A session or a login, by its bits, was read, or could not be: it is believed for a moment.
    pub(super) fn read(&self, bits: u128) {
        if self.unheard.load(Ordering::Relaxed) {
            self.just_read.insert(bits, ());
        }
    }

    /// How often everything was dropped: what was read across that may be old.
    pub(super) fn drops(&self) -> u64 {
        self.drops.load(Ordering::Acquire)
    }

    /// How often a login ended elsewhere: one that was read across that may be old.
    pub(super) fn endings(&self) -> u64 {
        self.endings.load(Ordering::Acquire)
    }
}

impl Layers {
    /// Hears of a change. Called within a runtime where a session is named.
    pub(super) fn hear(self: &Arc<Self>, changed: Changed) {
        match changed {
            Changed::Unheard => {
                self.heard.just_read.invalidate_all();
                self.heard.unheard.store(true, Ordering::Release);
            }
            Changed::Everything => {
                // In this order: a reading under way either is dropped or notices.
                self.heard.drops.fetch_add(1, Ordering::AcqRel);
                self.heard.endings.fetch_add(1, Ordering::AcqRel);
                self.near.forget_sessions();
                self.heard.unheard.store(false, Ordering::Release);
            }
            Changed::Session(id) => {
                self.near.forget(id);
                // And once more in its turn: a reading under way may hold the old value.
                let layers = Arc::clone(self);
                tokio::spawn(async move {
                    let _turn = layers.turns.lock(id).await;
                    layers.near.forget(id);
                });
            }
            Changed::Login(token, reason) => {
                self.heard.endings.fetch_add(1, Ordering::AcqRel);
                self.end_near(token, reason);
            }
        }
    }

    /// Ends a login for every session that is near.
    pub(super) fn end_near(&self, token: TokenHash, reason: Ending) {
        if let Some(login) = self.near.remembered(token) {
            login.end(reason);
            return;
        }
        // Sessions that live by one that was forgotten may be near all the same. Every session is
        // looked at, so only where that can be.
        if !self.near.crowded() {
            return;
        }
        let mut sessions = Vec::new();
        self.near.each_live(|resident| {
            let session = resident.session();
            if session.logins.contains(&token) {
                sessions.push(session.id);
            }
        });
        for id in sessions {
            self.near.forget(id);
        }
    }
}
