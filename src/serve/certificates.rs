//! Looks after the certificates of all listeners while they are shown.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::time::MissedTickBehavior;

use crate::edge::Shared;
use crate::edge::tls::Certificates;

/// How often the files are looked at. They are small, and whoever renews one waits no longer.
const TURN: Duration = Duration::from_secs(5);

/// Has changed certificates shown.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) certificates: Vec<Arc<Certificates>>,
    pub(super) shared: Arc<Shared>,
}

#[async_trait]
impl BackgroundService for Watch {
    async fn start(&self, mut stop: ShutdownWatch) {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = turns.tick() => {}
            }
            for one in &self.certificates {
                let (one, now) = (Arc::clone(one), self.shared.flow.now());
                let looked = tokio::task::spawn_blocking(move || one.look(now)).await;
                if let Err(error) = looked {
                    tracing::error!(%error, "Certificates could not be looked at.");
                }
            }
        }
    }
}
