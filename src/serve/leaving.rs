//! The end of a process: what still goes on, and how it ends without anybody losing a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::edge::door::Door;

/// How long connections that were accepted last may take to become ones that are counted.
const HANDSHAKES: Duration = Duration::from_secs(1);

/// How long the last words of the process may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What is known of the end by everybody who has to do with it.
#[derive(Debug)]
pub(super) struct Leaving {
    stop: watch::Sender<bool>,
    /// Whether answers tell clients to come by another connection.
    told: Arc<AtomicBool>,
    handed: AtomicBool,
    /// How long a client that keeps its connection may use it once more after a hand-over, and be
    /// told to come by another one. Who was silent for so long is hardly about to speak.
    linger: Duration,
    /// Services that do not accept connections yet.
    beginning: watch::Sender<usize>,
    services: watch::Sender<usize>,
    connections: watch::Sender<usize>,
    /// Whether nothing more happens that anybody could be told of, and who still tells.
    over: watch::Sender<bool>,
    telling: watch::Sender<usize>,
}

/// One thing that goes on, until dropped.
#[derive(Debug)]
pub(super) struct GoesOn(watch::Sender<usize>);

impl GoesOn {
    fn among(all: &watch::Sender<usize>) -> Self {
        all.send_modify(|count| *count += 1);
        Self(all.clone())
    }
}

impl Drop for GoesOn {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Leaving {
    /// Half of the grace is for those who have nothing to say.
    pub(super) fn within(grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            stop: watch::Sender::new(false),
            told: Arc::default(),
            handed: AtomicBool::new(false),
            linger: grace / 2,
            beginning: watch::Sender::new(0),
            services: watch::Sender::new(0),
            connections: watch::Sender::new(0),
            over: watch::Sender::new(false),
            telling: watch::Sender::new(0),
        })
    }

    /// Becomes true when services are to stop.
    pub(super) fn stop(&self) -> ShutdownWatch {
        self.stop.subscribe()
    }

    /// True from then on, for who answers requests.
    pub(super) fn told(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.told)
    }

    /// A service is about to accept connections; it does when what is returned is dropped.
    pub(super) fn begins(&self) -> GoesOn {
        GoesOn::among(&self.beginning)
    }

    /// Waits until every service accepts connections.
    pub(super) async fn begun(&self) {
        nothing(&self.beginning).await;
    }

    /// A service for shoppers is there.
    pub(super) fn service(&self) -> GoesOn {
        GoesOn::among(&self.services)
    }

    /// Has everything stop; `handed`: another process accepts connections.
    pub(super) fn begin(&self, handed: bool) {
        self.handed.store(handed, Ordering::Release);
        self.told.store(true, Ordering::Release);
        self.stop.send_replace(true);
    }

    /// Whether another process accepts connections.
    pub(super) fn is_handed(&self) -> bool {
        self.handed.load(Ordering::Acquire)
    }

    /// Waits until nothing goes on.
    pub(super) async fn done(&self) {
        for counted in [&self.services, &self.connections] {
            nothing(counted).await;
        }
    }

    /// Becomes true when nothing more happens.
    pub(super) fn over(&self) -> ShutdownWatch {
        self.over.subscribe()
    }

    /// Somebody tells others of what happened; done when what is returned is dropped.
    pub(super) fn telling(&self) -> GoesOn {
        GoesOn::among(&self.telling)
    }

    /// Has whoever tells others of what happened come to an end.
    pub(super) async fn last_words(&self) {
        self.over.send_replace(true);
        if timeout(LAST_WORDS, nothing(&self.telling)).await.is_err() {
            tracing::warn!("Not all that happened was told before the end.");
        }
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// Waits for as long as clients that keep their connections may use them.
    async fn linger(&self) {
        if self.is_handed() {
            sleep(HANDSHAKES.min(self.linger)).await;
            if timeout(self.linger, nothing(&self.connections))
                .await
                .is_err()
            {
                tracing::debug!("Some clients keep connections that they do not use.");
            }
        }
    }
}

async fn nothing(counted: &watch::Sender<usize>) {
    // The sender is here, so this only ends well.
    drop(counted.subscribe().wait_for(|count| *count == 0).await);
}

/// The door and the proxy behind it, with their connections counted.
pub(super) struct Counted {
    pub(super) door: Arc<Door>,
    pub(super) leaving: Arc<Leaving>,
}

#[async_trait]
impl ServerApp for Counted {
    async fn process_new(self: &Arc<Self>, stream: Stream, stop: &ShutdownWatch) -> Option<Stream> {
        let _open = GoesOn::among(&self.leaving.connections);
        self.door.process_new(stream, stop).await
    }

    /// Nothing more is accepted. From here on idle connections are closed.
    async fn cleanup(&self) {
        self.leaving.linger().await;
        self.door.cleanup().await;
    }
}
