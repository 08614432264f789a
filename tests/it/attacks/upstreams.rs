//! Servers of a store that hang, lie or never end.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::recorder::until;
use crate::support::{Shop, Shopper};

const PAGE: &[u8] = b"GET /p HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";

/// A server that sends these bytes to whoever has sent a head, and counts heads; without bytes it
/// says nothing for ever.
async fn server(answer: Option<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // Whoever goes before has asked for nothing, and is counted all the same.
            until(&mut stream, &mut Vec::new(), b"\r\n\r\n").await;
            counted.fetch_add(1, Ordering::Relaxed);
            match &answer {
                // Whoever has had enough goes away.
                Some(answer) => drop(stream.write_all(answer).await),
                None => silent.push(stream),
            }
        }
    });
    (address, asked)
}

async fn shop(address: &str, settings: &str) -> Arc<Shop> {
    let upstream =
        format!("[[account.upstream]]\nname = \"store\"\naddresses = [\"{address}\"]\n{settings}");
    Shop::with(&upstream).await
}

#[tokio::test]
async fn a_server_that_hangs_is_504_in_time_and_others_are_served() {
    let (address, asked) = server(None).await;
    let shop = shop(&address, "read_timeout = \"300ms\"\n").await;
    let hanging: Vec<_> = (0..20)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move { shop.raw(PAGE).await.status })
        })
        .collect();
    // The Session API needs no server of the store.
    let mut shopper = Shopper::new(&shop);
    assert!(shopper.read("*").await.is_object());
    for one in hanging {
        assert_eq!(one.await.unwrap(), 504);
    }
    assert!(asked.load(Ordering::Relaxed) <= 40, "{asked:?}");
}

#[tokio::test]
async fn a_head_that_is_none_or_too_large_is_502() {
    let lines = |many: usize, size: usize| {
        let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
        for at in 0..many {
            write!(head, "x-{at}: {}\r\n", "A".repeat(size)).unwrap();
        }
        head + "Content-Length: 2\r\n\r\nok"
    };
    for head in [
        "HTTP/1.1 9000 What\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        "HTTP/1.1 ok\r\n\r\n".to_owned(),
        "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\noka".to_owned(),
        lines(300, 4),
        lines(64, 32 << 10),
    ] {
        let (address, _) = server(Some(head.clone().into_bytes())).await;
        let shop = shop(&address, "").await;
        let reply = shop.raw(PAGE).await;
        let said: String = head.chars().take(60).collect();
        assert_eq!(reply.status, 502, "{said:?}: {reply:?}");
        assert!(!reply.body.contains("ok"), "{said:?}");
    }
}

#[tokio::test]
async fn interim_answers_without_end_end() {
    let mut answer =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n".repeat(10_000);
    answer += "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (address, _) = server(Some(answer.into_bytes())).await;
    let shop = shop(&address, "").await;
    let (answer, _) = shop.bytes(PAGE, false).await;
    let text = String::from_utf8_lossy(&answer);
    let (_, last) = text.rsplit_once("HTTP/1.1 ").unwrap();
    assert!(last.starts_with("200") || last.starts_with("502"), "{last}");
}

#[tokio::test]
async fn answers_that_tell_of_errors_are_asked_for_once() {
    let error = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (address, asked) = server(Some(error.to_vec())).await;
    let shop = shop(&address, "retries = 2\n").await;
    for _ in 0..50 {
        assert_eq!(shop.raw(PAGE).await.status, 500);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 50);
}
