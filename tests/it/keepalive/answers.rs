//! What a page may say, and what it is told.

use std::sync::Arc;

use serde_json::json;

use crate::shared_store::twins;
use crate::support::clock::at;
use crate::support::valkey::{Server, eventually};
use crate::support::{Reply, SCRIPT, SERVER, Shop, Shopper};

const KEEPALIVE: &str = "/_session/keepalive";
const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";
const CONSENT: &str = "[account.consent]\ncookie = \"consent\"\nvalues = [\"yes\"]\n";

/// A page's report, by a shopper who keeps the cookies of the answer.
async fn reports(shopper: &mut Shopper, ago: &str) -> Reply {
    let body = json!({"activeMsAgo": at(ago).as_millis()}).to_string();
    shopper.call(("POST", KEEPALIVE), SCRIPT, &body).await
}

async fn ana(shop: &Arc<Shop>) -> Shopper {
    let mut shopper = Shopper::known(shop, "ana@example.com");
    shopper.get("/").await;
    shopper
}

/// The session that the shop's server saw last.
fn session(shop: &Shop) -> Option<String> {
    shop.origin.last().header("x-session-id").map(str::to_owned)
}

#[tokio::test]
async fn a_live_session_is_told_with_its_numbers() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("10:00"));
    let reply = reports(&mut shopper, "1:00").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.json(),
        json!({
            "state": "live",
            "timeoutMs": at("15:00").as_millis(),
            "lifetimeMs": at("30:00").as_millis(),
            "refreshBeforeEndMs": at("5:00").as_millis(),
            "expiresInMs": at("24:00").as_millis(),
        })
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-session-authenticated"), Some("true"));
    assert_eq!(reply.header("x-session-age-ms"), Some("600000"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(!reply.sets_session(), "the cookie is not due");
    let counted =
        r#"vestibule_api_calls_total{method="POST",resource="/_session/keepalive",status="200"} 1"#;
    assert!(shop.metrics().contains(counted));
}

#[tokio::test]
async fn a_session_lives_from_the_activity_that_was_told_and_no_longer() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    let before = session(&shop);
    shop.clock.set(at("24:30"));
    // The shopper did something at 20:00.
    let told = reports(&mut shopper, "4:30").await.json();
    assert_eq!(told["expiresInMs"], json!(at("20:30").as_millis()));
    shop.clock.set(at("45:00"));
    shopper.get("/").await;
    assert_eq!(session(&shop), before, "25 minutes later");
    shop.clock.set(at("60:00"));
    reports(&mut shopper, "5:00").await;
    // At 55:00; and once more, nobody was there since.
    shop.clock.set(at("79:00"));
    reports(&mut shopper, "24:00").await;
    shop.clock.set(at("80:00.001"));
    let reply = shopper.get("/account").await;
    assert_eq!(reply.status, 303, "past the idle limit");
}

#[tokio::test]
async fn a_page_that_is_merely_open_keeps_nothing_alive() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    for minute in 1..=25 {
        let now = at(&format!("{minute}:00"));
        shop.clock.set(now);
        let reply = reports(&mut shopper, &format!("{minute}:00")).await;
        let told = reply.json();
        assert_eq!(told["state"], "live");
        let left = at("25:00").saturating_sub(now);
        assert_eq!(told["expiresInMs"], json!(left.as_millis()), "{minute}");
        assert!(!reply.sets_session(), "not even at 25:00, when it is due");
    }
    shop.clock.set(at("25:00.001"));
    let told = reports(&mut shopper, "25:00").await;
    assert_eq!(told.json()["state"], "expired");
    assert_eq!(told.json()["expiresInMs"], 0);
    assert_eq!(
        told.all("set-cookie"),
        [""; 0],
        "the next page sees to that"
    );
    let reply = shopper.get("/account").await;
    assert_eq!(reply.header("location"), Some("/login?return_to=/account"));
}

#[tokio::test]
async fn the_cookie_is_issued_again_within_its_window_as_by_a_page() {
    for (moment, sets) in [("24:59.999", false), ("25:00.000", true)] {
        let shop = Shop::start().await;
        let mut shopper = ana(&shop).await;
        shop.clock.set(at("10:00"));
        shopper.get("/").await;
        shop.clock.set(at(moment));
        let before = shopper.cookie("vtex_session").map(str::to_owned);
        let reply = reports(&mut shopper, "0:01").await;
        assert_eq!(reply.sets_session(), sets, "{moment}");
        let timeout = if sets { at("25:00").as_millis() } else { 1 };
        assert_eq!(reply.json()["timeoutMs"], json!(timeout), "{moment}");
        let after = shopper.cookie("vtex_session").map(str::to_owned);
        assert_eq!(before != after, sets);
        shopper.get("/").await;
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-authenticated"), Some("true"));
    }
}

#[tokio::test]
async fn no_report_revives_what_has_ended_or_makes_what_is_not_there() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("25:00.001"));
    // Done in time, told too late.
    let reply = reports(&mut shopper, "1:00").await;
    assert_eq!(reply.json()["state"], "expired");
    let mut stranger = Shopper::new(&shop);
    let reply = reports(&mut stranger, "0:00").await;
    let told = json!({
        "state": "none", "timeoutMs": 0, "lifetimeMs": 1_800_000, "refreshBeforeEndMs": 300_000,
        "expiresInMs": 0,
    });
    assert_eq!((reply.status, reply.json()), (200, told));
    assert_eq!(reply.all("set-cookie"), [""; 0]);
    stranger.keep("vtex_session", "made.up.token");
    let reply = reports(&mut stranger, "0:00").await;
    assert_eq!(reply.json()["state"], "none");
    assert_eq!(reply.all("set-cookie"), [""; 0]);
    let census = shop.shared.flow.census();
    let all = census.anonymous + census.light + census.authenticated;
    assert_eq!(all, 1, "hers alone");
}

#[tokio::test]
async fn the_absolute_end_comes_however_active_the_shopper_is() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    for minute in (20..720).step_by(20) {
        shop.clock.set(at(&format!("{minute}:00")));
        reports(&mut shopper, "0:00").await;
    }
    // A jar that does not heed `Max-Age`: a browser has dropped the cookie by then.
    let cookie = shopper.cookie("vtex_session").unwrap().to_owned();
    shopper.keep("vtex_session", &cookie);
    let body = r#"{"activeMsAgo":0}"#;
    for (moment, state, left) in [("719:59.999", "live", 1), ("720:00", "expired", 0)] {
        shop.clock.set(at(moment));
        let told = shopper
            .call_and_lose(("POST", KEEPALIVE), SCRIPT, body)
            .await;
        let told = told.json();
        assert_eq!(
            (&told["state"], &told["expiresInMs"]),
            (&json!(state), &json!(left))
        );
    }
}

#[tokio::test]
async fn after_a_logout_nothing_is_kept_alive() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    let mut thief = shopper.clone();
    assert_eq!(
        shopper
            .call(("DELETE", "/api/sessions"), SCRIPT, "")
            .await
            .status,
        204
    );
    assert_eq!(reports(&mut shopper, "0:00").await.json()["state"], "none");
    let told = reports(&mut thief, "0:00").await;
    assert_eq!(told.json()["state"], "expired");
    assert_eq!(told.all("set-cookie"), [""; 0]);
}

#[tokio::test]
async fn a_session_that_was_replaced_a_moment_ago_is_asked_for_again() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let mut late = shopper.clone();
    shopper.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    shopper.get("/").await;
    let reply = reports(&mut late, "0:00").await;
    assert_eq!(
        (reply.status, reply.json()["type"].as_str()),
        (409, Some("Conflict"))
    );
    assert_eq!(reply.all("set-cookie"), [""; 0]);
    // By the same cookies and the login: it is the same person.
    late.keep(
        "VtexIdclientAutCookie_demostore",
        shopper.cookie("VtexIdclientAutCookie_demostore").unwrap(),
    );
    let reply = reports(&mut late, "0:00").await;
    assert_eq!(reply.json()["state"], "live");
}

#[tokio::test]
async fn what_is_said_wrongly_is_refused_and_changes_nothing() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("20:00"));
    let large = format!("{{\"activeMsAgo\":0,\"x\":\"{}\"}}", "x".repeat(64 * 1024));
    for (body, status, says) in [
        ("", 400, "missing"),
        ("{", 400, "not JSON"),
        ("[]", 400, "must be a JSON object"),
        (r#"{"activeMsAgo":"0"}"#, 400, "whole number"),
        (r#"{"activeMsAgo":-1}"#, 400, "from 0 to 1800000"),
        (r#"{"activeMsAgo":1800001}"#, 400, "from 0 to 1800000"),
        (&large, 413, "larger than 65536"),
    ] {
        let reply = shopper.call(("POST", KEEPALIVE), SCRIPT, body).await;
        assert_eq!(reply.status, status, "{reply:?}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let reply = shopper.send("GET", KEEPALIVE, SCRIPT).await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
    shop.clock.set(at("25:00.001"));
    assert_eq!(
        reports(&mut shopper, "0:00").await.json()["state"],
        "expired"
    );
}

#[tokio::test]
async fn only_the_stores_own_pages_report() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("20:00"));
    let body = r#"{"activeMsAgo":0}"#;
    for foreign in [
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ][..],
        &[
            ("origin", "http://sub.shop.example"),
            ("sec-fetch-site", "same-site"),
        ],
        &[("origin", "null")],
    ] {
        let reply = shopper.call(("POST", KEEPALIVE), foreign, body).await;
        assert_eq!(
            (reply.status, reply.json()["type"].as_str()),
            (403, Some("Forbidden"))
        );
    }
    for own in [SCRIPT, SERVER, &[("origin", "http://shop.example")][..]] {
        let reply = shopper.call_and_lose(("POST", KEEPALIVE), own, body).await;
        assert_eq!(reply.status, 200, "{own:?}");
    }
}

#[tokio::test]
async fn whoever_has_not_agreed_to_be_remembered_has_no_session_to_keep() {
    let shop = Shop::with(CONSENT).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let told = reports(&mut shopper, "0:00").await;
    assert_eq!(
        (told.status, told.json()["state"].as_str()),
        (200, Some("none"))
    );
    assert_eq!(told.all("set-cookie"), [""; 0]);
    shopper.keep("consent", "yes");
    shopper.get("/").await;
    assert_eq!(reports(&mut shopper, "0:00").await.json()["state"], "live");
    // Taken back: what there was goes, whoever asks first.
    shopper.keep("consent", "no");
    let told = reports(&mut shopper, "0:00").await;
    assert_eq!(told.json()["state"], "none");
    assert_eq!(shopper.cookie("vtex_session"), None);
}

#[tokio::test]
async fn sessions_are_kept_alive_where_the_session_api_is_switched_off() {
    let shop = Shop::with("[account.api]\nenabled = false\n").await;
    let mut shopper = ana(&shop).await;
    assert_eq!(reports(&mut shopper, "0:00").await.json()["state"], "live");
}

#[tokio::test]
async fn each_store_of_a_host_keeps_its_own() {
    let shop = Shop::two_roots().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/br/").await;
    let body = r#"{"activeMsAgo":0}"#;
    let told = shopper
        .call(("POST", "/br/_session/keepalive"), SCRIPT, body)
        .await;
    assert_eq!(told.json()["state"], "live");
}

#[tokio::test]
async fn what_was_told_survives_a_restart() {
    let shop = Shop::with(EMBEDDED).await;
    let mut shopper = ana(&shop).await;
    let before = session(&shop);
    shop.clock.set(at("20:00"));
    reports(&mut shopper, "0:00").await;
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    let mut shopper = Shopper::with_jar(&shop, jar);
    shop.clock.set(at("45:00"));
    shopper.get("/").await;
    assert_eq!(session(&shop), before);
}

#[tokio::test]
async fn what_was_told_to_one_instance_counts_on_the_other() {
    let server = Server::start();
    let (shop, twin) = twins(&server).await;
    let mut shopper = ana(&shop).await;
    let before = session(&shop);
    let mut there = Shopper::with_jar(&twin, shopper.clone().into_jar());
    there.get("/").await;
    shop.clock.set(at("24:00"));
    reports(&mut shopper, "0:00").await;
    shop.clock.set(at("48:00"));
    // The other instance saw nobody since 0:00, and looks again before it says so.
    eventually("the activity is known there", async || {
        let body = r#"{"activeMsAgo":1800000}"#;
        let told = there.call_and_lose(("POST", KEEPALIVE), SCRIPT, body).await;
        told.json()["state"] == "live"
    })
    .await;
    there.get("/").await;
    assert_eq!(session(&twin), before);
}

#[tokio::test]
async fn while_the_store_is_away_a_page_is_asked_to_come_again() {
    let server = Server::start();
    let (shop, twin) = twins(&server).await;
    let shopper = ana(&shop).await;
    drop(server);
    // Its session is not in the memory of this one.
    let mut there = Shopper::with_jar(&twin, shopper.into_jar());
    let reply = reports(&mut there, "0:00").await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.header("retry-after").is_some());
}
