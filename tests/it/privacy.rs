//! What is kept of people: told to them, erased for them, and not kept at all without their consent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::origin::Origin;
use crate::support::valkey::{Server, eventually};
use crate::support::{SCRIPT, SERVER, Shop, Shopper};

const ANA: &str = "11111111-1111-4111-8111-111111111111";
const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";
const CONSENT: &str = "[account.consent]\ncookie = \"consent\"\nvalues = [\"yes\", \"v2:all*\"]\n";

async fn asks(shop: &Shop, method: &str, what: &str) -> (u16, Value) {
    let path = format!("/accounts/demostore/principals/{ANA}/{what}");
    let (status, body) = shop.admin(method, &path).await;
    (
        status,
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")),
    )
}

#[tokio::test]
async fn a_person_is_told_all_that_is_kept_of_them_and_nothing_of_others() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let mut phone = Shopper::known(&shop, "ana@example.com");
        phone.get("/?utm_source=newsletter").await;
        Shopper::known(&shop, "ana@example.com").get("/").await;
        Shopper::known(&shop, "bruno@example.com").get("/").await;
        let (status, said) = asks(&shop, "GET", "export").await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(
            (&said["complete"], &said["endedSessions"]),
            (&json!(true), &json!(0))
        );
        assert_eq!(
            (&said["account"], &said["principal"]),
            (&json!("demostore"), &json!(ANA))
        );
        let sessions = said["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let campaign = |one: &&Value| one["namespaces"]["public"]["utm_source"] == "newsletter";
        let known = sessions.iter().find(campaign).unwrap();
        assert_eq!(known["namespaces"]["profile"]["email"], "ana@example.com");
        assert!(known["createdAtMs"].as_i64() <= known["lastSeenMs"].as_i64());
        let text = said.to_string();
        assert!(
            !text.contains("bruno") && !text.contains("\"cookie\""),
            "{text}"
        );
        let told = r#"vestibule_events_total{event="exported"} 1"#;
        assert!(shop.metrics().contains(told));
    }
}

#[tokio::test]
async fn whoever_is_erased_is_gone_from_memory_and_store_and_their_old_sessions_with_them() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        // One session of hers has ended, and left a tombstone.
        let mut old = Shopper::known(&shop, "ana@example.com");
        old.get("/?utm_source=old").await;
        shop.clock.advance(Duration::from_mins(27));
        old.forget("VtexIdclientAutCookie_demostore");
        old.get("/").await;
        let mut phone = Shopper::known(&shop, "ana@example.com");
        phone.get("/").await;
        let mut bruno = Shopper::known(&shop, "bruno@example.com");
        bruno.get("/").await;
        let before = shop.shared.flow.census();
        assert_eq!(
            (before.authenticated, before.tombstones),
            (2, 1),
            "{before:?}"
        );
        let (status, said) = asks(&shop, "POST", "erase").await;
        assert_eq!(status, 200);
        assert_eq!(
            said,
            json!({"sessions": 1, "endedSessions": 1, "complete": true})
        );
        let after = shop.shared.flow.census();
        assert_eq!((after.authenticated, after.tombstones), (1, 0), "{after:?}");
        let (_, left) = asks(&shop, "GET", "export").await;
        assert_eq!(
            (&left["sessions"], &left["endedSessions"]),
            (&json!([]), &json!(0))
        );
        phone.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), None);
        bruno.get("/").await;
        assert!(shop.origin.last().header("x-session-user-id").is_some());
        // What is on disk says nothing of her either.
        let shop = shop_again(shop, (phone, bruno, old));
        let (_, left) = asks(&shop, "GET", "export").await;
        assert_eq!(
            (&left["sessions"], &left["endedSessions"]),
            (&json!([]), &json!(0))
        );
    }
}

/// The shop as another process finds it, when nobody is in it any more.
fn shop_again<T>(shop: Arc<Shop>, visitors: T) -> Arc<Shop> {
    drop(visitors);
    shop.restarted()
}

#[tokio::test]
async fn what_is_erased_on_one_instance_is_gone_on_all() {
    let server = Server::start();
    let store = format!(
        "[store]\nkind = \"valkey\"\naddresses = [\"127.0.0.1:{}\"]\ndeadline = \"5s\"\n",
        server.port
    );
    let one = Shop::with(&store).await;
    let other = one.twin(Origin::start().await);
    for shop in [&one, &other] {
        eventually("it is connected", async || {
            shop.metrics()
                .contains(r#"vestibule_store{what="subscribed"} 1"#)
        })
        .await;
    }
    let mut ana = Shopper::known(&other, "ana@example.com");
    ana.get("/").await;
    assert_eq!(other.origin.last().header("x-session-user-id"), Some(ANA));
    let (status, said) = asks(&one, "POST", "erase").await;
    assert_eq!((status, &said["sessions"]), (200, &json!(1)), "{said}");
    eventually("the other instance has heard of it", async || {
        asks(&other, "GET", "export").await.1["sessions"] == json!([])
    })
    .await;
    ana.get("/").await;
    assert_eq!(other.origin.last().header("x-session-user-id"), None);
}

#[tokio::test]
async fn nobody_is_told_anything_without_the_right_to_ask() {
    let shop = Shop::start().await;
    for (method, what) in [("GET", "export"), ("POST", "erase")] {
        let path = format!("/accounts/nobody/principals/{ANA}/{what}");
        assert_eq!(shop.admin(method, &path).await.0, 404);
        let path = format!("/accounts/demostore/principals/{ANA}/{what}");
        let (status, _) = shop.admin_as(method, &path, "rebound.example").await;
        assert_eq!(status, 401);
    }
}

#[tokio::test]
async fn nothing_is_kept_of_whoever_has_not_said_yes() {
    let shop = Shop::with(&format!("{EMBEDDED}{CONSENT}")).await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    for answer in [None, Some("no"), Some("")] {
        if let Some(answer) = answer {
            shopper.keep("consent", answer);
        }
        let reply = shopper.get("/?utm_source=newsletter").await;
        assert_eq!(reply.all("set-cookie"), Vec::<&str>::new(), "{answer:?}");
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-id"), None);
        assert_eq!(seen.header("x-session-user-id"), None);
        assert_eq!(
            seen.header("x-session-channel"),
            Some("1"),
            "the default's headers"
        );
        let reply = shopper.call(("POST", "/api/sessions"), SCRIPT, "{}").await;
        assert_eq!(reply.all("set-cookie"), Vec::<&str>::new(), "{reply:?}");
    }
    assert_eq!(
        shop.shared.flow.census(),
        vestibule::store::Census::default()
    );
    shopper.keep("consent", "v2:all:2026");
    let reply = shopper.get("/?utm_source=newsletter").await;
    assert_eq!(reply.set_cookies("vtex_session").len(), 1);
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
}

#[tokio::test]
async fn who_takes_a_yes_back_has_no_session_and_no_cookie_any_more() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(&format!("{store}{CONSENT}")).await;
        let mut shopper = Shopper::known(&shop, "ana@example.com").on_one_connection();
        shopper.keep("consent", "yes");
        for _ in 0..3 {
            shopper.get("/").await;
        }
        assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
        shopper.keep("consent", "no");
        let reply = shopper.get("/").await;
        for name in ["vtex_session", "vtex_segment"] {
            let lines = reply.set_cookies(name);
            assert!(lines[0].contains("Max-Age=0"), "{name}: {reply:?}");
        }
        assert_eq!(shop.origin.last().header("x-session-user-id"), None);
        assert_eq!(shopper.cookie("vtex_session"), None);
        let census = shop.shared.flow.census();
        assert_eq!(
            (census.authenticated, census.tombstones),
            (0, 0),
            "{census:?}"
        );
        let told = r#"vestibule_events_total{event="consent_withdrawn"} 1"#;
        assert!(shop.metrics().contains(told));
        // Once it is gone, nothing more leaves.
        assert_eq!(shopper.get("/").await.all("set-cookie"), Vec::<&str>::new());
        // A second yes begins anew; the shop's login is the shop's.
        shopper.keep("consent", "yes");
        shopper.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    }
}

#[tokio::test]
async fn a_server_that_calls_the_api_has_nobody_to_ask() {
    let shop = Shop::with(CONSENT).await;
    let reply = Shopper::new(&shop)
        .call(("POST", "/api/sessions"), SERVER, "{}")
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.set_cookies("vtex_session").len(), 1);
}
