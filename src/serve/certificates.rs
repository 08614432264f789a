//! Looks after the certificates of all listeners while they are shown, that for operators too.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::time::MissedTickBehavior;

use crate::admin::Secured;
use crate::domain::time::Millis;
use crate::edge::Shared;
use crate::edge::tls::Certificates;

/// How often the files are looked at. They are small, and whoever renews one waits no longer.
const TURN: Duration = Duration::from_secs(5);

/// Has changed certificates shown.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) certificates: Vec<Arc<Certificates>>,
    /// The admin listener's; none: it speaks plain HTTP.
    pub(super) admin: Option<Arc<Secured>>,
    pub(super) shared: Arc<Shared>,
}

impl Watch {
    /// Whether there is nothing to look after.
    pub(super) fn is_idle(&self) -> bool {
        self.certificates.is_empty() && self.admin.is_none()
    }

    /// Looks at everything once. Reads files: not for a runtime's thread.
    fn look(certificates: &[Arc<Certificates>], admin: Option<&Arc<Secured>>, now: Millis) {
        for one in certificates {
            one.look(now);
        }
        if let Some(admin) = admin {
            admin.look(now);
        }
    }
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
            let (certificates, admin) = (self.certificates.clone(), self.admin.clone());
            let now = self.shared.flow.now();
            let look = move || Self::look(&certificates, admin.as_ref(), now);
            if let Err(error) = tokio::task::spawn_blocking(look).await {
                tracing::error!(%error, "Certificates could not be looked at.");
            }
        }
    }
}
