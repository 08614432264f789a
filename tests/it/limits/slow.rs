//! Clients that take their time. The clock is tokio's, stopped: it moves when all wait.

use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use vestibule::store::Census;

use crate::support::street::{Http2, plain};
use crate::support::{SCRIPT, Shop, Shopper, Street};

use super::shed;

/// Sends the beginning of something and nothing more; what is heard until the connection is closed,
/// and when that was.
async fn stall(street: &Street, wire: &str) -> (String, u64) {
    let began = Instant::now();
    let mut client = street.connect();
    client.write_all(wire.as_bytes()).await.unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    street.idle().await;
    (heard, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_stops_is_told_408_and_leaves_no_trace_of_a_request() {
    let shop = Shop::start().await;
    let street = Street::before(&shop, &plain());
    let (heard, took) = stall(&street, "GET / HTTP/1.1\r\nHost: shop.ex").await;
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert_eq!(took, 10);
    assert_eq!(shed(&shop, "slow_head"), 1);
    assert_eq!(shop.shared.flow.census(), Census::default());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_heads_that_drip_are_gone_after_ten_seconds() {
    let shop = Shop::start().await;
    let street = Street::before(&shop, &plain());
    let began = Instant::now();
    let drips = (0..1000).map(|_| {
        let mut client = street.connect();
        tokio::spawn(async move {
            for byte in b"GET / HTTP/1.1\r\nHost: shop.example\r\nX: xxxxxxxxxxxxxxxxxxxxx" {
                if client.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::advance(Duration::ZERO).await;
                tokio::time::timeout(Duration::from_secs(1), client.read_u8())
                    .await
                    .ok();
            }
        })
    });
    let drips: Vec<_> = drips.collect();
    street.idle().await;
    let took = began.elapsed().as_secs();
    assert!((10..=15).contains(&took), "{took}");
    assert_eq!(shed(&shop, "slow_head"), 1000);
    drop(drips);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_told_408_and_a_call_of_the_api_changes_nothing() {
    let shop = Shop::start().await;
    let street = Street::before(&shop, &plain());
    let mut shopper = Shopper::new(&shop);
    let body = r#"{"public":{"kept":{"value":"1"}}}"#;
    shopper.call(("POST", "/api/sessions"), SCRIPT, body).await;
    let line = shopper.line();
    for (target, length) in [("/p", 100), ("/api/sessions", 60)] {
        let wire = format!(
            "POST {target} HTTP/1.1\r\nHost: shop.example\r\nCookie: {line}\r\n\
             Content-Length: {length}\r\n\r\n{{\"public\":{{\"kept\":{{\"value\":\"2\"}}}}}}"
        );
        let (heard, _) = stall(&street, &wire).await;
        assert!(heard.starts_with("HTTP/1.1 408 "), "{target}: {heard}");
    }
    assert_eq!(shed(&shop, "slow_body"), 2);
    let kept = shopper.read("public.kept").await;
    assert_eq!(kept["public"]["kept"]["value"], "1");
    assert!(
        !shop
            .metrics()
            .contains(r#"vestibule_load{what="requests"} 1"#)
    );
    assert_eq!(shop.shared.running.load().load.requests.now(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_its_page_is_left() {
    let shop = Shop::start().await;
    shop.origin.says_bytes("/large", vec![b'x'; 1 << 20]);
    let street = Street::before(&shop, &plain());
    let mut client = street.connect_through(4096);
    let page = b"GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    client.write_all(page).await.unwrap();
    street.idle().await;
    assert_eq!(shed(&shop, "slow_answer"), 1);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert!(heard.len() <= 4096, "{}", heard.len());
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_left_when_nothing_comes_at_all() {
    let shop = Shop::with("[limits]\nidle_timeout = \"7s\"").await;
    let street = Street::before(&shop, &plain());
    let (heard, took) = stall(&street, "").await;
    assert_eq!((&*heard, took), ("", 7));
}

#[tokio::test]
async fn an_http2_client_that_opens_no_window_is_left_with_its_stream_alone() {
    let shop = Shop::with("[limits]\nanswer_timeout = \"1s\"").await;
    shop.origin.says_bytes("/large", vec![b'x'; 1 << 20]);
    let mut listener = plain();
    listener.h2c = true;
    let street = Street::before(&shop, &listener);
    let client = Http2::over(street.connect()).await;
    let page = |path: &str| {
        Request::get(format!("http://shop.example{path}"))
            .body(())
            .unwrap()
    };
    let mut requests = client.requests.clone().ready().await.unwrap();
    let (answer, _) = requests.send_request(page("/large"), true).unwrap();
    let mut content = answer.await.unwrap().into_body();
    let mut held = Vec::new();
    // What comes is kept, and no window opened for more.
    let error = loop {
        match content.data().await.expect("the end is an error") {
            Ok(chunk) => held.push(chunk),
            Err(error) => break error,
        }
    };
    assert!(error.is_reset(), "{error}");
    assert_eq!(client.ask(page("/p")).await.status, 200, "others go on");
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_owes_a_body_and_says_nothing_is_left() {
    let shop = Shop::start().await;
    let mut listener = plain();
    listener.h2c = true;
    let street = Street::before(&shop, &listener);
    let client = Http2::over(street.connect()).await;
    let mut requests = client.requests.clone().ready().await.unwrap();
    let upload = Request::post("http://shop.example/up").body(()).unwrap();
    let (answer, body) = requests.send_request(upload, false).unwrap();
    assert!(answer.await.is_err());
    drop(body);
    street.idle().await;
    assert_eq!(shed(&shop, "slow_body"), 1);
}
