//! The one thread that writes: it gathers what waits, commits it at once, and answers everybody.
//!
//! A thread of its own, because the server has several runtimes and this belongs to none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::engine::{Engine, Space, has_room};
use super::key;
use super::pending::Pending;
use super::sweep::Sweep;
use crate::domain::session::SessionId;
use crate::ports::{Clock, StoreError, Touched};
use crate::store::codec;
use crate::store::unavailable;
use crate::telemetry::StoreMetrics;

/// The most writes of one commit.
const MOST: usize = 1024;
/// How long noted activity waits at most, and how often the sweep is thought of.
const TICK: Duration = Duration::from_millis(500);
/// How often a store that failed is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// Hears whether the commit came about.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// One write: decides over what is pending, and says whom to answer.
pub(super) type Job = Box<dyn FnOnce(&mut Pending<'_>) -> Answer + Send>;

/// What comes to the thread.
pub(super) enum Order {
    /// A write, and whom to tell where it cannot be tried.
    Write(Job, Answer),
    /// Everything that came before is to be kept; then the thread ends.
    Close,
}

/// What the thread and its callers share.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) engine: ArcSwapOption<Engine>,
    /// By session: an outage must not pile it up.
    pub(super) touched: Mutex<HashMap<SessionId, Touched>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: StoreMetrics,
}

/// The thread's own.
pub(super) struct Writer {
    place: Arc<Place>,
    orders: Receiver<Order>,
    sweep: Sweep,
    broken: Option<Broken>,
}

/// A commit failed: the engine takes nothing more until it is opened anew.
struct Broken {
    why: StoreError,
    tried: Instant,
}

impl Writer {
    pub(super) fn new(place: Arc<Place>, orders: Receiver<Order>) -> Self {
        Self {
            place,
            orders,
            sweep: Sweep::default(),
            broken: None,
        }
    }

    /// Writes until told to close, or nobody is left who could tell.
    pub(super) fn run(mut self) {
        loop {
            let mut open = true;
            let mut batch = Vec::new();
            match self.orders.recv_timeout(TICK) {
                Ok(Order::Write(job, refuse)) => batch.push((job, refuse)),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Close) | Err(RecvTimeoutError::Disconnected) => open = false,
            }
            while open && batch.len() < MOST {
                match self.orders.try_recv() {
                    Ok(Order::Write(job, refuse)) => batch.push((job, refuse)),
                    Ok(Order::Close) => open = false,
                    Err(_) => break,
                }
            }
            self.place.metrics.taken(batch.len());
            self.mend();
            self.write(batch);
            if !open {
                break;
            }
        }
        self.place.engine.store(None);
    }

    fn write(&mut self, batch: Vec<(Job, Answer)>) {
        let engine = self.place.engine.load_full();
        let (Some(engine), None) = (engine, &self.broken) else {
            let why = self.broken.as_ref().map(|broken| broken.why.clone());
            let why = why.unwrap_or_else(|| unavailable(&"the store is closed"));
            for (_, refuse) in batch {
                refuse(Err(why.clone()));
            }
            return;
        };
        let place = Arc::clone(&self.place);
        let mut pending = Pending::new(&engine, &place.metrics, place.clock.now());
        let durable = !batch.is_empty();
        let answers: Vec<Answer> = batch
            .into_iter()
            .map(|(job, _)| job(&mut pending))
            .collect();
        let touched = std::mem::take(&mut *place.touched.lock());
        note(&mut pending, touched.into_values());
        if self.sweep.due(pending.now) {
            self.sweep.step(&engine, &mut pending, &place.metrics);
        }
        let committed = if pending.is_empty() {
            Ok(())
        } else {
            engine.commit(pending.into_changes(), durable)
        };
        let committed = committed.map_err(|error| self.fail(&error));
        for answer in answers {
            answer(committed.clone());
        }
    }

    fn fail(&mut self, error: &fjall::Error) -> StoreError {
        tracing::error!(%error, folder = %self.place.folder.display(), "Sessions cannot be written. This is tried again until it works.");
        self.place.metrics.writable(false);
        let why = unavailable(error);
        self.broken = Some(Broken {
            why: why.clone(),
            tried: Instant::now(),
        });
        why
    }

    /// Opens anew what failed, once the folder takes data again. Until then what was kept can be
    /// read.
    fn mend(&mut self) {
        let Some(broken) = &mut self.broken else {
            return;
        };
        if broken.tried.elapsed() < AGAIN {
            return;
        }
        broken.tried = Instant::now();
        let place = &self.place;
        if has_room(&place.folder).is_err() {
            return;
        }
        place.engine.store(None);
        match Engine::open(&place.folder) {
            Ok(engine) => {
                place.engine.store(Some(Arc::new(engine)));
                place.metrics.writable(true);
                self.broken = None;
                tracing::info!(folder = %place.folder.display(), "Sessions can be written again.");
            }
            Err(error) => broken.why = unavailable(&error),
        }
    }
}

/// Notes activity; what cannot be noted costs a shopper nothing but a moment of their idle time.
fn note(pending: &mut Pending<'_>, touched: impl Iterator<Item = Touched>) {
    for one in touched {
        let mut noted = pending.note_seen(&key(one.session.as_u128()), one.at);
        for token in one.logins.iter() {
            let key = key(token.as_u128());
            let login = pending.login(&key);
            noted = noted.and(login.map(|login| {
                if let Some(login) = login.filter(|login| login.last_seen() < one.at) {
                    login.touch(one.at);
                    pending.put(Space::Logins, &key, codec::write_login(&login));
                }
            }));
        }
        if let Err(error) = noted {
            tracing::debug!(%error, "Activity was not noted.");
        }
    }
}
