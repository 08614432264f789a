//! A new process takes the place of the one that runs, and nobody notices; and how processes end.

mod drains;
mod failures;
mod house;
mod manager;
mod streams;
mod walkers;

use house::{House, Stranger};
use tokio::net::UnixStream;
use walkers::{Crowd, Walker};

use crate::support::kept::exchange;
use crate::support::program::{Running, signal};
use crate::support::valkey::{Server, eventually};

const ANA: &str = "11111111-1111-4111-8111-111111111111";
const BRUNO: &str = "22222222-2222-4222-8222-222222222222";

/// Connections that are in use while one process takes over from another.
const CONNECTIONS: usize = 200;

/// So many shoppers, some of whom are logged in.
async fn shoppers(port: u16, count: usize) -> Vec<Walker> {
    let mut walkers = Vec::new();
    for number in 0..count {
        let mut walker = Walker::to(port);
        match number % 8 {
            0 => walker.log_in("ana@example.com", ANA).await,
            1 => walker.log_in("bruno@example.com", BRUNO).await,
            _ => {}
        }
        // One after the other: so many first visits at once are more than an unoptimised program
        // does within the time that apps are given.
        walker.look().await.unwrap();
        walkers.push(walker);
    }
    walkers
}

/// All who have written find what was answered.
async fn all_find_their_counts(walkers: &mut [Walker]) {
    for walker in walkers.iter_mut().filter(|walker| walker.count > 0) {
        walker.hang_up();
        walker.finds_its_count().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_sigquit_a_new_process_takes_over_under_load_and_not_one_request_fails() {
    let (house, mut first) = House::start().await;
    let crowd = Crowd::walk(shoppers(house.port, CONNECTIONS).await);
    crowd.goes_on(CONNECTIONS).await;
    signal("QUIT", first.id());
    let mut begun = None;
    eventually("a new process is started", async || {
        begun = started_by(&first.log());
        begun.is_some()
    })
    .await;
    let second = Stranger(begun.unwrap());
    let status = first.ended().await;
    crowd.goes_on(CONNECTIONS).await;
    let mut walkers = crowd.rest(|| told_by(&first)).await;
    let log = first.log();
    assert!(status.success(), "{status}\n{log}");
    assert!(
        log.contains("Everything that was under way is done."),
        "{log}"
    );
    all_find_their_counts(&mut walkers).await;
    // And what it says is on disk.
    signal("TERM", second.0);
    eventually("the second process ends", async || second.is_gone()).await;
    let mut third = house.begin(&[]);
    assert!(third.answers(house.port, house.admin_port).await);
    all_find_their_counts(&mut walkers).await;
    assert!(third.stop().await.success());
}

/// What is told of more than single requests.
fn told_by(running: &Running) -> String {
    let log = running.log();
    let lines = log.lines();
    let lines = lines.filter(|line| !line.contains(" access: ") || line.contains("status=5"));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

/// The process that was started, as the log has it.
fn started_by(log: &str) -> Option<u32> {
    let mut lines = log.lines();
    let line = lines.find(|line| line.contains("a new process is started"))?;
    let (_, number) = line.split_once("process=")?;
    number.split_whitespace().next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hand_overs_in_a_row_lose_nothing() {
    let (house, mut current) = House::start().await;
    let crowd = Crowd::walk(shoppers(house.port, 16).await);
    let mut before = Vec::new();
    for _ in 0..3 {
        crowd.goes_on(32).await;
        let next = house.upgrade();
        let status = current.ended().await;
        assert!(status.success(), "{}", current.log());
        before.push(std::mem::replace(&mut current, next));
    }
    crowd.goes_on(32).await;
    let mut walkers = crowd
        .rest(|| before.iter().chain([&current]).map(told_by).collect())
        .await;
    all_find_their_counts(&mut walkers).await;
    assert!(current.stop().await.success(), "{}", current.log());
    let mut last = house.begin(&[]);
    assert!(last.answers(house.port, house.admin_port).await);
    all_find_their_counts(&mut walkers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_goes_over_and_a_changed_configuration_with_it() {
    let (house, mut old) = House::start().await;
    let socket = house.folder.path().join("street.sock");
    let more = format!(
        "\n[[listener]]\nname = \"mesh\"\naddress = \"unix:{}\"\n",
        socket.display()
    );
    assert!(!socket.exists());
    // A listener is what no reload can take up.
    house.rewrite(|text| format!("{text}{more}"));
    let mut second = house.upgrade();
    assert!(old.ended().await.success(), "{}", old.log());
    let page = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut wire = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(exchange(&mut wire, page).await.status, 200);
    let file = std::fs::metadata(&socket).unwrap();
    drop(wire);
    let mut third = house.upgrade();
    assert!(second.ended().await.success(), "{}", second.log());
    let mut wire = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(exchange(&mut wire, page).await.status, 200);
    let inode = std::os::unix::fs::MetadataExt::ino;
    assert_eq!(inode(&std::fs::metadata(&socket).unwrap()), inode(&file));
    // Nobody was without the admin address either.
    assert!(third.answers(house.port, house.admin_port).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_live_in_memory_alone_go_over() {
    let (house, mut old) = House::with("kind = \"memory\"").await;
    let crowd = Crowd::walk(shoppers(house.port, 16).await);
    crowd.goes_on(32).await;
    let mut new = house.upgrade();
    assert!(old.ended().await.success(), "{}", old.log());
    crowd.goes_on(32).await;
    let mut walkers = crowd.rest(|| told_by(&new)).await;
    all_find_their_counts(&mut walkers).await;
    for walker in &mut walkers {
        walker.look().await.unwrap();
    }
    assert!(new.stop().await.success(), "{}", new.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_on_a_server_that_is_shared_are_there_for_the_new_process() {
    let server = Server::start();
    let store = format!(
        "kind = \"valkey\"\naddresses = [\"127.0.0.1:{}\"]\ndeadline = \"5s\"",
        server.port
    );
    let (house, mut old) = House::with(&store).await;
    let crowd = Crowd::walk(shoppers(house.port, 32).await);
    crowd.goes_on(64).await;
    let mut new = house.upgrade();
    assert!(old.ended().await.success(), "{}", old.log());
    crowd.goes_on(64).await;
    let mut walkers = crowd.rest(|| told_by(&old) + &told_by(&new)).await;
    all_find_their_counts(&mut walkers).await;
    for walker in &mut walkers {
        walker.look().await.unwrap();
    }
    assert!(new.stop().await.success(), "{}", new.log());
}
