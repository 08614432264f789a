//! The store on disk: every answered write is there after a restart, a kill, or a power cut.
//!
//! Reads come from whoever asks; writes go through one thread, many to a commit. Nothing is
//! loaded at the start.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::codec;
use super::persons::{PersonKey, persons};
use super::record::{Ended, Ending, Login, Marker};
use super::{outcome, unavailable};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Clock, FarStore, Kept, StoreError, Touched};
use crate::telemetry::StoreMetrics;

mod checking;
mod engine;
mod open;
mod pending;
mod reading;
mod reckoning;
mod sweep;
mod writer;

pub use checking::{Checked, check};
pub use open::OpenError;
pub use reckoning::{Amount, Findings};

use engine::{Engine, Space};
use pending::{Key, Pending};
use reading::{Read, read_kept, read_login};
use writer::{Answer, Order, Place, Writer};

/// How long a write is waited for. What becomes of it later is found out when it is next asked for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Writes that may wait; a store so far behind is as good as one that is down.
const MOST_WAITING: i64 = 16_384;

fn key(bits: u128) -> Key {
    bits.to_be_bytes()
}

/// Sessions in files of this machine.
#[derive(Debug)]
pub struct EmbeddedStore {
    place: Arc<Place>,
    orders: Sender<Order>,
    thread: Mutex<Option<JoinHandle<()>>>,
    closed: AtomicBool,
}

impl EmbeddedStore {
    /// Opens the store in a folder, which is made where it is missing. Damaged files are set aside
    /// beside it.
    pub fn open(
        folder: &Path,
        clock: Arc<dyn Clock>,
        metrics: StoreMetrics,
    ) -> Result<Self, OpenError> {
        let (engine, damaged) = open::open(folder, clock.now())?;
        metrics.set_aside(damaged);
        metrics.writable(true);
        let place = Arc::new(Place {
            folder: folder.to_owned(),
            engine: ArcSwapOption::from_pointee(engine),
            touched: Mutex::default(),
            clock,
            metrics,
        });
        let (orders, coming) = mpsc::channel();
        let writer = Writer::new(Arc::clone(&place), coming);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Io {
                folder: folder.to_owned(),
                error,
            })?;
        Ok(Self {
            place,
            orders,
            thread: Mutex::new(Some(thread)),
            closed: AtomicBool::new(false),
        })
    }

    /// Has a write decided by the thread, and waits until it is on disk.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        decide: impl FnOnce(&mut Pending<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = self.ask(decide).await;
        let outcome = outcome(&result);
        let metrics = &self.place.metrics;
        metrics.done(operation, outcome, begun.elapsed());
        result
    }

    async fn ask<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Pending<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.place.metrics.waiting() > MOST_WAITING {
            return Err(unavailable(&"too many writes wait"));
        }
        let (answer, answered) = oneshot::channel();
        // Whoever is told, is told once: the one that is left finds nobody.
        let answer = Arc::new(Mutex::new(Some(answer)));
        let refusing = Arc::clone(&answer);
        let job = Box::new(move |pending: &mut Pending<'_>| -> Answer {
            let decided = decide(pending);
            Box::new(move |committed| {
                if let Some(answer) = answer.lock().take() {
                    drop(answer.send(committed.and(decided)));
                }
            })
        });
        let refuse: Answer = Box::new(move |why| {
            if let (Some(answer), Err(why)) = (refusing.lock().take(), why) {
                drop(answer.send(Err(why)));
            }
        });
        self.place.metrics.queued();
        if self.orders.send(Order::Write(job, refuse)).is_err() {
            self.place.metrics.taken(1);
            return Err(unavailable(&"the store is closed"));
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(unavailable(&"the store is closed")),
            Err(_) => Err(unavailable(&"the disk takes too long")),
        }
    }

    /// Reads beside the runtime: a read may have to wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let engine = self.place.engine.load_full();
        let result = match engine {
            None => Err(unavailable(&"the store is being opened anew")),
            Some(engine) => tokio::task::spawn_blocking(move || read(&engine))
                .await
                .unwrap_or_else(|error| Err(unavailable(&error))),
        };
        let metrics = &self.place.metrics;
        metrics.done(operation, outcome(&result), begun.elapsed());
        result
    }

    /// Has the thread look at a record that somebody could not read.
    fn mend(&self, space: Space, key: Key) {
        let job = Box::new(move |pending: &mut Pending<'_>| -> Answer {
            let looked = match space {
                Space::Logins => pending.login(&key).map(|_| ()),
                _ => pending.standing(&key).map(|_| ()),
            };
            if let Err(error) = looked {
                tracing::debug!(%error, "A damaged record stays where it is.");
            }
            Box::new(|_| {})
        });
        self.place.metrics.queued();
        if self
            .orders
            .send(Order::Write(job, Box::new(|_| {})))
            .is_err()
        {
            self.place.metrics.taken(1);
        }
    }
}

#[async_trait]
impl FarStore for EmbeddedStore {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        let (key, now) = (key(id.as_u128()), self.place.clock.now());
        let read = move |engine: &Engine| read_kept(engine, &key, now);
        Ok(match self.read("load", read).await? {
            Read::Found(found) => Some(found),
            Read::Nothing => None,
            Read::Damaged => {
                self.mend(Space::Sessions, key);
                None
            }
        })
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let key = key(session.id.as_u128());
        self.write("create", move |pending| {
            // A record of a newer version is a record: the id is taken.
            if !matches!(pending.standing(&key), Ok(None)) {
                return Err(StoreError::Exists);
            }
            let at = pending.now;
            for person in persons(&session) {
                let entry = [person.as_bytes().as_slice(), &key].concat();
                pending.put(Space::Persons, &entry, Vec::new());
            }
            pending.replace(&key, codec::write_record(&Kept::Live(session), keep, at))
        })
        .await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let key = key(session.id.as_u128());
        self.write("save", move |pending| {
            let standing = pending.standing(&key)?;
            let Some(old) = standing.filter(|old| old.head.live && old.head.version == based_on)
            else {
                return Ok(None);
            };
            let next = Session {
                last_seen: old.seen.max(session.last_seen),
                token: old.head.token,
                issued_at: old.head.issued_at,
                ..session
            };
            let at = pending.now;
            let record = codec::write_record(&Kept::Live(next.clone()), keep, at);
            pending.replace(&key, record)?;
            Ok(Some(next))
        })
        .await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let key = key(id.as_u128());
        self.write("issue", move |pending| {
            let Some(old) = pending.standing(&key)?.filter(|old| old.head.live) else {
                return Ok(false);
            };
            let record = codec::with_issue(&old.bytes, token, issued_at);
            let record = record.map_err(|error| unavailable(&error))?;
            pending.put(Space::Sessions, &key, record);
            Ok(true)
        })
        .await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let key = key(from.as_u128());
        self.write("rotate", move |pending| {
            pending.standing(&key)?;
            let at = pending.now;
            pending.replace(&key, codec::write_record(&Kept::Moved(marker), keep, at))
        })
        .await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let key = key(id.as_u128());
        self.write("end", move |pending| {
            if !pending.standing(&key)?.is_some_and(|old| old.head.live) {
                return Ok(false);
            }
            let at = pending.now;
            pending.replace(&key, codec::write_record(&Kept::Ended(ended), keep, at))?;
            Ok(true)
        })
        .await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        let (key, now) = (key(token.as_u128()), self.place.clock.now());
        let read = move |engine: &Engine| read_login(engine, &key, now);
        Ok(match self.read("login", read).await? {
            Read::Found(login) => Some(login),
            Read::Nothing => None,
            Read::Damaged => {
                self.mend(Space::Logins, key);
                None
            }
        })
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let key = key(token.as_u128());
        self.write("open_login", move |pending| {
            if let Some(kept) = pending.login(&key)? {
                return Ok(kept);
            }
            pending.put(Space::Logins, &key, codec::write_login(&login));
            Ok(login)
        })
        .await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        let key = key(token.as_u128());
        self.write("close_login", move |pending| {
            let Some(login) = pending.login(&key)?.filter(|login| login.end(reason)) else {
                return Ok(false);
            };
            pending.put(Space::Logins, &key, codec::write_login(&login));
            Ok(true)
        })
        .await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        let read = move |engine: &Engine| {
            let entries = engine.keys(Space::Persons, person.as_bytes());
            let entries = entries.map_err(|error| unavailable(&error))?;
            let ids = entries.iter().filter_map(|entry| {
                let id = entry.get(person.as_bytes().len()..)?;
                Some(SessionId::from_u128(u128::from_be_bytes(
                    id.try_into().ok()?,
                )))
            });
            Ok(ids.collect())
        };
        self.read("of_person", read).await
    }

    fn touch(&self, touched: Touched) {
        let mut waiting = self.place.touched.lock();
        waiting.insert(touched.session, touched);
    }

    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let thread = self.thread.lock().take();
        if self.orders.send(Order::Close).is_ok()
            && thread.is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("The thread that writes sessions ended badly.");
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}
