//! Many connections that only stay open cost those who are busy nothing that they would notice.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::origin::Origin;

use super::served::{OPEN, becomes, start};

const IDLE: usize = 5_000;
const BUSY: usize = 200;
/// Requests of each busy connection in one measurement.
const EACH: usize = 20;
/// Measurements of each kind, one after the other in turns: what the machine does beside them falls
/// on both.
const TURNS: usize = 3;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 100;
const PAGE: &[u8] = b"GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";

const LISTENERS: &str = r#"
    [limits]
    idle_timeout = "10m"
    [server]
    grace = "1s"
    [log]
    access = "off"
    [[listener]]
    name = "plain"
    address = "127.0.0.1:PLAIN"
    "#;

/// As many files as the system lets this process have, and those that it begins.
pub(crate) fn more_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let wanted = u64::try_from(IDLE + 2 * BUSY + 1_000).unwrap();
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most > wanted,
        "this machine lets nobody have {wanted} files, only {most}"
    );
}

/// Asks for a page over a connection that stays; returns how long it took.
async fn ask(connection: &mut TcpStream) -> Duration {
    let began = Instant::now();
    connection.write_all(PAGE).await.unwrap();
    let mut heard = Vec::with_capacity(1024);
    while !heard.ends_with(b"\r\n\r\n") {
        assert!(connection.read_buf(&mut heard).await.unwrap() > 0, "closed");
    }
    assert!(
        heard.starts_with(b"HTTP/1.1 200 "),
        "{:?}",
        String::from_utf8_lossy(&heard)
    );
    began.elapsed()
}

async fn connect(port: u16) -> TcpStream {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    ask(&mut connection).await;
    connection
}

/// Connections over which a page came, and on which nothing happens any more.
async fn idle(port: u16) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(IDLE);
    while open.len() < IDLE {
        let mut opening = JoinSet::new();
        for _ in 0..AT_ONCE {
            opening.spawn(connect(port));
        }
        open.extend(opening.join_all().await);
    }
    open
}

/// What 99 of 100 requests of the busy ones took at most, in microseconds.
async fn busy(port: u16) -> u128 {
    let mut clients = JoinSet::new();
    for _ in 0..BUSY {
        clients.spawn(async move {
            let mut connection = connect(port).await;
            let mut took = Vec::with_capacity(EACH);
            for _ in 0..EACH {
                took.push(ask(&mut connection).await.as_micros());
            }
            took
        });
    }
    let mut took = clients.join_all().await.concat();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn median(mut values: Vec<u128>) -> u128 {
    values.sort_unstable();
    values[values.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "opens five thousand connections again and again"]
async fn five_thousand_idle_connections_leave_the_busy_ones_their_pace() {
    more_files();
    let origin = Origin::start().await;
    let (mut running, [plain, _, admin]) = start(&origin, LISTENERS).await;
    busy(plain).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        origin.forget();
        becomes(admin, OPEN, 0).await;
        alone.push(busy(plain).await);
        let open = idle(plain).await;
        origin.forget();
        becomes(admin, OPEN, IDLE.try_into().unwrap()).await;
        beside.push(busy(plain).await);
        becomes(admin, OPEN, IDLE.try_into().unwrap()).await;
        drop(open);
    }
    println!("p99 of {BUSY} busy ones in microseconds, alone: {alone:?}");
    println!("p99 beside {IDLE} idle ones: {beside:?}");
    let (alone, beside) = (median(alone), median(beside));
    println!("medians: {alone} alone, {beside} beside");
    assert!(
        beside <= 2 * alone,
        "{beside} beside idle ones, {alone} alone"
    );
    assert!(running.stop().await.success());
}
