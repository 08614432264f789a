//! A store that cannot be asked: shoppers go on, endings count at once, and everything is written
//! when it returns (contract §13).

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Session, SessionId};
use vestibule::ports::{FarStore, Kept, SessionStore, StoreError};
use vestibule::store::memory::MemoryCapacity;
use vestibule::store::{
    EmbeddedStore, Ending, Found, GuardedStore, LayeredStore, Login, MemoryStore, Owing,
};
use vestibule::telemetry::Telemetry;

use crate::disk_faults::Mounted;
use crate::store_contract::{KEEP, UNUSED, anonymous, ended, hash, live, marker};
use crate::support::clock::{CountedEntropy, ManualClock, T0, at};
use crate::support::cut::{Cut, Line};
use crate::support::valkey::eventually;
use crate::support::{SCRIPT, SERVER, Shop, Shopper};

const ATTEMPTS: usize = 400;
const PAUSE: Duration = Duration::from_millis(25);
const DEADLINE: Duration = Duration::from_millis(100);

/// A layered store over files, behind a line that can be cut.
struct World {
    store: LayeredStore,
    line: Arc<Cut>,
    /// The files themselves, as another instance would see them.
    far: Arc<EmbeddedStore>,
    clock: Arc<ManualClock>,
    telemetry: Telemetry,
    _folder: TempDir,
}

impl World {
    fn with_room(most: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::new();
        let clock = Arc::<ManualClock>::default();
        let metrics = telemetry.store().clone();
        let path = folder.path().join("sessions");
        let there = Arc::<ManualClock>::clone(&clock);
        let far = Arc::new(EmbeddedStore::open(&path, there, metrics.clone()).unwrap());
        let line = Cut::new(Arc::<EmbeddedStore>::clone(&far));
        let outside = (
            Arc::<ManualClock>::clone(&clock) as _,
            Arc::new(CountedEntropy) as _,
        );
        let guarded =
            GuardedStore::new(Arc::<Cut>::clone(&line), DEADLINE, outside, metrics.clone());
        let near = MemoryStore::new(MemoryCapacity {
            anonymous: 1 << 20,
            authenticated: 1 << 20,
            anonymous_unused: UNUSED,
            authenticated_unused: UNUSED,
        });
        let owing = Owing { most, metrics };
        let store = LayeredStore::new(near, Arc::new(guarded), Arc::default(), owing);
        Self {
            store,
            line,
            far,
            clock,
            telemetry,
            _folder: folder,
        }
    }

    fn new() -> Self {
        Self::with_room(1000)
    }

    /// The connection is there again; waits until nothing is owed any more.
    async fn restored(&self) {
        self.line.set(Line::Up);
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            if self.store.health().owed == 0 {
                return;
            }
            // A breaker waits by this clock.
            self.clock.advance(Duration::from_secs(1));
            attempts.tick().await;
        }
        panic!("still owed: {:?}", self.store.health());
    }

    async fn kept(&self, id: u128) -> Option<Kept> {
        let kept = self.far.load(SessionId::from_random(id)).await.unwrap();
        kept.map(|(kept, _)| kept)
    }

    async fn kept_live(&self, id: u128) -> Session {
        match self.kept(id).await {
            Some(Kept::Live(session)) => session,
            other => panic!("{other:?}"),
        }
    }

    fn says(&self, line: &str) -> bool {
        self.telemetry.render().lines().any(|said| said == line)
    }
}

fn with(old: &Session, key: &'static str, value: &str) -> Session {
    let mut body = old.body.fields();
    body.set(known(key), serde_json::json!(value));
    Session {
        body: Arc::new(vestibule::domain::plans::SharedBody::new(
            old.account(),
            &body,
        )),
        version: old.version + 1,
        ..old.clone()
    }
}

fn unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn what_begins_and_changes_in_an_outage_is_written_when_the_store_returns() {
    let world = World::new();
    let store = &world.store;
    world.line.set(Line::Down);
    let begun = anonymous(1);
    store.create_or_owe(begun.clone(), KEEP).await.unwrap();
    let changed = with(&begun, "public.sc", "2");
    let saved = store.save_or_owe(changed, 1, KEEP).await.unwrap();
    assert_eq!(saved.unwrap().session().version, 2);
    let later = T0.plus(Duration::from_mins(1));
    assert_eq!(store.issue(begun.id, hash(5), later).await, Ok(true));
    assert_eq!(live(store, 1).await.session().token, Some(hash(5)));
    assert!(world.kept(1).await.is_none());
    assert_eq!(store.health().owed, 1, "one entry a session");
    world.restored().await;
    let kept = world.kept_live(1).await;
    assert_eq!(kept.body.fields().text("public.sc"), Some("2"));
    assert_eq!((kept.version, kept.token), (2, Some(hash(5))));
    assert_eq!(kept.issued_at, later);
}

#[tokio::test]
async fn whoever_must_be_told_that_it_is_kept_is_refused_and_nothing_has_changed() {
    let world = World::new();
    let store = &world.store;
    let old = anonymous(1);
    store.create(old.clone(), KEEP).await.unwrap();
    world.line.set(Line::Down);
    let refused = store.save(with(&old, "public.sc", "2"), 1, KEEP).await;
    assert!(unavailable(&refused), "{refused:?}");
    assert!(unavailable(&store.create(anonymous(2), KEEP).await));
    let here = live(store, 1).await;
    assert_eq!(here.session().body.fields().text("public.sc"), Some("1"));
    assert_eq!(store.health().owed, 0);
    let gone = store.load(SessionId::from_random(2)).await;
    assert!(unavailable(&gone), "nobody knows: {gone:?}");
    world.restored().await;
    assert!(world.kept(2).await.is_none());
}

#[tokio::test]
async fn a_change_goes_on_top_of_what_another_instance_saved_meanwhile() {
    let world = World::new();
    let store = &world.store;
    let old = anonymous(1);
    store.create(old.clone(), KEEP).await.unwrap();
    world.line.set(Line::Down);
    let ours = with(&old, "public.country", "BRA");
    store.save_or_owe(ours, 1, KEEP).await.unwrap().unwrap();
    let theirs = with(&old, "public.postalCode", "20040002");
    world.far.save(theirs, 1, KEEP).await.unwrap().unwrap();
    world.restored().await;
    let kept = world.kept_live(1).await;
    for (key, value) in [
        ("public.sc", "1"),
        ("public.country", "BRA"),
        ("public.postalCode", "20040002"),
    ] {
        assert_eq!(kept.body.fields().text(key), Some(value), "{key}");
    }
    assert_eq!(kept.version, 3);
    let here = live(store, 1).await;
    assert_eq!(here.session().body.fields(), kept.body.fields());
    assert_eq!(here.session().version, 3);
    let next = with(here.session(), "public.sc", "7");
    assert!(store.save(next, 3, KEEP).await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_takes_back_an_end_that_came_about_elsewhere() {
    let world = World::new();
    let store = &world.store;
    let old = anonymous(1);
    store.create(old.clone(), KEEP).await.unwrap();
    world.line.set(Line::Down);
    let ours = with(&old, "public.country", "BRA");
    store.save_or_owe(ours, 1, KEEP).await.unwrap().unwrap();
    let end = ended(old.clone(), Ending::Revoked);
    assert_eq!(world.far.end(old.id, end, KEEP).await, Ok(true));
    world.restored().await;
    let found = store.load(old.id).await.unwrap();
    assert!(matches!(found, Some(Found::Ended(_))), "{found:?}");
}

#[tokio::test]
async fn endings_count_at_once_and_are_written_before_all_else() {
    let world = World::new();
    let store = &world.store;
    for id in 1..=2 {
        store.create(anonymous(id), KEEP).await.unwrap();
    }
    let login = Login::new(T0, T0.plus(Duration::from_hours(24)));
    store.open_login(hash(9), login).await.unwrap();
    world.line.set(Line::Down);
    store.create_or_owe(anonymous(3), KEEP).await.unwrap();
    let id = SessionId::from_random;
    let end = ended(anonymous(1), Ending::Logout);
    assert_eq!(store.end(id(1), end.clone(), KEEP).await, Ok(true));
    assert_eq!(store.end(id(1), end, KEEP).await, Ok(false), "once");
    store.rotate(id(2), marker(3), KEEP).await.unwrap();
    let closed = store.close_login(hash(9), Ending::Logout).await;
    assert_eq!(closed, Ok(true));
    let found = store.load(id(1)).await.unwrap();
    assert!(matches!(found, Some(Found::Ended(_))), "{found:?}");
    let found = store.load(id(2)).await.unwrap();
    assert!(matches!(found, Some(Found::Moved(_))), "{found:?}");
    let here = store.login(hash(9)).await.unwrap().unwrap();
    assert_eq!(here.ended(), Some(Ending::Logout));
    // Of what failed meanwhile nothing counts: only what is written in the end.
    world.line.take_calls();
    world.restored().await;
    let mut written = world.line.take_calls();
    written.dedup();
    let last = written.iter().rev().take(4).rev().cloned();
    let plain = |id: u128| SessionId::from_random(id).as_u128();
    assert_eq!(
        last.collect::<Vec<_>>(),
        [
            format!("end {}", plain(1)),
            format!("rotate {}", plain(2)),
            "close_login 9".to_owned(),
            format!("create {}", plain(3)),
        ]
    );
    assert!(matches!(world.kept(1).await, Some(Kept::Ended(_))));
    assert!(matches!(world.kept(2).await, Some(Kept::Moved(_))));
    let kept = world.far.login(hash(9)).await.unwrap().unwrap();
    assert_eq!(kept.ended(), Some(Ending::Logout));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_done_twice_and_what_followed_is_not_lost() {
    let world = World::new();
    let store = &world.store;
    world.line.set(Line::Deaf);
    let begun = anonymous(1);
    store.create_or_owe(begun.clone(), KEEP).await.unwrap();
    let second = with(&begun, "public.sc", "2");
    store.save_or_owe(second.clone(), 1, KEEP).await.unwrap();
    let third = with(&second, "public.country", "BRA");
    store.save_or_owe(third, 2, KEEP).await.unwrap().unwrap();
    world.restored().await;
    let kept = world.kept_live(1).await;
    assert_eq!(kept.body.fields().text("public.sc"), Some("2"));
    assert_eq!(kept.body.fields().text("public.country"), Some("BRA"));
    let here = live(store, 1).await;
    assert_eq!(here.session().body.fields(), kept.body.fields());
}

#[tokio::test]
async fn what_a_later_version_has_to_write_holds_up_nobody_behind_it() {
    let world = World::new();
    let store = &world.store;
    world.line.set(Line::Down);
    for id in 1..=3 {
        store.create_or_owe(anonymous(id), KEEP).await.unwrap();
    }
    let first = format!("create {}", SessionId::from_random(1).as_u128());
    world.line.is_newer(Some(&first));
    world.line.set(Line::Up);
    // What is written is owed until that is noted, a moment later.
    eventually(
        "the others are written, and one waits for its time",
        async || {
            world.clock.advance(Duration::from_secs(1));
            let written = world.kept(3).await.is_some() && world.kept(2).await.is_some();
            written && store.health().owed == 1
        },
    )
    .await;
    assert!(world.kept(1).await.is_none());
    assert_eq!(store.health().owed, 1);
}

#[tokio::test]
async fn the_journal_has_an_end_and_keeps_room_for_endings() {
    let world = World::with_room(2);
    let store = &world.store;
    store.create(anonymous(9), KEEP).await.unwrap();
    world.line.set(Line::Down);
    for id in 1..=2 {
        store.create_or_owe(anonymous(id), KEEP).await.unwrap();
    }
    let refused = store.create_or_owe(anonymous(3), KEEP).await;
    assert!(unavailable(&refused), "{refused:?}");
    let again = with(&anonymous(1), "public.sc", "2");
    let saved = store.save_or_owe(again, 1, KEEP).await;
    assert!(
        saved.unwrap().is_some(),
        "an entry that is there may change"
    );
    let end = ended(anonymous(9), Ending::Logout);
    let id = SessionId::from_random(9);
    assert_eq!(store.end(id, end, KEEP).await, Ok(true));
    assert!(world.says(r#"vestibule_store_journal_total{change="full"} 1"#));
    assert!(world.says(r#"vestibule_store{what="owed"} 3"#));
    world.restored().await;
    assert!(world.kept(3).await.is_none());
    assert!(world.kept(1).await.is_some());
    assert!(world.says(r#"vestibule_store{what="owed"} 0"#));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_deadline_and_soon_nobody_waits_at_all() {
    let world = World::new();
    let store = &world.store;
    world.line.set(Line::Silent);
    let id = SessionId::from_random(1);
    for _ in 0..3 {
        let began = tokio::time::Instant::now();
        assert!(unavailable(&store.load(id).await));
        assert_eq!(began.elapsed(), DEADLINE);
    }
    assert_eq!(world.line.take_calls().len(), 3);
    let began = tokio::time::Instant::now();
    for _ in 0..100 {
        assert!(unavailable(&store.load(id).await));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(world.line.take_calls().len(), 0, "it is left alone");
    assert!(!store.health().answers);
    assert!(world.says(r#"vestibule_store{what="answers_reads"} 0"#));
    assert!(world.says(r#"vestibule_store{what="answers_writes"} 1"#));
    // One call after a second finds out whether it is over.
    world.clock.advance(Duration::from_millis(1_250));
    world.line.set(Line::Up);
    assert!(store.load(id).await.unwrap().is_none());
    assert!(store.health().answers);
}

/// A shop whose sessions are on a disk that has no room left.
async fn on_a_full_disk(disk: &Mounted) -> (Arc<Shop>, Shopper, Shopper) {
    let store = disk.store();
    let shop = Shop::with(&format!("[store]\nkind = \"embedded\"\npath = {store:?}\n")).await;
    let mut other = Shopper::new(&shop);
    other.get("/?utm_source=mail").await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    disk.fill();
    // The last page of a file has room for some more.
    for visitor in 0..ATTEMPTS {
        if shop.shared.flow.store_health().owed > 0 {
            return (shop, shopper, other);
        }
        let query = format!("/?utm_source=visitor-{visitor}");
        Shopper::new(&shop).get(&query).await;
    }
    panic!("the disk is never full");
}

async fn told_of_it(shop: &Shop) {
    let mut attempts = tokio::time::interval(PAUSE);
    for _ in 0..ATTEMPTS {
        let health = shop.shared.flow.store_health();
        if health.owed == 0 && health.answers {
            return;
        }
        shop.clock.advance(Duration::from_secs(1));
        attempts.tick().await;
    }
    panic!("{:?}", shop.shared.flow.store_health());
}

#[tokio::test]
async fn shoppers_go_on_and_new_ones_come_while_the_disk_is_full() {
    let disk = Mounted::of("6m");
    let (shop, mut ana, _) = on_a_full_disk(&disk).await;
    ana.get("/").await;
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    shop.clock.set(at("1:00"));
    assert_eq!(ana.get("/?utm_campaign=blackfriday").await.status, 200);
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-id"), Some(&*id));
    assert_eq!(seen.header("x-session-campaigns"), Some("black-friday,vip"));
    let mut new = Shopper::new(&shop);
    assert!(new.get("/?utm_source=mail").await.sets_session());
    let begun = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    new.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-id"), Some(&*begun));
    assert!(shop.shared.flow.store_health().owed >= 2);
    disk.make_room();
    told_of_it(&shop).await;
    let (ana, new) = (ana.into_jar(), new.into_jar());
    let shop = shop.restarted();
    Shopper::with_jar(&shop, ana).get("/").await;
    assert_eq!(shop.origin.last().header("x-session-id"), Some(&*id));
    Shopper::with_jar(&shop, new).get("/").await;
    assert_eq!(shop.origin.last().header("x-session-id"), Some(&*begun));
}

#[tokio::test]
async fn a_call_that_writes_is_told_503_and_a_logout_202_while_the_disk_is_full() {
    let disk = Mounted::of("6m");
    let (shop, mut ana, mut other) = on_a_full_disk(&disk).await;
    let body = r#"{"public":{"colour":{"value":"red"}}}"#;
    for method in ["PATCH", "POST"] {
        let reply = other.call((method, "/api/sessions"), SCRIPT, body).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    let new = Shopper::new(&shop)
        .call(("POST", "/api/sessions"), SERVER, body)
        .await;
    assert_eq!(new.status, 503, "{new:?}");
    let public = other.read("public.*").await["public"].clone();
    assert!(public.get("colour").is_none(), "{public}");
    let thief = ana.clone();
    let reply = ana.call(("DELETE", "/api/sessions"), SCRIPT, "").await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let mut thief = thief;
    thief.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-user-id"), None, "dead at once");
    disk.make_room();
    told_of_it(&shop).await;
    let reply = other.call(("PATCH", "/api/sessions"), SCRIPT, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let thief = thief.into_jar();
    drop((ana, other));
    let shop = shop.restarted();
    Shopper::with_jar(&shop, thief).get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-user-id"), None, "dead for good");
}
