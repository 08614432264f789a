//! A server that hangs, dies, forgets, or tells nothing: nobody waits long, and nobody is told what
//! is not so.

use std::time::Duration;

use tokio::time::Instant;
use vestibule::ports::{SessionStore, StoreError};
use vestibule::store::Found;
use vestibule::store::valkey::Settings;

use super::{KEEP, anonymous, id, live, next};
use crate::support::valkey::{Instance, Server, eventually};

/// As it is by default.
const DEADLINE: Duration = Duration::from_millis(100);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(700);

fn strict(server: &Server) -> Settings {
    Settings {
        deadline: DEADLINE,
        ..server.settings()
    }
}

/// A write fails, and within the deadline.
async fn fails_soon(store: &dyn SessionStore, bits: u128) -> Duration {
    let begun = Instant::now();
    let failed = store.create(anonymous(bits), KEEP).await;
    let took = begun.elapsed();
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    assert!(took < DEADLINE + SLACK, "{took:?}");
    took
}

async fn is_used_again(store: &dyn SessionStore) {
    eventually("the store is used again", async || {
        store.save(next(&anonymous(1)), 1, KEEP).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hangs_costs_each_call_its_deadline_and_soon_nothing() {
    let server = Server::start();
    let instance = Instance::hearing(strict(&server)).await;
    instance.store.create(anonymous(1), KEEP).await.unwrap();
    server.freeze();
    let first = fails_soon(&instance.store, 2).await;
    assert!(first >= DEADLINE.mul_f32(0.95), "{first:?}");
    // After a second of silence the connection is given up, and nobody waits at all.
    let mut bits = 3;
    eventually("calls fail at once", async || {
        bits += 1;
        fails_soon(&instance.store, bits).await < DEADLINE / 4
    })
    .await;
    // What is near is still there for whoever asks.
    assert_eq!(live(&instance.store, 1).await.session().version, 1);
    server.thaw();
    is_used_again(&instance.store).await;
    instance.until_hearing().await;
}

#[ignore = "takes more than five seconds"]
#[tokio::test]
async fn five_seconds_of_a_server_that_hangs_fail_every_call_soon_and_then_all_is_well() {
    let server = Server::start();
    let instance = Instance::hearing(strict(&server)).await;
    instance.store.create(anonymous(1), KEEP).await.unwrap();
    server.freeze();
    let begun = Instant::now();
    let mut bits = 2;
    while begun.elapsed() < Duration::from_secs(5) {
        fails_soon(&instance.store, bits).await;
        bits += 1;
        tokio::task::yield_now().await;
    }
    server.thaw();
    is_used_again(&instance.store).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_at_first_is_used_when_it_comes() {
    let mut server = Server::start();
    server.kill();
    let instance = Instance::new(strict(&server));
    fails_soon(&instance.store, 1).await;
    server.start_again();
    eventually("the store is used", async || {
        instance.store.create(anonymous(1), KEEP).await.is_ok()
    })
    .await;
    instance.until_hearing().await;
}

#[tokio::test]
async fn while_the_server_is_dead_sessions_that_are_near_go_on_and_changes_are_refused() {
    let mut server = Server::start();
    let instance = Instance::hearing(strict(&server)).await;
    let store = &instance.store;
    store.create(anonymous(1), KEEP).await.unwrap();
    server.kill();
    eventually("changes are not heard", async || !instance.hears()).await;
    for _ in 0..3 {
        assert_eq!(live(store, 1).await.session().version, 1);
        let changed = store.save(next(&anonymous(1)), 1, KEEP).await;
        assert!(
            matches!(changed, Err(StoreError::Unavailable(_))),
            "{changed:?}"
        );
    }
    let elsewhere = store.load(id(9)).await;
    assert!(
        matches!(elsewhere, Err(StoreError::Unavailable(_))),
        "{elsewhere:?}"
    );
    // Back without anything: it is the truth, and what was near was not.
    server.start_again();
    instance.until_hearing().await;
    let found = store.load(id(1)).await;
    assert!(matches!(found, Ok(None)), "{found:?}");
    store.create(anonymous(1), KEEP).await.unwrap();
    // Scripts are told anew to a server that has forgotten them.
    assert!(
        store
            .save(next(&anonymous(1)), 1, KEEP)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn without_a_subscription_a_change_is_seen_within_a_second() {
    let server = Server::start();
    // This one may do everything but subscribe.
    server.ask(&[
        "ACL",
        "SETUSER",
        "deaf",
        "on",
        ">secret",
        "~*",
        "&*",
        "+@all",
        "-subscribe",
    ]);
    let deaf = Instance::new(Settings {
        username: Some("deaf".to_owned()),
        password: Some("secret".to_owned()),
        ..server.settings()
    });
    let other = Instance::hearing(server.settings()).await;
    other.store.create(anonymous(1), KEEP).await.unwrap();
    assert_eq!(live(&deaf.store, 1).await.session().version, 1);
    let reads = server.calls("get");
    assert_eq!(live(&deaf.store, 1).await.session().version, 1);
    assert_eq!(
        server.calls("get"),
        reads,
        "what was just read is believed for a moment"
    );
    other
        .store
        .save(next(&anonymous(1)), 1, KEEP)
        .await
        .unwrap();
    let changed = Instant::now();
    eventually("the change is seen", async || {
        live(&deaf.store, 1).await.session().version == 2
    })
    .await;
    assert!(changed.elapsed() < Duration::from_secs(1) + SLACK);
    assert!(!deaf.hears());
}

#[tokio::test]
async fn a_subscription_that_is_cut_comes_back_and_nothing_old_is_believed_after_it() {
    let server = Server::start();
    let (one, other) = super::pair(&server).await;
    one.store.create(anonymous(1), KEEP).await.unwrap();
    live(&other.store, 1).await;
    let connections = || {
        let info = server.text(&["INFO", "stats"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = connections();
    server.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    one.store.save(next(&anonymous(1)), 1, KEEP).await.unwrap();
    let changed = Instant::now();
    eventually(
        "the change is seen although nobody told of it",
        async || {
            matches!(
                other.store.load(id(1)).await,
                Ok(Some(Found::Live(resident))) if resident.session().version == 2
            )
        },
    )
    .await;
    assert!(changed.elapsed() < Duration::from_secs(1) + SLACK);
    other.until_hearing().await;
    assert!(connections() > before);
}
