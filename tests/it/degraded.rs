//! When apps, directories and upstreams fail.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::clock::at;
use crate::support::shopper::PAGE;
use crate::support::street::plain;
use crate::support::{Shop, Shopper, Street};

const SHOPPER: &str = "VtexIdclientAutCookie_demostore";

#[tokio::test]
async fn a_broken_directory_costs_no_page_and_pending_apps_catch_up_beside_the_requests() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shop.mood.down.store(true, Ordering::SeqCst);
    let reply = shopper.get("/?utm_campaign=blackfriday").await;
    assert_eq!(reply.status, 200);
    assert_eq!(shop.origin.last().header("x-session-campaigns"), None);
    assert_eq!(
        shop.origin.last().header("x-session-channel"),
        Some("1"),
        "kept"
    );
    let failed = r#"vestibule_app_failures_total{app="rnb",cause="unavailable"} 1"#;
    assert!(shop.metrics().contains(failed), "{}", shop.metrics());
    shop.mood.down.store(false, Ordering::SeqCst);
    shop.clock.advance(at("0:02"));
    // This request starts the retry and does not wait for it.
    shopper.get("/").await;
    shop.settled().await;
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("black-friday")
    );
}

#[tokio::test]
async fn nothing_of_one_shopper_is_shown_to_the_next_while_the_directory_is_down() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-price-tables"),
        Some("gold")
    );
    shop.mood.down.store(true, Ordering::SeqCst);
    shopper.keep(SHOPPER, &shop.token("bruno@example.com"));
    assert_eq!(shopper.get("/").await.status, 200);
    let seen = shop.origin.last();
    for name in ["x-session-price-tables", "x-session-user-email"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_ne!(seen.header("x-session-campaigns"), Some("vip"));
}

#[tokio::test]
async fn a_directory_that_never_answers_costs_at_most_the_cycles_deadline() {
    let shop = Shop::with("[account.cycle]\ndeadline = \"150ms\"\n").await;
    shop.mood.silent.store(true, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    let query = "utm_source=newsletter&country=BRA&postalCode=20040002";
    let reply = Shopper::new(&shop).get(&format!("/?{query}")).await;
    assert_eq!(reply.status, 200);
    // Generous: the machine may be busy. Without the deadline it would be for ever.
    assert!(
        began.elapsed() < std::time::Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert!(shop.metrics().contains(r#"cause="timeout""#));
}

#[tokio::test]
async fn an_app_that_must_not_fail_answers_502_and_is_named_and_nothing_has_changed() {
    let shop = Shop::with("[[account.app]]\nname = \"rnb\"\non_error = \"fail\"\n").await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=newsletter").await;
    shop.mood.down.store(true, Ordering::SeqCst);
    let reply = shopper.get("/?utm_campaign=blackfriday").await;
    assert_eq!(reply.status, 502);
    assert!(reply.body.contains("rnb"), "{reply:?}");
    shop.mood.down.store(false, Ordering::SeqCst);
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("newsletter")
    );
}

#[tokio::test]
async fn a_dead_upstream_is_a_page_that_still_carries_the_cookie() {
    let shop = Shop::with("[[account.upstream]]\nname = \"dead\"\naddresses = [\"127.0.0.1:1\"]\n[[account.route]]\npath = \"/dead\"\nupstream = \"dead\"\n").await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.get("/dead").await;
    assert_eq!((reply.status, reply.sets_session()), (502, true));
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(reply.header("cache-control").unwrap().contains("no-store"));
}

#[tokio::test]
async fn equal_questions_are_asked_once_by_whoever_comes_first() {
    let shop = Shop::start().await;
    Shopper::new(&shop).get("/?utm_campaign=blackfriday").await;
    let asked = shop.mood.calls.load(Ordering::SeqCst);
    for _ in 0..20 {
        Shopper::new(&shop)
            .send_and_lose("GET", "/?utm_campaign=blackfriday", PAGE)
            .await;
    }
    assert_eq!(shop.mood.calls.load(Ordering::SeqCst), asked);
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("black-friday")
    );
}

#[tokio::test]
async fn a_panic_costs_the_request_in_which_it_happens_and_nothing_stays_taken() {
    let shop = Shop::with("[limits]\nrequests = 10").await;
    let street = Street::before(&shop, &plain());
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shop.mood.breaks.store(true, Ordering::SeqCst);
    let first = Shopper::new(&shop).get("/").await;
    assert_eq!(
        first.status, 200,
        "of several apps at once those are left out"
    );
    // The one app that is asked now is asked within the request. More often than there are places.
    for number in 0..20 {
        let wire = format!(
            "GET /?utm_campaign=number{number} HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\nCookie: {}\r\n\r\n",
            shopper.line()
        );
        let mut client = street.connect();
        client.write_all(wire.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty(), "{}", String::from_utf8_lossy(&heard));
    }
    assert_eq!(shop.shared.running.load().load.requests.now(), 0);
    shop.mood.breaks.store(false, Ordering::SeqCst);
    // The same session, for which the turn to change it is free.
    assert_eq!(shopper.get("/?utm_campaign=blackfriday").await.status, 200);
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("black-friday")
    );
}
