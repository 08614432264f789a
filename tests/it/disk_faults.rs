//! A disk that is full, read-only or damaged, and records that outlived themselves or come from a
//! later version. Small file systems are mounted for it, which needs the rights of root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use vestibule::domain::plans::SharedBody;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, LoginHashes, Session, SessionId};
use vestibule::ports::{FarStore, Kept, StoreError};
use vestibule::store::{EmbeddedStore, Marker};
use vestibule::telemetry::Telemetry;

use crate::store_contract::{KEEP, session};
use crate::support::clock::ManualClock;
use crate::support::program::{run, write};

/// How often something is asked for that another thread brings about, and how far apart.
const ATTEMPTS: usize = 400;
const PAUSE: Duration = Duration::from_millis(50);

/// A file system of its own in memory, gone when dropped.
pub(crate) struct Mounted {
    folder: TempDir,
}

impl Mounted {
    pub(crate) fn of(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Self { folder };
        mounted.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]);
        mounted
    }

    fn again(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]);
    }

    fn mount(&self, arguments: &[&str]) {
        let said = Command::new("mount")
            .args(arguments)
            .arg(self.folder.path())
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "mounting needs root: {why}");
    }

    /// Takes up all the room that is left.
    pub(crate) fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let block = [0x55; 4096];
        let full = loop {
            if let Err(full) = filler.write_all(&block) {
                break full;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut lazily = Command::new("umount");
        drop(lazily.arg("-l").arg(self.folder.path()).status());
    }
}

struct Opened {
    store: EmbeddedStore,
    telemetry: Telemetry,
    clock: Arc<ManualClock>,
}

fn open(folder: &Path) -> Opened {
    let telemetry = Telemetry::new();
    let clock = Arc::<ManualClock>::default();
    let metrics = telemetry.store().clone();
    let store = EmbeddedStore::open(folder, Arc::<ManualClock>::clone(&clock), metrics).unwrap();
    Opened {
        store,
        telemetry,
        clock,
    }
}

impl Opened {
    fn says(&self, line: &str) -> bool {
        self.telemetry.render().lines().any(|said| said == line)
    }

    async fn comes_to_say(&self, line: &str) {
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            if self.says(line) {
                return;
            }
            attempts.tick().await;
        }
        panic!("{line} in {}", self.telemetry.render());
    }

    async fn holds(&self, id: u128) -> bool {
        let found = self.store.load(SessionId::from_random(id)).await.unwrap();
        matches!(found, Some((Kept::Live(_), _)))
    }
}

/// A session of some 60 KB that nothing makes smaller.
pub(crate) fn large(id: u128) -> Session {
    let mut state = id | 1;
    let text: String = (0..60_000)
        .map(|_| {
            state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            char::from(b'a' + u8::try_from((state >> 100) % 26).unwrap())
        })
        .collect();
    let body: Body = [(known("public.text"), json!(text))].into_iter().collect();
    Session {
        body: Arc::new(SharedBody::new(&"demostore".into(), &body)),
        ..session(id, &[])
    }
}

#[tokio::test]
async fn a_full_disk_refuses_loses_nothing_and_is_written_again_when_there_is_room() {
    let disk = Mounted::of("6m");
    let opened = open(&disk.store());
    let mut kept = Vec::new();
    let refused = loop {
        let id = kept.len() as u128 + 1;
        match opened.store.create(large(id), KEEP).await {
            Ok(()) => kept.push(id),
            Err(refused) => break refused,
        }
        assert!(kept.len() < 500, "the disk is never full");
    };
    let StoreError::Unavailable(why) = &refused else {
        panic!("{refused:?}")
    };
    assert!(why.to_lowercase().contains("space"), "{why}");
    assert!(kept.len() > 20, "{}", kept.len());
    assert!(opened.says(r#"vestibule_store{what="writable"} 0"#));
    let again = opened.store.create(large(1000), KEEP).await;
    assert!(
        matches!(again, Err(StoreError::Unavailable(_))),
        "{again:?}"
    );
    for &id in &kept {
        assert!(opened.holds(id).await, "{id} can be read meanwhile");
    }
    disk.again("size=64m");
    opened
        .comes_to_say(r#"vestibule_store{what="writable"} 1"#)
        .await;
    opened.store.create(large(1001), KEEP).await.unwrap();
    kept.push(1001);
    for &id in &kept {
        assert!(opened.holds(id).await, "{id} after room came back");
    }
    drop(opened);
    let opened = open(&disk.store());
    for &id in &kept {
        assert!(opened.holds(id).await, "{id} after a restart");
    }
}

#[tokio::test]
async fn a_read_only_disk_is_told_at_the_start_and_by_the_check() {
    let disk = Mounted::of("6m");
    let opened = open(&disk.store());
    opened.store.create(session(1, &[]), KEEP).await.unwrap();
    drop(opened);
    disk.again("ro");
    let metrics = Telemetry::new().store().clone();
    let refused = EmbeddedStore::open(&disk.store(), Arc::<ManualClock>::default(), metrics);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("cannot be read and written"), "{why}");
    assert!(why.contains("Read-only file system"), "{why}");
    let folder = tempfile::tempdir().unwrap();
    let store = disk.store();
    let text = format!("[store]\npath = {store:?}\n");
    let config = write(folder.path(), "shop.toml", &text);
    let said = run(&["check", "--config", &config]);
    assert_eq!(said.code, 1, "{said:?}");
    let problem = "the store's folder cannot be written: Read-only file system";
    assert!(said.out.contains(problem), "{said:?}");
    disk.again("rw");
    assert!(open(&disk.store()).holds(1).await);
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_the_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let opened = open(&path);
    for id in 1..=50 {
        opened.store.create(large(id), KEEP).await.unwrap();
    }
    drop(opened);
    let journal = only_journal(&path);
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[100_000..100_010].fill(0x55);
    std::fs::write(&journal, bytes).unwrap();
    let opened = open(&path);
    assert!(opened.says("vestibule_store_set_aside_total 1"));
    opened.store.create(session(1000, &[]), KEEP).await.unwrap();
    assert!(opened.holds(1000).await);
    let beside: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("damaged"))
        .collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

fn only_journal(path: &Path) -> PathBuf {
    let files = std::fs::read_dir(path).unwrap();
    let mut journals = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "jnl"));
    let journal = journals.next().unwrap();
    assert!(journals.next().is_none());
    journal
}

#[tokio::test]
async fn what_outlived_itself_is_removed_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path());
    for id in 1..=30 {
        opened.store.create(session(id, &[]), KEEP).await.unwrap();
    }
    opened.clock.advance(KEEP + Duration::from_millis(1));
    assert!(!opened.holds(1).await);
    let mut attempts = tokio::time::interval(PAUSE);
    for _ in 0..ATTEMPTS {
        if opened.says("vestibule_store_reclaimed_total 30") {
            break;
        }
        opened.clock.advance(Duration::from_secs(1));
        attempts.tick().await;
    }
    assert!(opened.says("vestibule_store_reclaimed_total 30"));
    opened.store.create(session(1, &[]), KEEP).await.unwrap();
}

#[tokio::test]
async fn activity_reaches_the_disk_without_anybody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path());
    let made = session(1, &[]);
    let later = made.last_seen.plus(Duration::from_secs(30));
    opened.store.create(made.clone(), KEEP).await.unwrap();
    opened.store.touch(vestibule::ports::Touched {
        session: made.id,
        logins: LoginHashes::default(),
        at: later,
    });
    drop(opened);
    let opened = open(folder.path());
    let Ok(Some((Kept::Live(read), _))) = opened.store.load(made.id).await else {
        panic!("gone")
    };
    assert_eq!(read.last_seen, later);
}

/// Puts bytes of whatever kind where a session's record lies.
fn plant(folder: &Path, id: u128, bytes: &[u8]) {
    let database = fjall::Database::builder(folder).open().unwrap();
    let sessions = database
        .keyspace("sessions", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    sessions.insert(id.to_be_bytes(), bytes).unwrap();
}

fn planted(folder: &Path, id: u128) -> Option<Vec<u8>> {
    let database = fjall::Database::builder(folder).open().unwrap();
    let sessions = database
        .keyspace("sessions", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    let found = sessions.get(id.to_be_bytes()).unwrap();
    found.map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn a_record_of_a_later_version_is_neither_read_nor_touched() {
    let later = [2, 0, 0, 0, 0, 9, 9];
    let folder = tempfile::tempdir().unwrap();
    plant(folder.path(), 7, &later);
    let opened = open(folder.path());
    let (made, id) = (session(7, &[]), SessionId::from_random(7));
    let unread = opened.store.load(id).await;
    assert!(matches!(unread, Err(StoreError::Newer)), "{unread:?}");
    let taken = opened.store.create(made.clone(), KEEP).await;
    assert_eq!(taken, Err(StoreError::Exists));
    assert!(opened.store.save(made.clone(), 1, KEEP).await.is_err());
    let marker = Marker {
        account: Arc::clone(made.account()),
        to: SessionId::from_random(8),
        until: made.last_seen,
    };
    assert!(opened.store.rotate(id, marker, KEEP).await.is_err());
    let mut attempts = tokio::time::interval(PAUSE);
    while !opened.says(r#"vestibule_store{what="newer_records"} 1"#) {
        opened.clock.advance(Duration::from_secs(1));
        attempts.tick().await;
    }
    drop(opened);
    assert_eq!(planted(folder.path(), 7), Some(later.to_vec()));
}

#[tokio::test]
async fn a_damaged_record_is_set_aside_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path());
    opened.store.create(session(1, &[]), KEEP).await.unwrap();
    drop(opened);
    plant(folder.path(), 7, &[1, 0, 0, 0, 0, 9, 9]);
    let opened = open(folder.path());
    assert!(!opened.holds(7).await);
    assert!(opened.holds(1).await);
    opened
        .comes_to_say("vestibule_store_set_aside_total 1")
        .await;
    drop(opened);
    assert_eq!(planted(folder.path(), 7), None);
}
