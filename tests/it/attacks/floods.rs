//! Frames of HTTP/2 that cost little to send and would cost much to take.

use std::sync::Arc;

use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, Wire, frame,
};
use crate::support::street::plain;
use crate::support::{Shop, Street};

/// How often something is sent that must end long before.
const MANY: u32 = 10_000;

/// `GET http://shop.example/p`, in HPACK.
const PAGE: &[u8] = b"\x82\x86\x04\x02/p\x41\x0cshop.example";

async fn street() -> (Arc<Shop>, Street) {
    let shop = Shop::start().await;
    let mut listener = plain();
    listener.h2c = true;
    let street = Street::before(&shop, &listener);
    (shop, street)
}

/// Others are served as before.
async fn serves_others(street: &Street) {
    let mut wire = Wire::open(street).await;
    let page = frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        1,
        b"\x82\x86\x84\x41\x0cshop.example",
    );
    assert!(wire.send(&page).await);
    loop {
        let frame = wire.frame().await.expect("an answer");
        if (frame.kind, frame.stream) == (HEADERS, 1) {
            return;
        }
    }
}

#[tokio::test]
async fn a_client_that_has_its_streams_reset_by_us_is_left_before_it_costs_the_store_much() {
    type Provocation = fn(u32) -> Vec<u8>;
    let provocations: [(&str, Provocation); 4] = [
        ("a window that overflows", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())
        }),
        ("a window that grows by nothing", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &[0; 4])
        }),
        ("data after the end", |stream| {
            frame(DATA, END_STREAM, stream, b"more")
        }),
        ("a stream that depends on itself", |stream| {
            let dependency = [&stream.to_be_bytes()[..], &[1]].concat();
            frame(PRIORITY, 0, stream, &dependency)
        }),
    ];
    for (what, provocation) in provocations {
        let (shop, street) = street().await;
        shop.origin.holds("/p");
        let mut wire = Wire::open(&street).await;
        let mut asked = 0;
        while asked < MANY {
            let stream = asked * 2 + 1;
            let page = frame(HEADERS, END_HEADERS | END_STREAM, stream, PAGE);
            if !wire.send(&[page, provocation(stream)].concat()).await {
                break;
            }
            asked += 1;
            tokio::task::yield_now().await;
        }
        street.idle().await;
        assert!(asked < 1_000, "{what}: {asked} were taken");
        assert!(shop.origin.seen().len() < 200, "{what}");
        let frames = wire.rest().await;
        let resets = frames.iter().filter(|frame| frame.kind == RST_STREAM);
        assert!(resets.count() <= 100, "{what}");
        assert_eq!(frames.last().unwrap().kind, GOAWAY, "{what}");
        serves_others(&street).await;
    }
}

#[tokio::test]
async fn one_large_header_that_is_meant_thousands_of_times_is_refused() {
    let (shop, street) = street().await;
    let mut wire = Wire::open(&street).await;
    // A header of 4000 bytes into the table (RFC 7541 §6.2.1), and 10,000 times what is newest in it.
    let entry = [
        PAGE,
        b"\x40\x01x\x7f\xa1\x1e",
        &vec![b'x'; 4_000],
        &vec![0xbe; 10_000],
    ]
    .concat();
    let meant = vec![0xbe; 10_000];
    let mut refused = 0;
    for turn in 0..50_u32 {
        let stream = turn * 2 + 1;
        let block = if turn == 0 {
            entry.clone()
        } else {
            [PAGE, &meant].concat()
        };
        if !wire
            .send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block))
            .await
        {
            break;
        }
        match wire.answer_to(stream).await {
            // `:status: 431`, as it is first said and as it is meant afterwards; or no stream at all.
            Some(answer) if answer.kind == HEADERS => {
                let block = answer.payload;
                assert!(
                    block.starts_with(b"\x48\x83") || block.starts_with(b"\xbe"),
                    "{block:x?}"
                );
                refused += 1;
            }
            Some(_) => refused += 1,
            None => break,
        }
    }
    assert!(refused > 0);
    assert!(shop.origin.seen().is_empty());
    serves_others(&street).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_much_acknowledged_and_reads_nothing_is_left() {
    for (what, one) in [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
    ] {
        let (_shop, street) = street().await;
        let mut wire = Wire::open(&street).await;
        let many = one.repeat(1_000);
        let mut sent = 0;
        while sent < 1_000 && wire.send(&many).await {
            sent += 1;
        }
        // What lies on the way in both directions is a mebibyte each.
        assert!(sent < 500, "{what}: {sent} thousand were taken");
        street.idle().await;
        serves_others(&street).await;
    }
}
