//! Two processes over one store: what one changes the other sees, and what is kept goes over.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixStream;

use super::*;
use crate::clock::SystemClock;
use crate::domain::plans::SharedBody;
use crate::domain::session::field::known;
use crate::domain::session::{Body, Session, Upkeep};
use crate::domain::token::TokenHash;
use crate::handover::Frames;
use crate::ports::{Clock as _, SessionStore};
use crate::store::memory::{MemoryCapacity, MemoryFar};
use crate::store::record::{Ending, Found, Login};
use crate::store::{EmbeddedStore, LayeredStore, Owing};
use crate::telemetry::Telemetry;

const KEEP: Duration = Duration::from_mins(30);

/// One process: its cache, and the store that is passed on.
struct Process {
    store: LayeredStore,
    passed: PassedStore,
}

impl Process {
    fn over(near: MemoryStore, passed: PassedStore) -> Self {
        let owing = Owing {
            most: 100,
            metrics: Telemetry::new().store().clone(),
        };
        let far = Arc::new(passed.clone());
        let store = LayeredStore::new(near, far, Arc::default(), owing);
        Self { store, passed }
    }

    /// Ends as a process does.
    async fn ends(&self) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.close())
            .await
            .unwrap();
    }

    async fn finds(&self, id: SessionId) -> Session {
        match self.store.load(id).await.unwrap() {
            Some(Found::Live(resident)) => resident.session().clone(),
            other => panic!("{other:?}"),
        }
    }

    async fn changes(&self, id: SessionId, number: u64) {
        let session = self.finds(id).await;
        let based_on = session.version;
        let next = Session {
            version: based_on + 1,
            ..with_number(session, number)
        };
        let saved = self.store.save(next, based_on, KEEP).await.unwrap();
        assert!(saved.is_some(), "another version is there");
    }

    async fn number(&self, id: SessionId) -> u64 {
        let session = self.finds(id).await;
        let fields = session.body.fields();
        fields.value("public.count").unwrap().as_u64().unwrap()
    }
}

fn near() -> MemoryStore {
    MemoryStore::new(MemoryCapacity {
        anonymous: 1 << 20,
        authenticated: 1 << 20,
        anonymous_unused: KEEP * 2,
        authenticated_unused: KEEP * 2,
    })
}

fn both(far: Arc<dyn FarStore>) -> Here {
    Here {
        own: Arc::clone(&far),
        lent: far,
    }
}

fn on_disk(folder: &Path) -> OpenStore {
    let folder: PathBuf = folder.join("sessions");
    Box::new(move || {
        let metrics = Telemetry::new().store().clone();
        let clock = Arc::new(SystemClock::start());
        let far: Arc<dyn FarStore> = Arc::new(EmbeddedStore::open(&folder, clock, metrics)?);
        Ok(both(far))
    })
}

fn alone(folder: &TempDir) -> Process {
    let passed = PassedStore::own(on_disk(folder.path()), Handle::current()).unwrap();
    Process::over(near(), passed)
}

async fn listen(mut frames: Frames, passed: PassedStore) {
    while let Some(frame) = frames.next().await {
        passed.hear(frame);
    }
    passed.cut();
}

/// The process after; with it the connection, which ends when that is dropped.
fn after(
    before: &Process,
    near: MemoryStore,
    open: OpenStore,
) -> (Process, tokio::task::AbortHandle) {
    let (one, other) = UnixStream::pair().unwrap();
    let (line, mut frames) = Line::open(one);
    before.passed.lend(line);
    let lender = before.passed.clone();
    let lending = tokio::spawn(async move {
        while let Some(frame) = frames.next().await {
            lender.hear(frame);
        }
    });
    let (line, frames) = Line::open(other);
    let outside = (Handle::current(), Telemetry::new().store().clone());
    let passed = PassedStore::borrowed(line, open, |far| far, outside);
    tokio::spawn(listen(frames, passed.clone()));
    (Process::over(near, passed), lending.abort_handle())
}

fn with_number(session: Session, number: u64) -> Session {
    let body: Body = [(known("public.count"), json!(number))]
        .into_iter()
        .collect();
    Session {
        body: Arc::new(SharedBody::new(session.account(), &body)),
        ..session
    }
}

fn session(bits: u128) -> Session {
    let now = SystemClock::start().now();
    let blank = Session {
        id: SessionId::from_random(bits),
        body: Arc::new(SharedBody::new(&"demostore".into(), &Body::new())),
        version: 1,
        created_at: now,
        issued_at: now,
        last_seen: now,
        token: None,
        logins: [TokenHash::from_u128(bits)].into(),
        upkeep: Upkeep::default(),
    };
    with_number(blank, 0)
}

async fn begins(process: &Process, bits: u128) -> SessionId {
    let (session, now) = (session(bits), SystemClock::start().now());
    let login = Login::new(now, now.plus(KEEP));
    let token = TokenHash::from_u128(bits);
    process.store.open_login(token, login).await.unwrap();
    let id = session.id;
    process.store.create(session, KEEP).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_changes_is_seen_by_the_other_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let old = alone(&folder);
    let id = begins(&old, 1).await;
    let (new, _line) = after(&old, near(), on_disk(folder.path()));
    for turn in 1..=40 {
        let (writes, reads) = if turn % 2 == 0 {
            (&old, &new)
        } else {
            (&new, &old)
        };
        writes.changes(id, turn).await;
        assert_eq!(reads.number(id).await, turn);
    }
    let token = TokenHash::from_u128(1);
    assert!(new.store.close_login(token, Ending::Logout).await.unwrap());
    let login = old.store.login(token).await.unwrap().unwrap();
    assert_eq!(login.ended(), Some(Ending::Logout));
    let stale = Session {
        version: 9,
        ..session(1)
    };
    assert!(old.store.save(stale, 8, KEEP).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_goes_over_when_its_process_ends_and_nothing_fails_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let old = alone(&folder);
    let ids = [begins(&old, 1).await, begins(&old, 2).await];
    let (new, _line) = after(&old, near(), on_disk(folder.path()));
    let new = Arc::new(new);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writing = Vec::new();
    for id in ids {
        let (new, stop) = (Arc::clone(&new), Arc::clone(&stop));
        writing.push(tokio::spawn(async move {
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                number += 1;
                new.changes(id, number).await;
            }
            number
        }));
    }
    old.ends().await;
    new.passed.owned().await;
    stop.store(true, Ordering::SeqCst);
    let mut last = Vec::new();
    for one in writing {
        last.push(one.await.unwrap());
    }
    new.ends().await;
    let third = alone(&folder);
    for (id, last) in ids.into_iter().zip(last) {
        assert_eq!(third.number(id).await, last);
    }
    assert!(old.store.load(SessionId::from_random(3)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_of_a_process_that_ended_without_a_word_is_opened_as_soon_as_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let old = alone(&folder);
    let id = begins(&old, 1).await;
    let (new, line) = after(&old, near(), on_disk(folder.path()));
    new.changes(id, 1).await;
    line.abort();
    old.passed.lend_no_more();
    let waiting = new.store.load_anew(id);
    let (found, ()) = tokio::join!(waiting, old.ends());
    assert!(matches!(found.unwrap(), Some(Found::Live(_))));
    new.changes(id, 2).await;
    assert_eq!(new.number(id).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_in_memory_goes_over_too() {
    let in_memory = |near: &MemoryStore| -> OpenStore {
        let far = MemoryFar(near.clone());
        Box::new(move || Ok(both(Arc::new(far.clone()))))
    };
    let (one, other) = (near(), near());
    let passed = PassedStore::own(in_memory(&one), Handle::current()).unwrap();
    let old = Process::over(one.clone(), passed.in_memory(one));
    let ids: Vec<SessionId> = {
        let mut ids = Vec::new();
        for bits in 1..=2000 {
            ids.push(begins(&old, bits).await);
        }
        ids
    };
    old.changes(ids[0], 7).await;
    let (new, _line) = after(&old, other.clone(), in_memory(&other));
    let new = Process {
        passed: new.passed.clone().in_memory(other),
        ..new
    };
    new.changes(ids[0], 8).await;
    assert_eq!(old.number(ids[0]).await, 8);
    old.ends().await;
    new.passed.owned().await;
    assert_eq!(new.number(ids[0]).await, 8);
    for id in &ids[1..] {
        assert_eq!(new.number(*id).await, 0);
        let found = new.store.load(*id).await.unwrap();
        let Some(Found::Live(resident)) = found else {
            panic!("{found:?}")
        };
        assert_eq!(resident.logins().len(), 1);
    }
    new.changes(ids[1], 1).await;
    assert_eq!(new.number(ids[1]).await, 1);
}
