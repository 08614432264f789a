//! A process begins to serve: alone, or in the place of another one that is told so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::leaving::Leaving;
use crate::handover::{Frames, Giver, Home, Kind, Line};
use crate::store::PassedStore;
use crate::systemd;

/// How long the store of a process that ended without a word is waited for.
const LEFT_BEHIND: Duration = Duration::from_secs(30);

/// What the process before has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing yet.
    Nothing,
    /// It leaves.
    Leaves,
    /// It stays.
    Stays,
    /// It is gone.
    Gone,
}

/// Listens to the process before until it is gone.
pub(super) async fn listen(
    mut frames: Frames,
    store: Option<PassedStore>,
    said: watch::Sender<Said>,
) {
    while let Some(frame) = frames.next().await {
        match (frame.kind, &store) {
            (Kind::Leaving, _) => drop(said.send_replace(Said::Leaves)),
            (Kind::GivenUp, _) => drop(said.send_replace(Said::Stays)),
            (_, Some(store)) => store.hear(frame),
            (kind, None) => tracing::debug!(?kind, "A frame is nobody's here."),
        }
    }
    if let Some(store) = store {
        store.cut();
    }
    said.send_if_modified(|said| {
        let silent = *said == Said::Nothing;
        if silent {
            *said = Said::Gone;
        }
        silent
    });
}

/// The process before.
pub(super) struct Before {
    pub(super) line: Line,
    pub(super) said: watch::Receiver<Said>,
    pub(super) store: Option<PassedStore>,
}

/// Waits until everything accepts connections, and tells whoever waits for that.
pub(super) struct Arrival {
    pub(super) leaving: Arc<Leaving>,
    pub(super) before: Option<Before>,
    /// What is handed over some day, and where that goes on.
    pub(super) home: Mutex<Option<(Home, Handle)>>,
    pub(super) giver: watch::Sender<Option<Arc<Giver>>>,
    pub(super) unwanted: watch::Sender<bool>,
}

#[async_trait]
impl BackgroundService for Arrival {
    async fn start(&self, _: ShutdownWatch) {
        self.leaving.begun().await;
        let Some(before) = &self.before else {
            return systemd::ready();
        };
        if !before.makes_room().await {
            tracing::error!("The process before does not make room; this one ends.");
            self.unwanted.send_replace(true);
            return;
        }
        systemd::ready_instead();
        tracing::info!("This process serves in the place of the one before.");
        let Some((home, runtime)) = self.home.lock().take() else {
            return;
        };
        match Giver::open(home, &runtime) {
            Ok(giver) => drop(self.giver.send_replace(Some(Arc::new(giver)))),
            Err(error) => {
                tracing::error!(%error, "The private socket cannot be opened: this process will not hand over.");
            }
        }
    }
}

impl Before {
    async fn makes_room(&self) -> bool {
        let mut said = self.said.clone();
        if *said.borrow() == Said::Gone && !self.left_its_store().await {
            return false;
        }
        self.line.send(Kind::Ready, 0, Vec::new());
        let said = said.wait_for(|said| *said != Said::Nothing).await;
        let said = said.map_or(Said::Gone, |said| *said);
        match said {
            Said::Nothing | Said::Leaves => true,
            Said::Stays => false,
            Said::Gone => self.left_its_store().await,
        }
    }

    /// Whether a process that is gone is: as long as it has the store, it is not.
    async fn left_its_store(&self) -> bool {
        match &self.store {
            Some(store) => timeout(LEFT_BEHIND, store.owned()).await.is_ok(),
            None => true,
        }
    }
}
