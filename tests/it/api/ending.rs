//! `DELETE /api/sessions`.

use crate::support::{SCRIPT, SERVER, Shop, Shopper};
use vestibule::store::Census;

const DELETE: (&str, &str) = ("DELETE", "/api/sessions");

#[tokio::test]
async fn a_session_ends_with_its_login_and_every_cookie_goes() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let login = shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &login);
    shopper.get("/?utm_source=newsletter").await;
    let late = shopper.clone();
    let reply = shopper.call(DELETE, SCRIPT, "").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(reply.header("content-length"), None);
    for name in [
        "vtex_session",
        "vtex_segment",
        "VtexIdclientAutCookie_demostore",
    ] {
        let lines = reply.set_cookies(name);
        assert_eq!(lines.len(), 1, "{name}: {reply:?}");
        assert!(lines[0].contains("Max-Age=0"), "{lines:?}");
        assert_eq!(shopper.cookie(name), None);
    }
    let metrics = shop.metrics();
    let ended = r#"vestibule_sessions_ended_total{reason="logout"} 1"#;
    assert!(metrics.contains(ended), "{metrics}");

    // A late request with the old cookies is nobody's, and begins no login again.
    let mut late = late;
    let reply = late.get("/account").await;
    assert_eq!(reply.status, 303, "{reply:?}");
    late.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-authenticated"), Some("false"));
    assert_eq!(late.cookie("VtexIdclientAutCookie_demostore"), None);
    assert!(shop.metrics().contains(ended), "told once");
}

#[tokio::test]
async fn a_login_that_no_session_lives_by_yet_ends_too() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let login = shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &login);
    assert_eq!(shopper.call(DELETE, SCRIPT, "").await.status, 204);
    let mut thief = Shopper::new(&shop);
    thief.keep("VtexIdclientAutCookie_demostore", &login);
    thief.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-authenticated"), Some("false"));
}

#[tokio::test]
async fn where_there_is_no_session_that_is_already_so() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    assert_eq!(shopper.call(DELETE, SERVER, "").await.status, 204);
    shopper.keep("vtex_session", "no.token.of-ours");
    let reply = shopper.call(DELETE, SCRIPT, "").await;
    assert_eq!(reply.status, 204);
    assert_eq!(shopper.cookie("vtex_session"), None);
    assert_eq!(shop.shared.flow.census(), Census::default());
}

#[tokio::test]
async fn a_session_that_was_replaced_a_moment_ago_is_not_ended_by_its_old_cookie() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let mut old = shopper.clone();
    let login = shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &login);
    shopper.get("/").await;
    let reply = old.call(DELETE, SCRIPT, "").await;
    assert_eq!((reply.status, reply.all("set-cookie").len()), (409, 0));
    assert_eq!(shopper.get("/account").await.status, 200, "still logged in");
}

#[tokio::test]
async fn a_call_in_flight_does_not_bring_an_ended_session_back() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let id = shop.origin.last().header("x-session-id").map(str::to_owned);
    let mut late = shopper.clone();
    shopper.call(DELETE, SCRIPT, "").await;
    let body = r#"{"public":{"late":{"value":"1"}}}"#;
    let reply = late
        .call(("PATCH", "/api/sessions?items=public.*"), SCRIPT, body)
        .await;
    assert_eq!(reply.status, 201, "a new session: {reply:?}");
    assert_ne!(reply.json()["id"].as_str().map(str::to_owned), id);
}
