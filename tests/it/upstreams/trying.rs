//! What is sent again, to whom, and what never is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{counts, servers, shop};
use crate::support::{Shop, Shopper};

const ONCE: &str = "retries = 1\n[account.upstream.ejection]\nfailures = 0\n";

const POST: &[u8] = b"POST /order HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\
                      Connection: close\r\n\r\nhi";

#[tokio::test]
async fn a_page_that_a_server_is_too_busy_for_is_asked_of_another() {
    let servers = servers::<2>().await;
    let shop = shop(&servers, ONCE).await;
    for status in [502, 503, 504] {
        servers[0].says("/", status, &[]);
        let mut shopper = Shopper::new(&shop);
        for _ in 0..4 {
            assert_eq!(shopper.get("/").await.status, 200, "{status}");
        }
    }
    assert_eq!(counts(&servers), [6, 12]);
    let line = r#"vestibule_upstream_retries_total{account="demostore",upstream="store"} 6"#;
    assert!(shop.metrics().contains(line));
    servers[0].says("/", 500, &[]);
    let mut shopper = Shopper::new(&shop);
    let statuses = [shopper.get("/").await.status, shopper.get("/").await.status];
    assert!(
        statuses.contains(&500),
        "a page that is broken is not asked again"
    );
}

#[tokio::test]
async fn what_changes_something_is_never_asked_of_another() {
    let servers = servers::<2>().await;
    let shop = shop(&servers, ONCE).await;
    servers[0].says("/order", 503, &[]);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(shop.raw(POST).await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503]);
    assert_eq!(counts(&servers), [2, 2]);
}

#[tokio::test]
async fn where_every_server_is_too_busy_the_last_says_so_itself() {
    let servers = servers::<3>().await;
    let shop = shop(&servers, ONCE).await;
    for server in &servers {
        server.says("/", 503, &[("retry-after", "7")]);
    }
    let reply = Shopper::new(&shop).get("/").await;
    assert_eq!((reply.status, reply.body.as_str()), (503, "said"));
    assert_eq!(reply.header("retry-after"), Some("7"));
    assert_eq!(
        counts(&servers).iter().sum::<usize>(),
        2,
        "once again, not twice"
    );
}

#[tokio::test]
async fn by_itself_nothing_is_asked_of_another_because_of_an_answer() {
    let servers = servers::<2>().await;
    let shop = shop(&servers, "").await;
    servers[0].says("/", 503, &[]);
    let mut shopper = Shopper::new(&shop);
    let statuses = [shopper.get("/").await.status, shopper.get("/").await.status];
    assert!(statuses.contains(&503));
    assert_eq!(counts(&servers), [1, 1]);
}

/// A server that answers one request on each connection, keeps it, and closes it when the second
/// has come whole. How many requests came.
async fn fickle() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let came = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                request(&mut socket).await;
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                socket.write_all(answer).await.unwrap();
                request(&mut socket).await;
                counted.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, came)
}

/// Reads a request with its body.
async fn request(socket: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let text = String::from_utf8(head).unwrap().to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    socket.read_exact(&mut vec![0; length]).await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_dies_costs_no_page_and_repeats_nothing_with_a_body() {
    let (address, came) = fickle().await;
    let shop = Shop::with(&format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = [\"{address}\"]\n"
    ))
    .await;
    let get = b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    assert_eq!(shop.raw(get).await.status, 200);
    assert_eq!(shop.raw(get).await.status, 200);
    assert_eq!(came.load(Ordering::SeqCst), 3, "the second came twice");
    assert_eq!(shop.raw(POST).await.status, 502);
    assert_eq!(came.load(Ordering::SeqCst), 4);
    assert_eq!(shop.raw(get).await.status, 200);
    let put = b"PUT /order HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\
                Connection: close\r\n\r\nhi";
    assert_eq!(
        shop.raw(put).await.status,
        502,
        "idempotent, but with a body"
    );
    assert_eq!(came.load(Ordering::SeqCst), 6);
}
