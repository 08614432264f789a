//! The sizes of contract §14, each at its edge.

use serde_json::json;

use crate::support::street::plain;
use crate::support::{SCRIPT, Shop, Shopper, Street};

use super::shed;

/// The head of so many bytes in all, with this before what fills it up. We answer ourselves: the
/// store's server has limits of its own.
fn head(bytes: usize, lines: &str) -> String {
    let start =
        format!("GET /account HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{lines}X: ");
    let filler = "x".repeat(bytes - start.len() - 4);
    format!("{start}{filler}\r\n\r\n")
}

#[tokio::test]
async fn a_head_may_have_32_kib_and_100_lines_and_not_a_byte_or_a_line_more() {
    let shop = Shop::start().await;
    for (bytes, status) in [(32_768, 401), (32_772, 431)] {
        let reply = shop.raw(head(bytes, "").as_bytes()).await;
        assert_eq!(reply.status, status, "{bytes} bytes: {reply:?}");
    }
    // Host, Connection and the filler are lines too.
    for (lines, status) in [(97, 401), (98, 431)] {
        let lines: Vec<String> = (0..lines).map(|at| format!("X-{at}: 1\r\n")).collect();
        let lines = lines.concat();
        let reply = shop.raw(head(8_000, &lines).as_bytes()).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let shop = Shop::with("[limits]\nhead = \"4KiB\"\ncookies = \"1KiB\"\nheaders = 5").await;
    assert_eq!(shop.raw(head(4_200, "").as_bytes()).await.status, 431);
    let lines = "A: 1\r\nB: 2\r\nC: 3\r\n";
    assert_eq!(shop.raw(head(500, lines).as_bytes()).await.status, 431);
    let refused = r#"vestibule_requests_refused_total{reason="too_many_headers"} 1"#;
    assert!(shop.metrics().contains(refused));
}

#[tokio::test]
async fn a_head_without_end_is_refused_while_it_comes() {
    let shop = Shop::start().await;
    let street = Street::before(&shop, &plain());
    let mut wire = street.connect();
    let more = "and more of it ".repeat(60_000);
    let start = format!("GET /p HTTP/1.1\r\nHost: shop.example\r\nX-More: {more}");
    let answer = {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        wire.write_all(start.as_bytes()).await.unwrap();
        wire.shutdown().await.unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(shop.origin.seen().is_empty());
    street.idle().await;
    assert_eq!(shed(&shop, "large_head"), 1);
}

#[tokio::test]
async fn cookies_past_16_kib_are_ignored_and_counted_and_the_rest_of_the_request_works() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    shopper.keep("zzz", &"z".repeat(17_000));
    let reply = shopper.get("/account?utm_source=newsletter").await;
    assert_eq!(reply.status, 200, "still logged in");
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-id"), Some(&*id));
    assert_eq!(seen.header("x-session-campaigns"), Some("newsletter,vip"));
    let cut = r#"vestibule_events_total{event="cookies_cut"} 1"#;
    assert!(shop.metrics().contains(cut), "{}", shop.metrics());
}

#[tokio::test]
async fn a_query_that_would_burst_a_session_changes_nothing_on_a_page_and_is_counted() {
    let shop = Shop::with("[limits]\nsession = \"4KiB\"").await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=first").await;
    let long = (0..10).map(|at| format!("utm_{at}={}&", "x".repeat(500)));
    let long = format!("/?{}utm_source=second", long.collect::<Vec<_>>().concat());
    assert_eq!(shopper.get(&long).await.status, 200);
    let kept = shopper.read("public.utm_source").await;
    assert_eq!(kept, json!({"public": {"utm_source": {"value": "first"}}}));
    let reached = r#"vestibule_events_total{event="limit_reached"} 1"#;
    assert!(shop.metrics().contains(reached), "{}", shop.metrics());
}

#[tokio::test]
async fn depth_and_keys_of_a_patch_are_limits_of_the_configuration() {
    let shop = Shop::with("[limits]\nvalue_depth = 2\npublic_keys = 2").await;
    let mut shopper = Shopper::new(&shop);
    for (value, status) in [("[[[1]]]", 400), ("[[1]]", 201)] {
        let body = format!("{{\"public\":{{\"a\":{{\"value\":{value}}}}}}}");
        let reply = shopper.call(("POST", "/api/sessions"), SCRIPT, &body).await;
        assert_eq!(reply.status, status, "{value}");
    }
    for (key, status) in [("k".repeat(128), 200), ("l".repeat(129), 400)] {
        let body = json!({"public": {(key): {"value": "1"}}}).to_string();
        let reply = shopper.call(("PATCH", "/api/sessions"), SCRIPT, &body);
        assert_eq!(reply.await.status, status);
    }
    let third = r#"{"public":{"third":{"value":"1"}}}"#;
    let reply = shopper
        .call(("PATCH", "/api/sessions"), SCRIPT, third)
        .await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let kept = shopper.read("public.*").await;
    assert_eq!(kept["public"].as_object().unwrap().len(), 2);
}
