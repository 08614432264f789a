//! When to reload: at `SIGHUP`, and where a file that the configuration came from has changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::Reloads;
use crate::systemd;

/// How often files are looked at. A change counts when it is there at two looks in a row: whoever
/// writes several files, or one in pieces, is given the time.
const LOOKS: Duration = Duration::from_secs(1);

/// Waits for reasons to reload.
#[derive(Debug)]
pub struct Watch {
    reloads: Arc<Reloads>,
    /// Whether files are looked at; signals always are heard.
    files: bool,
}

/// How files look from outside: when each was changed last, and its size. None: it is not there.
type Look = BTreeMap<PathBuf, Option<(Option<SystemTime>, u64)>>;

impl Watch {
    /// Watches signals, and files too if `files` says so.
    pub const fn new(reloads: Arc<Reloads>, files: bool) -> Self {
        Self { reloads, files }
    }

    async fn look(&self) -> Look {
        let files = self.reloads.files().await;
        let looks = tokio::task::spawn_blocking(move || {
            let look = |path: &PathBuf| {
                let about = std::fs::metadata(path).ok()?;
                Some((about.modified().ok(), about.len()))
            };
            files
                .into_iter()
                .map(|path| (path.clone(), look(&path)))
                .collect()
        });
        looks.await.unwrap_or_default()
    }
}

#[async_trait]
impl BackgroundService for Watch {
    async fn start(&self, mut stop: ShutdownWatch) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::error!(%error, "Nothing is heard of SIGHUP.");
                return;
            }
        };
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = self.look().await;
        let mut last = known.clone();
        loop {
            let told = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = hangup.recv() => true,
                _ = looks.tick(), if self.files => false,
            };
            let look = self.look().await;
            let settled = look != known && look == last;
            last = look;
            if told || settled {
                if told {
                    systemd::reloading();
                }
                self.reloads.reload().await;
                if told {
                    systemd::ready();
                }
                // Other files may be named now.
                known = self.look().await;
                last.clone_from(&known);
            }
        }
    }
}
