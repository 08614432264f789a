//! A server that is full, forgets, turns clients away, is still loading, or is far away.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use vestibule::ports::{SessionStore, StoreError};
use vestibule::store::valkey::Settings;

use super::{KEEP, anonymous, id, live, next, pair, twins};
use crate::support::Shopper;
use crate::support::valkey::{Instance, Server, eventually};

#[tokio::test]
async fn a_server_that_is_full_is_read_and_refuses_writes_loudly_until_there_is_room() {
    let server = Server::start();
    let (here, there) = pair(&server).await;
    here.store.create(anonymous(1), KEEP).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = here.store.create(anonymous(2), KEEP).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(live(&there.store, 1).await.session().version, 1);
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    eventually("it is written again", async || {
        here.store.create(anonymous(3), KEEP).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_server_let_go_is_a_new_one_and_the_page_is_served() {
    let server = Server::start();
    let (here, there) = twins(&server).await;
    let mut shopper = Shopper::new(&here);
    shopper.get("/?utm_source=newsletter").await;
    let before = here
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    eventually("everything is let go", async || {
        matches!(server.ask(&["DBSIZE"]), redis::Value::Int(0))
    })
    .await;
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let mut elsewhere = Shopper::with_jar(&there, shopper.into_jar());
    assert_eq!(elsewhere.get("/?utm_source=again").await.status, 200);
    let seen = there.origin.last();
    assert!(seen.header("x-session-id").is_some_and(|id| id != before));
}

/// Says something to the server over one connection that was there before.
struct Operator(redis::Connection);

impl Operator {
    fn of(server: &Server) -> Self {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
        Self(client.get_connection().unwrap())
    }

    fn says(&mut self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.exec(&mut self.0).unwrap();
    }

    fn sends_everybody_away(&mut self) {
        for kind in ["pubsub", "normal"] {
            self.says(&["CLIENT", "KILL", "TYPE", kind]);
        }
    }
}

#[tokio::test]
async fn a_server_that_turns_clients_away_is_used_again_when_it_does_not() {
    for (setting, away, back) in [("requirepass", "another", ""), ("maxclients", "1", "10000")] {
        let server = Server::start();
        let mut operator = Operator::of(&server);
        let instance = Instance::hearing(server.settings()).await;
        instance.store.create(anonymous(1), KEEP).await.unwrap();
        operator.says(&["CONFIG", "SET", setting, away]);
        operator.sends_everybody_away();
        eventually("writes are refused", async || {
            let changed = instance.store.create(anonymous(2), KEEP).await;
            matches!(changed, Err(StoreError::Unavailable(_)))
        })
        .await;
        // What is near is still there.
        assert_eq!(live(&instance.store, 1).await.session().version, 1);
        operator.says(&["CONFIG", "SET", setting, back]);
        eventually("it is used again", async || {
            instance.store.create(anonymous(3), KEEP).await.is_ok()
        })
        .await;
        instance.until_hearing().await;
    }
}

#[tokio::test]
async fn while_a_server_is_loading_it_is_a_server_that_is_not_there() {
    // Each of its keys takes a moment, and it answers clients between them.
    let mut server = Server::with(&[
        "--dbfilename",
        "dump.rdb",
        "--key-load-delay",
        "40000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let instance = Instance::hearing(server.settings()).await;
    for bits in 1..=40 {
        instance.store.create(anonymous(bits), KEEP).await.unwrap();
    }
    server.ask(&["SAVE"]);
    server.kill();
    let store = Arc::new(instance);
    let asking = Arc::clone(&store);
    let loading = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    let mut refused = 0;
    let mut bits = 100;
    while !loading.is_finished() {
        bits += 1;
        let written = asking.store.create(anonymous(bits), KEEP).await;
        refused += u32::from(matches!(written, Err(StoreError::Unavailable(_))));
        tokio::task::yield_now().await;
    }
    let server = loading.await.unwrap();
    assert!(server.log().contains("Loading RDB"), "{}", server.log());
    assert!(refused > 0);
    eventually("it is used again", async || {
        store.store.save(next(&anonymous(1)), 1, KEEP).await.is_ok()
    })
    .await;
}

const WAY: Duration = Duration::from_millis(100);

/// A way to a server that takes so long in each direction.
async fn long_way(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(carry(from_client, to_server));
            tokio::spawn(carry(from_server, to_client));
        }
    });
    own
}

/// What is said meanwhile is under way meanwhile.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (depart, mut arrive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some((bytes, due)) = arrive.recv().await {
            let bytes: Vec<u8> = bytes;
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut bytes = Vec::new();
    while from.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let said = std::mem::take(&mut bytes);
        if depart.send((said, Instant::now() + WAY)).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_long_way_to_the_server_costs_what_is_not_near_one_round_trip_and_the_rest_nothing() {
    let server = Server::start();
    let near = Instance::hearing(server.settings()).await;
    near.store.create(anonymous(1), KEEP).await.unwrap();
    let settings = Settings {
        deadline: Duration::from_secs(5),
        ..Settings::single(("127.0.0.1".to_owned(), long_way(server.port).await))
    };
    let far = Instance::hearing(settings).await;
    // Connections, and scripts, are there from here on.
    far.store.create(anonymous(2), KEEP).await.unwrap();
    assert!(far.store.load(id(99)).await.unwrap().is_none());
    let begun = Instant::now();
    assert!(far.store.load(id(1)).await.unwrap().is_some());
    let missed = begun.elapsed();
    assert!(missed >= WAY * 2 && missed < WAY * 4, "{missed:?}");
    let begun = Instant::now();
    assert!(far.store.load(id(1)).await.unwrap().is_some());
    assert!(begun.elapsed() < WAY, "{:?}", begun.elapsed());
}
