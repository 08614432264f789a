//! HTTP/2 frames as no honest client sends them, over a listener that speaks it without TLS.

use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, Wire, frame,
};
use crate::support::street::plain;
use crate::support::{Shop, Street};

use super::shed;

const MAX_CONCURRENT_STREAMS: u16 = 3;
const MAX_HEADER_LIST_SIZE: u16 = 6;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// `GET http://shop.example/p`, in HPACK: from the static table, and two literals.
const PAGE: &[u8] = b"\x82\x86\x04\x02/p\x41\x0cshop.example";

async fn street(over: &str) -> (std::sync::Arc<Shop>, Street) {
    let shop = Shop::with(over).await;
    let mut listener = plain();
    listener.h2c = true;
    let street = Street::before(&shop, &listener);
    (shop, street)
}

#[tokio::test]
async fn bounds_are_announced_and_are_those_of_the_configuration() {
    for (over, streams, list) in [
        ("", 100, 2 * 32_768 + 100 * 32),
        (
            "[limits]\nhttp2_streams = 7\nhead = \"4KiB\"\ncookies = \"1KiB\"\nheaders = 10",
            7,
            8_512,
        ),
    ] {
        let (_shop, street) = street(over).await;
        let mut wire = Wire::open(&street).await;
        let first = wire.frame().await.unwrap();
        assert_eq!(first.kind, SETTINGS);
        let settings = first.settings();
        assert!(
            settings.contains(&(MAX_CONCURRENT_STREAMS, streams)),
            "{settings:?}"
        );
        assert!(
            settings.contains(&(MAX_HEADER_LIST_SIZE, list)),
            "{settings:?}"
        );
    }
}

#[tokio::test]
async fn streams_past_the_limit_are_refused_and_those_before_are_answered() {
    let (shop, street) = street("[limits]\nhttp2_streams = 2").await;
    let held = shop.origin.holds("/p");
    let mut wire = Wire::open(&street).await;
    for stream in [1, 3] {
        assert!(
            wire.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, PAGE))
                .await
        );
        held.asked().await;
    }
    assert!(
        wire.send(&frame(HEADERS, END_HEADERS | END_STREAM, 5, PAGE))
            .await
    );
    let refused = loop {
        let frame = wire.frame().await.unwrap();
        if frame.kind == RST_STREAM {
            break frame;
        }
    };
    assert_eq!((refused.stream, refused.code()), (5, REFUSED_STREAM));
    held.answer();
    held.answer();
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let frame = wire.frame().await.unwrap();
        if frame.kind == HEADERS {
            answered.push(frame.stream);
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let (shop, street) = street("").await;
    let mut wire = Wire::open(&street).await;
    let mut sent = usize::from(wire.send(&frame(HEADERS, END_STREAM, 1, PAGE)).await);
    // A header of 16 KiB each, without an end.
    let more = [&b"\x00\x01x\x7f\x81\x7d"[..], &vec![b'x'; 16_128]].concat();
    while sent < 1_000 && wire.send(&frame(CONTINUATION, 0, 1, &more)).await {
        sent += 1;
    }
    let frames = wire.rest().await;
    let last = frames.last().unwrap();
    assert_eq!(
        (last.kind, last.code()),
        (GOAWAY, ENHANCE_YOUR_CALM),
        "{frames:?}"
    );
    assert!(shop.origin.seen().is_empty());

    // Empty ones, which carry nothing that a size could bound.
    let mut wire = Wire::open(&street).await;
    assert!(wire.send(&frame(HEADERS, END_STREAM, 1, PAGE)).await);
    let mut sent = 0;
    while sent < 100_000 && wire.send(&frame(CONTINUATION, 0, 1, b"")).await {
        sent += 1;
    }
    drop(wire.rest().await);
    assert!(sent < 100_000, "{sent}");
    street.idle().await;
}

#[tokio::test]
async fn a_client_that_resets_what_it_asks_for_is_left_before_it_costs_the_store_much() {
    let (shop, street) = street("").await;
    shop.origin.holds("/p");
    let mut wire = Wire::open(&street).await;
    let mut asked = 0_u32;
    while asked < 10_000 {
        let stream = asked * 2 + 1;
        let page = frame(HEADERS, END_HEADERS | END_STREAM, stream, PAGE);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if !wire.send(&[page, reset].concat()).await {
            break;
        }
        asked += 1;
        tokio::task::yield_now().await;
    }
    street.idle().await;
    assert!(asked < 1_000, "{asked} were taken");
    assert!(shop.origin.seen().len() < 200);
    let mut other = Wire::open(&street).await;
    assert!(other.frame().await.is_some(), "others are served");
}

#[tokio::test]
async fn one_that_waits_for_each_to_arrive_before_it_resets_it_is_left_too() {
    let (shop, street) = street("").await;
    let held = shop.origin.holds("/p");
    let mut wire = Wire::open(&street).await;
    let mut asked = 0_u32;
    while asked < 300 {
        let stream = asked * 2 + 1;
        let page = frame(HEADERS, END_HEADERS | END_STREAM, stream, PAGE);
        if !wire.send(&page).await {
            break;
        }
        tokio::select! {
            () = held.asked() => {}
            () = street.idle() => break,
        }
        wire.send(&frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()))
            .await;
        asked += 1;
    }
    street.idle().await;
    assert!((100..=110).contains(&asked), "{asked}");
    assert_eq!(shed(&shop, "resets"), 1);
}

#[tokio::test]
async fn a_flood_of_empty_data_ends_the_connection() {
    let (shop, street) = street("").await;
    let mut wire = Wire::open(&street).await;
    let post = [b"\x83", &PAGE[1..]].concat();
    assert!(wire.send(&frame(HEADERS, END_HEADERS, 1, &post)).await);
    let mut sent = 0;
    while sent < 100_000 && wire.send(&frame(DATA, 0, 1, b"")).await {
        sent += 1;
    }
    assert!(sent < 100_000, "{sent}");
    street.idle().await;
    drop(shop);
}
