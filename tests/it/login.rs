//! Logging in, logging out, acting as a customer.

use std::sync::Arc;

use crate::support::clock::at;
use crate::support::shopper::PAGE;
use crate::support::{Shop, Shopper};

const SHOPPER: &str = "VtexIdclientAutCookie_demostore";
const STAFF: &str = "VtexIdclientAutCookie";
const ANA: &str = "11111111-1111-4111-8111-111111111111";
const IMPERSONATED: &str = "vtex-impersonated-customer-email";

/// A shopper who came by a campaign and logged in.
async fn logged_in(shop: &Arc<Shop>, email: &str) -> Shopper {
    let mut shopper = Shopper::new(shop);
    shopper.get("/?utm_campaign=blackfriday").await;
    shopper.keep(SHOPPER, &shop.token(email));
    shopper.get("/").await;
    shopper
}

#[tokio::test]
async fn a_login_gives_a_new_id_and_keeps_the_campaign() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_campaign=blackfriday").await;
    let anonymous = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    let old_cookie = shopper.cookie("vtex_session").unwrap().to_owned();
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    let reply = shopper.get("/").await;
    assert!(reply.sets_session());
    let seen = shop.origin.last();
    assert_ne!(seen.header("x-session-id"), Some(anonymous.as_str()));
    assert_ne!(shopper.cookie("vtex_session"), Some(old_cookie.as_str()));
    for (name, value) in [
        ("x-session-authenticated", "true"),
        ("x-session-user-id", ANA),
        ("x-session-user-email", "ana@example.com"),
        ("x-session-price-tables", "gold"),
        ("x-session-campaigns", "black-friday,vip"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert!(reply.header("cache-control").unwrap().contains("no-store"));
}

#[tokio::test]
async fn ten_parallel_requests_right_after_a_login_all_end_logged_in() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    let mut running = Vec::new();
    for _ in 0..10 {
        let shopper = shopper.clone();
        running.push(tokio::spawn(async move {
            shopper.send_and_lose("GET", "/", PAGE).await
        }));
    }
    for one in running {
        let reply = one.await.unwrap();
        assert_eq!(reply.status, 200);
        let mut after = shopper.clone();
        after.take(&reply);
        after.get("/account").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    }
    let ids: std::collections::BTreeSet<_> = shop
        .origin
        .seen()
        .iter()
        .skip(1)
        .map(|seen| seen.header("x-session-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 1, "all of them in one session: {ids:?}");
}

#[tokio::test]
async fn vector_19_the_old_id_is_dead_but_for_whoever_proves_to_be_the_same() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let late = shopper.clone();
    let mut late_with_proof = shopper.clone();
    let token = shop.token("ana@example.com");
    shopper.keep(SHOPPER, &token);
    late_with_proof.keep(SHOPPER, &token);
    shopper.get("/").await;
    let new = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    let reply = late.send_and_lose("GET", "/", PAGE).await;
    assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    let seen = shop.origin.last();
    assert_eq!(
        (
            seen.header("x-session-id"),
            seen.header("x-session-user-id")
        ),
        (None, None)
    );
    let reply = late_with_proof.send_and_lose("GET", "/", PAGE).await;
    assert!(reply.sets_session());
    assert_eq!(
        shop.origin.last().header("x-session-id"),
        Some(new.as_str())
    );
    // After half a minute the marker is gone: an unknown id, so a new session.
    shop.clock.advance(at("0:31"));
    let reply = late.send_and_lose("GET", "/", PAGE).await;
    assert!(reply.sets_session());
    assert_ne!(
        shop.origin.last().header("x-session-id"),
        Some(new.as_str())
    );
}

#[tokio::test]
async fn vector_20_after_a_logout_the_old_cookie_is_nobody_and_a_late_answer_revives_nothing() {
    let shop = Shop::start().await;
    let mut shopper = logged_in(&shop, "ana@example.com").await;
    let tab_b = shopper.clone();
    shopper.forget(SHOPPER);
    let reply = shopper.get("/").await;
    assert!(reply.sets_session());
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-authenticated"), Some("false"));
    assert_eq!(seen.header("x-session-user-email"), None);
    assert_eq!(seen.header("x-session-price-tables"), None);
    assert_eq!(
        seen.header("x-session-campaigns"),
        Some("black-friday"),
        "the campaign goes on"
    );
    let late = tab_b.send_and_lose("GET", "/", PAGE).await;
    assert!(!late.sets_session(), "{late:?}");
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-authenticated"),
        Some("false")
    );
}

#[tokio::test]
async fn a_login_that_was_logged_out_is_not_heard_again_and_its_cookie_is_deleted() {
    let shop = Shop::start().await;
    let mut shopper = logged_in(&shop, "ana@example.com").await;
    let token = shopper.cookie(SHOPPER).unwrap().to_owned();
    shopper.forget(SHOPPER);
    shopper.get("/").await;
    let mut thief = Shopper::new(&shop);
    thief.keep(SHOPPER, &token);
    let reply = thief.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-authenticated"), Some("false"));
    assert!(
        !seen.header("cookie").unwrap_or_default().contains(SHOPPER),
        "not sent upstream"
    );
    let deleted = reply.set_cookies(SHOPPER);
    assert!(
        deleted[0].contains("Max-Age=0") && deleted[0].contains("Path=/"),
        "{deleted:?}"
    );
}

#[tokio::test]
async fn a_cookie_that_anybody_could_have_set_proves_nothing_at_a_marker() {
    let shop = Shop::with("[account.inputs]\ncookies = [\"VtexIdclientAutCookie\", \"VtexIdclientAutCookie_.*\", \"ab_test\"]\n").await;
    let mut shopper = Shopper::new(&shop);
    shopper.keep("ab_test", "1");
    shopper.keep("VtexIdclientAutCookie_x", "1");
    shopper.get("/").await;
    let mut attacker = shopper.clone();
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    shopper.get("/").await;
    let new = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    attacker.keep(SHOPPER, "");
    let reply = attacker.get("/").await;
    assert!(!reply.sets_session(), "{reply:?}");
    assert_ne!(
        shop.origin.last().header("x-session-id"),
        Some(new.as_str())
    );
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
}

#[tokio::test]
async fn a_late_answer_never_puts_the_old_cookie_back() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shop.clock.set(at("25:00"));
    // A slow page is asked for when the cookie is due, and answered after a login.
    let slow = shop.origin.holds("/slow");
    let asked = shopper.clone();
    let page = tokio::spawn(async move { asked.send_and_lose("GET", "/slow", PAGE).await });
    slow.asked().await;
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    shopper.get("/").await;
    slow.answer();
    let late = page.await.unwrap();
    assert!(late.all("set-cookie").is_empty(), "{late:?}");
}

#[tokio::test]
async fn a_renewed_token_is_a_login_of_its_own_and_the_old_one_has_ended() {
    let shop = Shop::start().await;
    let mut shopper = logged_in(&shop, "ana@example.com").await;
    let (id, old) = (
        shop.origin
            .last()
            .header("x-session-id")
            .unwrap()
            .to_owned(),
        shopper.cookie(SHOPPER).unwrap().to_owned(),
    );
    shop.clock.set(at("10:00"));
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    shopper.get("/").await;
    let seen = shop.origin.last();
    assert_ne!(seen.header("x-session-id"), Some(id.as_str()));
    assert_eq!(seen.header("x-session-user-id"), Some(ANA));
    let mut thief = Shopper::new(&shop);
    thief.keep(SHOPPER, &old);
    thief.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
}

#[tokio::test]
async fn what_one_shopper_said_of_themselves_does_not_pass_to_the_next() {
    let over = "[account.inputs]\nquery = [\"sc\", \"utm_*\", \"storeUserEmail\"]\n\
        [account.headers.map]\n\"x-said\" = \"public.storeUserEmail\"\n";
    let shop = Shop::with(over).await;
    let mut shopper = logged_in(&shop, "ana@example.com").await;
    shopper.get("/?storeUserEmail=ana%40example.com").await;
    assert_eq!(shop.origin.last().header("x-said"), Some("ana@example.com"));
    shopper.keep(SHOPPER, &shop.token("bruno@example.com"));
    shopper.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-said"), None);
    assert_eq!(
        seen.header("x-session-campaigns"),
        Some("black-friday"),
        "carried over"
    );
}

#[tokio::test]
async fn a_logout_reaches_every_session_of_the_login() {
    let shop = Shop::start().await;
    let mut first = logged_in(&shop, "ana@example.com").await;
    let mut second = Shopper::new(&shop);
    second.keep(SHOPPER, first.cookie(SHOPPER).unwrap());
    second.get("/account").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    first.forget(SHOPPER);
    first.get("/").await;
    assert_eq!(second.get("/account").await.status, 303);
    assert_eq!(second.cookie(SHOPPER), None);
}

#[tokio::test]
async fn a_later_session_of_a_login_lives_no_longer_than_the_login() {
    let shop = Shop::start().await;
    let mut first = logged_in(&shop, "ana@example.com").await;
    let mut second = Shopper::new(&shop);
    for minute in (20..720).step_by(20) {
        shop.clock.set(at(&format!("{minute}:00")));
        first.get("/").await;
        if minute == 600 {
            second.keep(SHOPPER, first.cookie(SHOPPER).unwrap());
        }
        if minute >= 600 {
            second.get("/").await;
            assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
        }
    }
    shop.clock.set(at("720:00"));
    second.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
}

#[tokio::test]
async fn a_private_channel_needs_the_right_shopper() {
    let shop = Shop::start().await;
    let mut bruno = logged_in(&shop, "bruno@example.com").await;
    assert_eq!(bruno.get("/?sc=3").await.status, 403);
    bruno.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("1"));
    let mut ana = logged_in(&shop, "ana@example.com").await;
    assert_eq!(ana.get("/?sc=3").await.status, 200);
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-channel"), Some("3"));
    assert_eq!(seen.header("x-session-price-tables"), Some("gold"));
}

#[tokio::test]
async fn a_login_and_its_private_channel_in_one_request_are_both_heard() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shopper.keep(SHOPPER, &shop.token("ana@example.com"));
    assert_eq!(shopper.get("/?sc=3").await.status, 200);
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("3"));
    // And on the very first request too.
    let mut first = Shopper::new(&shop);
    first.keep(SHOPPER, &shop.token("ana@example.com"));
    assert_eq!(first.get("/?sc=3").await.status, 200);
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("3"));
}

#[tokio::test]
async fn a_logout_leaves_no_private_channel_behind() {
    let shop = Shop::start().await;
    let mut ana = logged_in(&shop, "ana@example.com").await;
    ana.get("/?sc=3").await;
    ana.forget(SHOPPER);
    assert_eq!(ana.get("/").await.status, 200);
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("1"));
}

#[tokio::test]
async fn tokens_that_are_expired_foreign_or_of_the_wrong_kind_log_nobody_in() {
    let shop = Shop::start().await;
    for (cookie, token) in [
        (
            SHOPPER,
            shop.token_of("ana@example.com", "otherstore", at("60:00")),
        ),
        (SHOPPER, shop.staff_token("agent@demostore.example")),
        (STAFF, shop.token("ana@example.com")),
        (
            "VtexIdclientAutCookie_otherstore",
            shop.token("ana@example.com"),
        ),
        (SHOPPER, "nonsense".to_owned()),
        (SHOPPER, String::new()),
    ] {
        let mut shopper = Shopper::new(&shop);
        shopper.keep(cookie, &token);
        assert_eq!(shopper.get("/").await.status, 200);
        let seen = shop.origin.last();
        assert_eq!(
            seen.header("x-session-authenticated"),
            Some("false"),
            "{cookie}"
        );
        assert_eq!(seen.header("x-session-user-id"), None, "{cookie}");
    }
}

#[tokio::test]
async fn the_end_of_a_token_logs_out_although_the_browser_still_sends_it() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.keep(
        SHOPPER,
        &shop.token_of("ana@example.com", "demostore", at("20:00")),
    );
    shopper.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    shop.clock.set(at("19:59.999"));
    shopper.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    shop.clock.set(at("20:06"));
    shopper.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
}

#[tokio::test]
async fn staff_with_the_permission_acts_as_a_customer_until_it_stops() {
    let shop = Shop::start().await;
    let mut agent = Shopper::new(&shop);
    agent.keep(STAFF, &shop.staff_token("agent@demostore.example"));
    agent.get("/").await;
    let as_staff = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    assert_eq!(
        shop.origin.last().header("x-session-authenticated"),
        Some("false")
    );
    agent.keep(IMPERSONATED, "ana@example.com");
    agent.get("/").await;
    let seen = shop.origin.last();
    assert_ne!(seen.header("x-session-id"), Some(as_staff.as_str()));
    assert_eq!(seen.header("x-session-user-id"), Some(ANA));
    assert_eq!(
        seen.header("x-session-impersonator"),
        Some("agent@demostore.example")
    );
    assert_eq!(seen.header("x-session-price-tables"), Some("gold"));
    assert_eq!(agent.get("/account").await.status, 200);
    // Stopped by emptying the cookie, by its going away, and by the agent's logout.
    for (name, value) in [
        (IMPERSONATED, Some("")),
        (IMPERSONATED, None),
        (STAFF, None),
    ] {
        let mut one = agent.clone();
        match value {
            Some(value) => one.keep(name, value),
            None => one.forget(name),
        }
        one.get("/").await;
        let seen = shop.origin.last();
        for gone in [
            "x-session-user-id",
            "x-session-impersonator",
            "x-session-price-tables",
        ] {
            assert_eq!(seen.header(gone), None, "{name} {value:?}: {gone}");
        }
        agent = Shopper::new(&shop);
        agent.keep(
            STAFF,
            &shop.staff_token_for("agent@demostore.example", at("90:00")),
        );
        agent.keep(IMPERSONATED, "ana@example.com");
        agent.get("/").await;
    }
}

#[tokio::test]
async fn nobody_acts_as_a_customer_without_the_permission() {
    let shop = Shop::start().await;
    let clerk = shop.staff_token("clerk@demostore.example");
    let shopper = shop.token("bruno@example.com");
    for (cookie, token) in [
        (STAFF, clerk),
        (SHOPPER, shopper),
        ("other", "x".to_owned()),
    ] {
        let mut one = Shopper::new(&shop);
        one.keep(cookie, &token);
        one.keep(IMPERSONATED, "ana@example.com");
        one.get("/?vtex-impersonated-customer-email=ana%40example.com")
            .await;
        let seen = shop.origin.last();
        assert_ne!(seen.header("x-session-user-id"), Some(ANA), "{cookie}");
        assert_eq!(seen.header("x-session-impersonator"), None, "{cookie}");
    }
}

#[tokio::test]
async fn a_page_that_needs_a_shopper_sends_visitors_to_the_login_and_programs_401() {
    let shop = Shop::start().await;
    let mut visitor = Shopper::new(&shop);
    let reply = visitor.get("/account?tab=orders").await;
    assert_eq!(reply.status, 303);
    assert_eq!(
        reply.header("location"),
        Some("/login?return_to=/account%3Ftab%3Dorders")
    );
    assert!(reply.sets_session());
    let reply = visitor
        .send("GET", "/account", &[("accept", "application/json")])
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert!(shop.origin.seen().is_empty());
}
