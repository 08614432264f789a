//! What the process as a whole is in, for whoever asks whether it is to get requests.

use std::sync::atomic::{AtomicBool, Ordering};

/// The state of the process.
#[derive(Debug, Default)]
pub struct ProcessState {
    draining: AtomicBool,
    reload_refused: AtomicBool,
}

impl ProcessState {
    /// It was told to end.
    pub fn drains(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it was.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn reloaded(&self, refused: bool) {
        self.reload_refused.store(refused, Ordering::Relaxed);
    }

    /// Whether what was read last of the configuration is not what is in force.
    pub fn reload_refused(&self) -> bool {
        self.reload_refused.load(Ordering::Relaxed)
    }
}
