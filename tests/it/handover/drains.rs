//! `SIGTERM`: what is under way ends well, nothing new begins, and nobody waits for nothing.

use std::io::ErrorKind;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

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
