//! `SIGTERM`: what is under way ends well, nothing new begins, and nobody waits for nothing.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::house::House;
use super::walkers::Walker;
use crate::support::kept::exchange;
use crate::support::origin::Origin;
use crate::support::program::{Running, free_ports, program, signal, write};
use crate::support::shop::full;
use crate::support::valkey::eventually;

const TRIES: usize = 5;
const PAGE: &[u8] = b"GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// The program before an origin, with a grace of so many seconds.
async fn start(origin: &Origin, grace: u32) -> (Running, u16) {
    for _ in 0..TRIES {
        let [port, admin, _] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let config = written(&folder, origin, (grace, port, admin));
        let mut running = Running::begin(program(&["run", "--config", &config]), folder);
        if running.answers(port, admin).await {
            return (running, port);
        }
        let log = running.log();
        assert!(log.contains("cannot listen"), "the program ended:\n{log}");
    }
    panic!("no free ports");
}

fn written(folder: &TempDir, origin: &Origin, (grace, port, admin): (u32, u16, u16)) -> String {
    let own = format!(
        r#"
        [server]
        grace = "{grace}s"
        [admin]
        address = "127.0.0.1:{admin}"
        [[listener]]
        name = "plain"
        address = "127.0.0.1:{port}"
        "#,
    );
    let text = full(origin);
    let (before, after) = text.split_once("[[listener]]").unwrap();
    let (_, after) = after.split_once("[store]").unwrap();
    let text = format!("{before}{own}[store]{after}");
    write(folder.path(), "run.toml", &text)
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_nothing_new_begins() {
    let origin = Origin::start().await;
    let (mut running, port) = start(&origin, 60).await;
    let begun = Instant::now();
    let mut idle = connect(port).await;
    assert_eq!(exchange(&mut idle, PAGE).await.status, 200);
    let held = origin.holds("/slow");
    let mut slow = connect(port).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await
        .unwrap();
    held.asked().await;
    signal("TERM", running.id());
    // Who says nothing is hung up on.
    let mut nothing = Vec::new();
    assert!(matches!(idle.read_to_end(&mut nothing).await, Ok(0)));
    eventually("nobody is let in any more", async || {
        let refused = TcpStream::connect(("127.0.0.1", port)).await;
        refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await;
    held.answer();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    let said = answer.to_lowercase();
    assert!(said.starts_with("http/1.1 200"), "{answer}");
    assert!(said.contains("connection: close"), "{answer}");
    let status = running.ended().await;
    assert_eq!(status.code(), Some(0), "{}", running.log());
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "it waited for nothing"
    );
}

#[tokio::test]
async fn an_upload_that_takes_too_long_is_cut_off_at_the_grace_and_that_is_told() {
    let origin = Origin::start().await;
    let (mut running, port) = start(&origin, 1).await;
    let mut upload = connect(port).await;
    upload
        .write_all(b"POST /p HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\nbegin")
        .await
        .unwrap();
    // It is under way as soon as a later one is done.
    assert_eq!(exchange(&mut connect(port).await, PAGE).await.status, 200);
    let status = running.stop().await;
    assert_eq!(status.code(), Some(0), "{}", running.log());
    let log = running.log();
    assert!(log.contains("The grace is over"), "{log}");
    assert!(matches!(
        upload.read_to_end(&mut Vec::new()).await,
        Ok(0) | Err(_)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_under_load_cuts_off_no_answer_and_loses_nothing_that_was_answered() {
    let (house, mut running) = House::start().await;
    let mut writers = JoinSet::new();
    let answered = Arc::new(AtomicUsize::default());
    for _ in 0..8 {
        let mut walker = Walker::to(house.port);
        walker.look().await.unwrap();
        let answered = Arc::clone(&answered);
        writers.spawn(async move {
            loop {
                match walker.count_up().await {
                    Ok(()) => answered.fetch_add(1, Ordering::SeqCst),
                    Err(why) => return (walker, why),
                };
            }
        });
    }
    eventually("all of them write", async || {
        answered.load(Ordering::SeqCst) > 100
    })
    .await;
    let ended = running.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", running.log());
    let mut again = house.begin(&[]);
    assert!(again.answers(house.port, house.admin_port).await);
    for (mut walker, why) in writers.join_all().await {
        // Nobody lets them in any more, or a kept connection was closed under the next request.
        let ends = ["refused", "closed after \"\"", "reset", "Broken pipe"];
        assert!(ends.iter().any(|end| why.contains(end)), "{why}");
        walker.hang_up();
        let found = walker.count_found().await.unwrap();
        assert!(
            found == walker.count || found == walker.count + 1,
            "{} was answered, {found} is there: {why}",
            walker.count
        );
    }
    assert!(again.stop().await.success(), "{}", again.log());
}
