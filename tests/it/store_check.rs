//! `vestibule store check`: what it finds in stores that are whole, damaged, in use or of a later version,
//! and that it changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use vestibule::domain::token::TokenHash;
use vestibule::ports::{Clock as _, FarStore as _};
use vestibule::store::embedded::check;
use vestibule::store::{EmbeddedStore, Ended, Ending, Login, Marker};
use vestibule::telemetry::Telemetry;

use crate::disk_faults::large;
use crate::store_contract::{KEEP, anonymous, session};
use crate::support::clock::ManualClock;
use crate::support::program::{run, write};

/// Longer than this program is used: the command has the real clock, stores of tests another.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 300);
const MANY: u128 = 3000;
const SHOPPERS: u128 = 400;
const STAFF: u128 = 30;

fn open(folder: &Path) -> EmbeddedStore {
    let metrics = Telemetry::new().store().clone();
    EmbeddedStore::open(folder, Arc::<ManualClock>::default(), metrics).unwrap()
}

/// A store of some thousand sessions of all kinds, which nobody has open.
async fn filled(folder: &Path) {
    let store = Arc::new(open(folder));
    let mut all = Vec::new();
    all.extend((1..=MANY).map(anonymous));
    let shopper = [("authentication.storeUserId", "user-1")];
    all.extend((MANY + 1..=MANY + SHOPPERS).map(|id| session(id, &shopper)));
    let staff = [("authentication.adminUserId", "staff-1")];
    all.extend((MANY + SHOPPERS + 1..=MANY + SHOPPERS + STAFF).map(|id| session(id, &staff)));
    let mut writing = tokio::task::JoinSet::new();
    for one in all {
        let store = Arc::clone(&store);
        writing.spawn(async move { store.create(one, FOREVER).await.unwrap() });
    }
    writing.join_all().await;
    let (one, other) = (anonymous(1), anonymous(2));
    let marker = Marker {
        account: Arc::clone(one.account()),
        to: other.id,
        until: one.last_seen,
    };
    store.rotate(one.id, marker, FOREVER).await.unwrap();
    let ended = Ended {
        session: Arc::new(other.clone()),
        reason: Ending::Logout,
        successor: None,
    };
    assert!(store.end(other.id, ended, FOREVER).await.unwrap());
    store.create(anonymous(1_000_000), KEEP).await.unwrap();
    let now = one.last_seen;
    for (token, life) in [(1, FOREVER), (2, FOREVER), (3, Duration::from_secs(1))] {
        let login = Login::new(now, now.plus(life));
        let token = TokenHash::from_u128(token);
        store.open_login(token, login).await.unwrap();
    }
    let token = TokenHash::from_u128(2);
    assert!(store.close_login(token, Ending::Revoked).await.unwrap());
    store.close();
}

/// Every file below a folder, by what it holds.
fn files(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let held = Sha256::digest(std::fs::read(&path).unwrap());
                all.insert(path, held.into());
            }
        }
    }
    all
}

fn told(folder: &Path) -> (i32, Value) {
    let path = folder.to_str().unwrap();
    let said = run(&["store", "check", "--json", "--path", path]);
    assert_eq!(said.err, "", "no progress where nobody watches");
    let value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    (said.code, value)
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("sessions");
    (folder, store)
}

#[tokio::test]
async fn a_whole_store_is_told_by_kinds_and_nothing_of_it_is_changed() {
    let (around, folder) = place();
    filled(&folder).await;
    let before = files(&folder);
    let (code, said) = told(&folder);
    assert_eq!((code, &said["good"]), (0, &json!(true)), "{said}");
    assert_eq!(files(&folder), before);
    let beside = std::fs::read_dir(around.path()).unwrap().count();
    assert_eq!(beside, 1, "the copy is gone");
    let records = |kind: &str| said["kinds"][kind]["records"].as_u64().unwrap();
    for (kind, count) in [
        ("anonymous", MANY - 2),
        ("shoppers", SHOPPERS),
        ("staff", STAFF),
        ("markers", 1),
        ("ended", 1),
        ("outlived", 1),
        ("logins", 1),
        ("endedLogins", 1),
        ("outlivedLogins", 1),
        ("persons", SHOPPERS + STAFF),
        ("leftOver", 0),
        ("setAside", 0),
    ] {
        assert_eq!(u128::from(records(kind)), count, "{kind} in {said}");
    }
    assert_eq!(said["live"], json!(MANY - 2 + SHOPPERS + STAFF));
    assert!(said["onDisk"].as_u64().unwrap() > 0);

    let path = folder.to_str().unwrap();
    let text = run(&["store", "check", "--path", path]);
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    for line in [
        format!("{path}: 3,428 live sessions, "),
        "anonymous sessions                 2,998".to_owned(),
        "sessions of shoppers                 400".to_owned(),
        "Every record can be read.".to_owned(),
    ] {
        assert!(text.out.contains(&line), "{line} in {}", text.out);
    }
    // The store opens as before, and a configuration that names it leads there too.
    drop(open(&folder));
    let config = write(
        around.path(),
        "shop.toml",
        &format!("{}{path:?}\n", small()),
    );
    let by_config = run(&["store", "check", "--json", "--config", &config]);
    assert_eq!(by_config.code, 0, "{by_config:?}");
}

/// A configuration up to its store's path.
fn small() -> String {
    r#"
    [[account]]
    name = "shop"
    id = "3f1c7f0e-6a0b-4c0e-9d55-0f2c8d1f7a11"
    hosts = ["shop.example.com"]
    authentication.jwks = ["jwks.json"]
    [[account.upstream]]
    name = "storefront"
    addresses = ["127.0.0.1:8081"]
    [store]
    path = "#
        .to_owned()
}

/// Puts something into a kind of record, or takes it out.
fn change(folder: &Path, kind: &str, key: &[u8], value: Option<&[u8]>) {
    let database = fjall::Database::builder(folder).open().unwrap();
    let space = database.keyspace(kind, fjall::KeyspaceCreateOptions::default);
    let space = space.unwrap();
    match value {
        Some(value) => space.insert(key, value).unwrap(),
        None => space.remove(key).unwrap(),
    }
}

fn value(folder: &Path, kind: &str, key: &[u8]) -> Vec<u8> {
    let database = fjall::Database::builder(folder).open().unwrap();
    let space = database.keyspace(kind, fjall::KeyspaceCreateOptions::default);
    space.unwrap().get(key).unwrap().unwrap().to_vec()
}

#[tokio::test]
async fn damaged_and_later_records_are_told_with_what_to_do() {
    let (_around, folder) = place();
    filled(&folder).await;
    let key = |id: u128| anonymous(id).id.as_u128().to_be_bytes();
    let mut torn = value(&folder, "sessions", &key(10));
    let last = torn.len() - 1;
    torn[last] ^= 1;
    change(&folder, "sessions", &key(10), Some(&torn));
    let other = value(&folder, "sessions", &key(12));
    change(&folder, "sessions", &key(11), Some(&other));
    change(&folder, "sessions", &key(13), Some(&[9, 0, 0, 0, 0, 1]));
    change(&folder, "sessions", b"short", Some(&other));
    change(&folder, "seen", &key(14), Some(&[1, 2]));
    change(&folder, "logins", &[7; 16], Some(&[1, 0, 0, 0, 0, 1]));
    let person = vestibule::store::PersonKey::of("demostore", "user-1");
    let entry = [person.as_bytes().as_slice(), &key(MANY + 1)].concat();
    change(&folder, "persons", &entry, None);
    let (code, said) = told(&folder);
    assert_eq!((code, &said["good"]), (1, &json!(false)));
    assert_eq!(
        said["newer"],
        json!([{"version": 9, "records": 1, "bytes": 22}])
    );
    let damaged: Vec<(&str, &str)> = said["damaged"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    assert_eq!(
        damaged,
        [
            ("logins", "its checksum differs"),
            ("seen", "it ends too soon"),
            (
                "sessions",
                "it is not found by who acts in it: ending or erasing all of theirs leaves it"
            ),
            ("sessions", "it lies under another session's id"),
            ("sessions", "its checksum differs"),
            ("sessions", "its key is none"),
        ]
    );
    let text = run(&["store", "check", "--path", folder.to_str().unwrap()]);
    assert_eq!(text.code, 1);
    assert!(
        text.out.contains("newer: 1 records of version 9"),
        "{}",
        text.out
    );
    assert!(
        text.out
            .contains("damaged: 1 of logins: its checksum differs. `vestibule run`")
    );
}

#[tokio::test]
async fn a_damaged_journal_is_told_and_left_where_it_is() {
    let (_around, folder) = place();
    let store = open(&folder);
    for id in 1..=50 {
        store.create(large(id), FOREVER).await.unwrap();
    }
    drop(store);
    let journal = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "jnl"));
    let journal = journal.unwrap();
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[100_000..100_010].fill(0x55);
    std::fs::write(&journal, bytes).unwrap();
    let before = files(&folder);
    let (code, said) = told(&folder);
    assert_eq!((code, &said["journals"]), (1, &json!(1)), "{said}");
    assert_eq!(files(&folder), before);
}

#[tokio::test]
async fn a_store_in_use_or_none_at_all_is_said_to_be() {
    let (around, folder) = place();
    let store = open(&folder);
    let path = folder.to_str().unwrap();
    let said = run(&["store", "check", "--path", path]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(
        said.err.contains("another process uses this store"),
        "{said:?}"
    );
    assert!(
        said.err.contains("Stop it first, or check a copy"),
        "{said:?}"
    );
    drop(store);
    assert_eq!(run(&["store", "check", "--path", path]).code, 0);

    let nothing = around.path().join("nothing");
    let said = run(&["store", "check", "--path", nothing.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("there is no store in this folder"),
        "{said:?}"
    );
    assert!(!nothing.exists(), "looking makes nothing");

    let text = format!("{}\"x\"\nkind = \"memory\"\n", small());
    let text = text.replace("path = \"x\"\n", "");
    let config = write(around.path(), "shop.toml", &text);
    let said = run(&["store", "check", "--config", &config]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("`store.kind` is \"memory\""), "{said:?}");
}

#[tokio::test]
async fn a_store_can_be_looked_at_from_elsewhere_and_tells_how_far_it_is() {
    let (_around, folder) = place();
    filled(&folder).await;
    let scratch = tempfile::tempdir().unwrap();
    let mut steps = Vec::new();
    let clock = ManualClock::default();
    let checked = check(&folder, Some(scratch.path()), clock.now(), &mut |read| {
        steps.push(read);
    });
    let findings = checked.unwrap().findings;
    assert!(findings.is_good());
    assert_eq!(
        u128::from(findings.outlived.records),
        0,
        "by the clock of the test"
    );
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    assert!(steps.is_sorted() && steps.len() > 3, "{steps:?}");
}
