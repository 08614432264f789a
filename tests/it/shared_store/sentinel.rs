//! A master that dies, and the Sentinel that names another.

use vestibule::ports::SessionStore;
use vestibule::store::Found;
use vestibule::store::valkey::{Mode, Settings};

use super::secured::as_documented_user;
use super::{KEEP, anonymous, id, live, next};
use crate::support::valkey::{Instance, Server, eventually};

#[tokio::test]
async fn after_a_fail_over_sessions_go_on_at_the_new_master() {
    let master = Server::start();
    let port = master.port.to_string();
    let replica = Server::with(&[
        "--replicaof",
        "127.0.0.1",
        &port,
        "--repl-diskless-sync-delay",
        "0",
    ]);
    let sentinel = Server::sentinel(master.port);
    let settings = Settings {
        addresses: vec![("127.0.0.1".to_owned(), sentinel.port)],
        mode: Mode::Sentinel {
            master: "sessions".to_owned(),
        },
        ..master.settings()
    };
    let settings = as_documented_user(&[&master, &replica], settings);
    let (one, other) = (
        Instance::hearing(settings.clone()).await,
        Instance::hearing(settings).await,
    );
    eventually("the replica follows", async || {
        master
            .text(&["INFO", "replication"])
            .contains("state=online")
    })
    .await;
    eventually("the Sentinel knows the replica", async || {
        let known = sentinel.ask(&["SENTINEL", "REPLICAS", "sessions"]);
        matches!(known, redis::Value::Array(replicas) if !replicas.is_empty())
    })
    .await;
    one.store.create(anonymous(1), KEEP).await.unwrap();
    live(&other.store, 1).await;
    let key = format!("vst:s:{{{:032x}}}", 1);
    eventually("the replica has the session", async || {
        replica.ask(&["EXISTS", &key]) == redis::Value::Int(1)
    })
    .await;
    master.kill();
    eventually("the new master is written", async || {
        one.store.save(next(&anonymous(1)), 1, KEEP).await.is_ok()
    })
    .await;
    assert!(
        replica
            .text(&["INFO", "replication"])
            .contains("role:master")
    );
    one.until_hearing().await;
    other.until_hearing().await;
    eventually("the other instance reads there too", async || {
        matches!(
            other.store.load(id(1)).await,
            Ok(Some(Found::Live(resident))) if resident.session().version == 2
        )
    })
    .await;
}
