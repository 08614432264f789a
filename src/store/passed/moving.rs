//! The way of a store from the process that leaves to this one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::super::embedded::OpenError;
use super::{Here, PassedStore, State};
use crate::ports::Changed;

/// Between two tries to open files that the other process has not let go of yet.
const AGAIN: Duration = Duration::from_millis(20);
/// The same where it is not that.
const AGAIN_LATER: Duration = Duration::from_secs(1);

impl PassedStore {
    /// The process that has the store is gone.
    pub fn cut(&self) {
        let was_told = !matches!(*self.0.state.borrow(), State::Borrowed(_));
        self.leaves_there();
        if let Some(borrowed) = &self.0.borrowed {
            borrowed.cut();
        }
        if !was_told {
            tracing::warn!("The process before this one has ended without a word.");
            // What it changed last may not have been told. Of sessions in memory alone, what is near
            // is all that is left.
            if self.0.memory.get().is_none() {
                self.0.tell_near(Changed::Everything);
            }
        }
        self.comes_here();
    }

    /// The process before has closed the store, and answered what it has done.
    pub(super) fn released(&self) {
        self.leaves_there();
        if let Some(borrowed) = &self.0.borrowed {
            borrowed.not_done();
        }
        self.comes_here();
    }

    pub(super) fn leaves_there(&self) {
        self.0.state.send_if_modified(|state| {
            let leaves = matches!(state, State::Borrowed(_));
            if leaves {
                *state = State::Between;
            }
            leaves
        });
    }

    pub(super) fn comes_here(&self) {
        self.leaves_there();
        let between = matches!(*self.0.state.borrow(), State::Between);
        if between && !self.0.opening.swap(true, Ordering::AcqRel) {
            let store = self.clone();
            self.0.runtime.spawn(async move { store.open().await });
        }
    }

    async fn open(&self) {
        let mut told = false;
        while matches!(*self.0.state.borrow(), State::Between) {
            let passed = Arc::clone(&self.0);
            let opened = tokio::task::spawn_blocking(move || (passed.open)()).await;
            match opened {
                Ok(Ok(opened)) => return self.is_here(&opened),
                Ok(Err(OpenError::Locked { .. })) => sleep(AGAIN).await,
                Ok(Err(error)) => {
                    if !told {
                        tracing::error!(%error, "The store of the process before cannot be opened. This is tried again until it works.");
                    }
                    told = true;
                    sleep(AGAIN_LATER).await;
                }
                Err(error) => {
                    tracing::error!(%error, "The store could not be opened.");
                    sleep(AGAIN_LATER).await;
                }
            }
        }
    }

    fn is_here(&self, opened: &Here) {
        let mut here = false;
        self.0.state.send_if_modified(|state| {
            here = matches!(state, State::Between);
            if here {
                *state = State::Own(opened.clone());
            }
            here
        });
        if !here {
            opened.own.close();
            return;
        }
        tracing::info!("The store of sessions is this process's own now.");
        for touched in std::mem::take(&mut *self.0.touched.lock()).into_values() {
            opened.own.touch(touched);
        }
    }
}
