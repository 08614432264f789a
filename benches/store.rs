//! The store on disk: acknowledged writes a second beside the engine alone, and how long it takes to
//! open with many sessions. Disks differ: read the figures beside each other. With `-- shared`: what a
//! shared store costs its server.
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use vestibule::clock::SystemClock;
use vestibule::domain::plans::SharedBody;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, LoginHashes, Session, SessionId, Upkeep};
use vestibule::ports::{Clock as _, FarStore as _};
use vestibule::store::EmbeddedStore;
use vestibule::telemetry::Telemetry;

#[path = "store/shared.rs"]
mod shared;

/// Who writes at once.
const WRITERS: u128 = 64;
/// How many writes each of them does.
const EACH: u128 = 200;
/// Sessions that are there when the store is opened; the first argument is another number.
const SESSIONS: u128 = 1_000_000;
const KEEP: Duration = Duration::from_hours(24);

fn main() {
    let sessions = std::env::args().find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("there are threads");
    if std::env::args().any(|argument| argument == "shared") {
        shared::cost(&runtime);
        return;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    for batch in [1, WRITERS] {
        let path = folder.path().join(format!("engine-{batch}"));
        let rate = engine_alone(&path, batch);
        println!("engine alone, {batch:>2} records a commit: {rate:>8.0} durable writes/s");
    }
    let path = folder.path().join("sessions");
    let rate = runtime.block_on(written(&path, 0, WRITERS, EACH));
    println!("store, {WRITERS} writers:                {rate:>8.0} acknowledged writes/s");
    let sessions = sessions.unwrap_or(SESSIONS);
    let crowd = 1024;
    let rate = runtime.block_on(written(&path, 1 << 64, crowd, sessions / crowd));
    println!("store, {crowd} writers:              {rate:>8.0} acknowledged writes/s");
    let begun = Instant::now();
    let store = open(&path);
    let took = begun.elapsed();
    println!("opened with {sessions} sessions in {took:?}");
    let id = session((1 << 64) + 1).id;
    let begun = Instant::now();
    let found = runtime.block_on(store.load(id)).expect("it can be read");
    assert!(found.is_some());
    println!("the first one read in {:?}", begun.elapsed());
}

fn open(path: &Path) -> EmbeddedStore {
    let metrics = Telemetry::new().store().clone();
    EmbeddedStore::open(path, Arc::new(SystemClock::start()), metrics).expect("it opens")
}

fn session(id: u128) -> Session {
    let body: Body = [
        (known("public.utm_source"), json!("newsletter")),
        (known("store.channel"), json!("1")),
        (known("store.cultureInfo"), json!("pt-BR")),
        (known("store.currencyCode"), json!("BRL")),
        (known("store.countryCode"), json!("BRA")),
    ]
    .into_iter()
    .collect();
    let now = SystemClock::start().now();
    Session {
        id: SessionId::from_random(id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
        body: Arc::new(SharedBody::new(&"demostore".into(), &body)),
        version: 1,
        created_at: now,
        issued_at: now,
        last_seen: now,
        token: None,
        logins: LoginHashes::default(),
        upkeep: Upkeep::default(),
    }
}

/// New sessions a second, each answered before its writer makes the next one.
async fn written(path: &Path, from: u128, writers: u128, each: u128) -> f64 {
    let store = Arc::new(open(path));
    let begun = Instant::now();
    let mut writing = JoinSet::new();
    for writer in 0..writers {
        let store = Arc::clone(&store);
        writing.spawn(async move {
            for number in 0..each {
                let id = from + writer * each + number;
                store.create(session(id), KEEP).await.expect("it is kept");
            }
        });
    }
    while let Some(writer) = writing.join_next().await {
        writer.expect("a writer ends well");
    }
    per_second(writers * each, begun)
}

/// What the engine does without us: one thread, so many records a commit, each commit synced.
fn engine_alone(path: &Path, batch: u128) -> f64 {
    let database = Database::builder(path).open().expect("it opens");
    let space = database
        .keyspace("sessions", KeyspaceCreateOptions::default)
        .expect("it opens");
    let begun = Instant::now();
    let commits = 200;
    for commit in 0..commits {
        let mut writes = database.batch().durability(Some(PersistMode::SyncData));
        for number in 0..batch {
            let key = (commit * batch + number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c);
            writes.insert(&space, key.to_be_bytes(), vec![7; 350]);
        }
        writes.commit().expect("it is kept");
    }
    per_second(commits * batch, begun)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_second(count: u128, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}
