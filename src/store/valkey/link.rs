//! The connection: made and made again beside the requests, which never wait for it longer than
//! their deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::settings::{Mode, Settings};
use super::target;
use crate::ports::{Entropy, StoreError};
use crate::telemetry::StoreMetrics;

/// The pause after the first failure; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(25);
/// The longest pause. Requests fail at once meanwhile, and a server that is back is to be used soon.
const LONGEST: Duration = Duration::from_millis(500);
/// A connection on which nothing was answered for so long is made anew.
const SILENT: Duration = Duration::from_secs(1);
/// How often a connection that nobody uses is tried.
const PROBE: Duration = Duration::from_millis(500);
/// How often a server that was reached elsewhere is tried here.
const ANSWERS: usize = 20;
/// How long the answer to that is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// A connection to whatever keeps the records.
#[derive(Clone)]
pub(super) enum Wire {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Wire {
    pub(super) async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }?
        .extract_error()
    }
}

#[derive(Clone)]
enum State {
    /// Being made for the first time, or anew after a loss: worth a moment's wait.
    Opening,
    Up(Wire),
    /// It could not be made. Nobody waits.
    Down(Arc<str>),
}

/// The way to the server.
pub(super) struct Link {
    settings: Arc<Settings>,
    state: watch::Sender<State>,
    lost: Notify,
    /// Somebody has reached the server: a pause may end.
    again: Notify,
    /// Milliseconds since `born` at which the server answered last.
    answered: AtomicI64,
    born: Instant,
    metrics: StoreMetrics,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(settings: Arc<Settings>, metrics: StoreMetrics) -> Self {
        Self {
            settings,
            state: watch::Sender::new(State::Opening),
            lost: Notify::new(),
            again: Notify::new(),
            answered: AtomicI64::new(0),
            born: Instant::now(),
            metrics,
        }
    }

    /// Asks the server, until this moment.
    pub(super) async fn ask(&self, command: &Cmd, until: Instant) -> Result<Value, Refused> {
        let asked = async {
            let mut wire = self.wire().await?;
            Ok(wire.ask(command).await)
        };
        let begun = self.now();
        match timeout_at(until, asked).await {
            Ok(Ok(Ok(value))) => {
                self.answered.fetch_max(self.now(), Ordering::Relaxed);
                Ok(value)
            }
            Ok(Ok(Err(error))) => Err(self.failed(&error)),
            Ok(Err(why)) => Err(Refused::Unavailable(why)),
            Err(_) => {
                self.note_silence(begun);
                Err(Refused::Unavailable("no answer in time".into()))
            }
        }
    }

    async fn wire(&self) -> Result<Wire, Arc<str>> {
        let mut state = self.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(wire) => return Ok(wire.clone()),
                State::Down(why) => return Err(Arc::clone(why)),
                State::Opening => {}
            }
            if state.changed().await.is_err() {
                return Err("the store is closed".into());
            }
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn failed(&self, error: &RedisError) -> Refused {
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
            return Refused::NoScript;
        }
        let in_cluster = matches!(self.settings.mode, Mode::Cluster);
        let gone = error.is_io_error()
            || error.is_connection_dropped()
            // A master that is one no longer: somebody else is.
            || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
            || error.kind() == ErrorKind::Server(ServerErrorKind::MasterDown);
        // A cluster's connections are made anew by the client, as long as any node answers.
        if gone && !in_cluster {
            self.lost.notify_one();
        } else if gone {
            self.note_silence(self.now());
        } else {
            self.answered.fetch_max(self.now(), Ordering::Relaxed);
        }
        Refused::Unavailable(error.to_string().into())
    }

    /// Nothing came back to what was asked at `begun`.
    fn note_silence(&self, begun: i64) {
        let answered = self.answered.load(Ordering::Relaxed);
        let silent = Duration::from_millis(begun.saturating_sub(answered).max(0).unsigned_abs());
        if silent > SILENT {
            self.lost.notify_one();
        }
    }

    /// Waits a moment until the server answers here too, which it did elsewhere.
    pub(super) async fn answers(&self) -> bool {
        self.again.notify_one();
        let ping = redis::cmd("PING");
        for _ in 0..ANSWERS {
            if self.ask(&ping, Instant::now() + PATIENCE).await.is_ok() {
                return true;
            }
            sleep(SHORTEST).await;
        }
        false
    }

    /// Makes the connection, and makes it again when it is lost, for ever.
    pub(super) async fn keep(&self, entropy: Arc<dyn Entropy>) {
        let mut pause = SHORTEST;
        let mut told = false;
        loop {
            match target::connect(&self.settings).await {
                Ok(wire) => {
                    if told {
                        tracing::info!("The store of sessions is reached again.");
                    }
                    (pause, told) = (SHORTEST, false);
                    self.answered.fetch_max(self.now(), Ordering::Relaxed);
                    self.metrics.writable(true);
                    self.state.send_replace(State::Up(wire));
                    self.until_lost().await;
                    self.state.send_replace(State::Opening);
                }
                Err(error) => {
                    self.metrics.writable(false);
                    if !told {
                        tracing::error!(%error, addresses = ?self.settings.addresses, "The store of sessions cannot be reached. This is tried again until it works.");
                    }
                    told = true;
                    let why: Arc<str> = error.to_string().into();
                    self.state.send_replace(State::Down(why));
                    tokio::select! {
                        () = sleep(jittered(pause, &*entropy)) => {}
                        () = self.again.notified() => {}
                    }
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    /// A lost connection may show only when it is used: so it is, now and then.
    async fn until_lost(&self) {
        let ping = redis::cmd("PING");
        loop {
            tokio::select! {
                () = self.lost.notified() => return,
                () = sleep(PROBE) => drop(self.ask(&ping, Instant::now() + PATIENCE).await),
            }
        }
    }
}

/// Half of the pause, and up to as much again: many instances do not come back at once.
pub(super) fn jittered(pause: Duration, entropy: &dyn Entropy) -> Duration {
    let half = pause / 2;
    let most = half.as_micros().max(1);
    half + Duration::from_micros(u64::try_from(entropy.bits() % most).unwrap_or(0))
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The server does not know the script yet.
    NoScript,
    /// Anything else.
    Unavailable(Arc<str>),
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoScript => Self::Unavailable("the server forgets scripts".to_owned()),
            Refused::Unavailable(why) => Self::Unavailable(why.to_string()),
        }
    }
}
