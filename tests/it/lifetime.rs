//! The lifetime law on real exchanges; its pure vectors are beside the law itself.

use crate::support::clock::at;
use crate::support::shopper::PAGE;
use crate::support::{Shop, Shopper};

const SHOPPER: &str = "VtexIdclientAutCookie_demostore";

async fn ana(shop: &std::sync::Arc<Shop>) -> Shopper {
    let mut shopper = Shopper::new(shop);
    shopper.keep(
        SHOPPER,
        &shop.token_of("ana@example.com", "demostore", at("1440:00")),
    );
    shopper.get("/?utm_campaign=blackfriday").await;
    shopper
}

fn who(shop: &Shop) -> Option<String> {
    shop.origin
        .last()
        .header("x-session-user-email")
        .map(str::to_owned)
}

#[tokio::test]
async fn vectors_02_and_03_the_cookie_is_issued_again_when_the_window_begins() {
    for (moment, sets) in [("24:59.999", false), ("25:00.000", true)] {
        let shop = Shop::start().await;
        let mut shopper = ana(&shop).await;
        shop.clock.set(at(moment));
        let reply = shopper.get("/").await;
        assert_eq!(reply.sets_session(), sets, "{moment}");
        assert_eq!(who(&shop).as_deref(), Some("ana@example.com"), "{moment}");
    }
}

#[tokio::test]
async fn vector_04_one_millisecond_past_the_idle_limit_is_logged_out_and_sent_to_the_login() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("25:00.001"));
    let reply = shopper.get("/account").await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.header("location"), Some("/login?return_to=/account"));
    assert!(reply.sets_session(), "an anonymous session takes its place");
    assert!(
        reply.set_cookies(SHOPPER)[0].contains("Max-Age=0"),
        "{reply:?}"
    );
    assert_eq!(shopper.cookie(SHOPPER), None);
    shopper.get("/").await;
    assert_eq!(who(&shop), None);
    let seen = shop.origin.last();
    assert_eq!(
        seen.header("x-session-campaigns"),
        Some("black-friday"),
        "carried over"
    );
}

#[tokio::test]
async fn channel_culture_place_and_campaign_go_on_in_the_next_session() {
    let shop = Shop::start().await;
    for (moment, logged_in) in [("0:00", false), ("30:00", true)] {
        shop.clock.set(at(moment));
        let mut shopper = Shopper::new(&shop);
        if logged_in {
            shopper.keep(SHOPPER, &shop.token("ana@example.com"));
        }
        shopper
            .get(
                "/?sc=2&cultureInfo=en-US&country=BRA&postalCode=20040002&utm_campaign=blackfriday",
            )
            .await;
        let before = shop.origin.last();
        shop.clock.advance(at("25:00.001"));
        assert_eq!(shopper.get("/").await.status, 200);
        let after = shop.origin.last();
        assert_ne!(after.header("x-session-id"), before.header("x-session-id"));
        for (name, value) in [
            ("x-session-channel", "2"),
            ("x-session-currency", "BRL"),
            ("x-session-culture", "en-US"),
            ("x-session-region", "v2.RIO"),
            ("x-session-campaigns", "black-friday,rio"),
            ("x-session-authenticated", "false"),
        ] {
            assert_eq!(after.header(name), Some(value), "{name} at {moment}");
        }
    }
}

#[tokio::test]
async fn vector_05_a_gap_of_seven_minutes_across_the_window_logs_nobody_out() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("24:00"));
    assert!(!shopper.get("/").await.sets_session());
    shop.clock.set(at("31:00"));
    assert!(shopper.get("/").await.sets_session());
    assert_eq!(who(&shop).as_deref(), Some("ana@example.com"));
}

#[tokio::test]
async fn vector_08_the_jar_still_holds_the_cookie_at_the_longest_honest_gap() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("24:59.999"));
    shopper.get("/").await;
    shop.clock.set(at("49:59.998"));
    assert!(shopper.cookie("vtex_session").is_some());
    shopper.get("/").await;
    assert_eq!(who(&shop).as_deref(), Some("ana@example.com"));
}

#[tokio::test]
async fn vector_10_and_11_a_session_that_never_rests_ends_at_its_absolute_age() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    for minute in (20..720).step_by(20) {
        shop.clock.set(at(&format!("{minute}:00")));
        shopper.get("/").await;
        assert_eq!(
            who(&shop).as_deref(),
            Some("ana@example.com"),
            "minute {minute}"
        );
    }
    shop.clock.set(at("710:00"));
    shopper.get("/").await;
    shop.clock.set(at("719:59.999"));
    shopper.get("/").await;
    assert_eq!(who(&shop).as_deref(), Some("ana@example.com"));
    let cookies = shopper.line();
    shop.clock.set(at("720:00"));
    // A browser has dropped the cookie by now: it never outlives the session. The login has ended
    // all the same.
    assert_eq!(shopper.cookie("vtex_session"), None);
    shopper.get("/").await;
    assert_eq!(who(&shop), None);
    // A client that kept it is told the same.
    let wire = format!(
        "GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"
    );
    shop.raw(wire.as_bytes()).await;
    assert_eq!(who(&shop), None);
    let ended = r#"vestibule_sessions_ended_total{reason="absolute"} 1"#;
    assert!(shop.metrics().contains(ended), "{}", shop.metrics());
}

#[tokio::test]
async fn vector_12_ten_parallel_requests_at_the_window_are_one_session_and_all_answered() {
    let shop = Shop::start().await;
    let shopper = ana(&shop).await;
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    shop.clock.set(at("25:00.000"));
    let mut running = Vec::new();
    for _ in 0..10 {
        let shopper = shopper.clone();
        running.push(tokio::spawn(async move {
            shopper.send_and_lose("GET", "/account", PAGE).await
        }));
    }
    for one in running {
        assert_eq!(one.await.unwrap().status, 200);
    }
    for seen in shop.origin.seen().iter().rev().take(10) {
        assert_eq!(seen.header("x-session-id"), Some(id.as_str()));
    }
    // Vector 13: every answer was lost, and the old cookie comes again half a minute later.
    shop.clock.set(at("25:30"));
    let reply = shopper.send_and_lose("GET", "/account", PAGE).await;
    assert_eq!((reply.status, reply.sets_session()), (200, true));
}

#[tokio::test]
async fn vector_14_a_tab_with_the_older_cookie_is_the_same_shopper() {
    let shop = Shop::start().await;
    let mut tab_a = ana(&shop).await;
    let tab_b = tab_a.clone();
    shop.clock.set(at("25:00"));
    assert!(tab_a.get("/").await.sets_session());
    shop.clock.set(at("25:01"));
    assert_eq!(
        tab_b.send_and_lose("GET", "/account", PAGE).await.status,
        200
    );
}

#[tokio::test]
async fn vector_17_and_18_polling_and_prefetching_keep_nobody_logged_in() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    for minute in 1..=25 {
        shop.clock.set(at(&format!("{minute}:00")));
        let reply = shopper.send("GET", "/poll", &[]).await;
        assert!(!reply.sets_session(), "minute {minute}");
        assert_eq!(who(&shop).as_deref(), Some("ana@example.com"));
    }
    shop.clock.set(at("26:00"));
    shopper.send("GET", "/poll", &[]).await;
    assert_eq!(who(&shop), None);

    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("20:00"));
    shopper
        .send("GET", "/", &[("sec-purpose", "prefetch")])
        .await;
    assert_eq!(who(&shop).as_deref(), Some("ana@example.com"));
    shop.clock.set(at("26:00"));
    shopper.get("/").await;
    assert_eq!(who(&shop), None);
}

#[tokio::test]
async fn vector_15_a_clock_that_steps_back_ends_nothing() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("20:00"));
    shopper.get("/").await;
    shop.clock.set(at("10:00"));
    assert_eq!(shopper.get("/account").await.status, 200);
    shop.clock.set(at("45:00"));
    assert_eq!(
        shopper.get("/account").await.status,
        200,
        "last seen at 20:00"
    );
}

#[tokio::test]
async fn vector_16_a_cookie_from_the_future_lives_by_the_servers_own_state() {
    let shop = Shop::start().await;
    shop.clock.set(at("10:00"));
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("8:59"));
    assert_eq!(shopper.get("/account").await.status, 200);
    assert!(shop.metrics().contains(r#"event="clock_step"} 1"#));
}

#[tokio::test]
async fn vector_21_cookies_that_are_not_ours_begin_a_new_session_and_are_never_adopted() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let good = shopper.cookie("vtex_session").unwrap().to_owned();
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    let (body, signature) = good.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for bad in [
        format!("{body}.{flipped}"),
        body.to_owned(),
        "x".to_owned(),
        "a.b.c".to_owned(),
    ] {
        let mut other = Shopper::new(&shop);
        other.keep("vtex_session", &bad);
        assert!(other.get("/").await.sets_session(), "{bad}");
        assert_ne!(shop.origin.last().header("x-session-id"), Some(id.as_str()));
    }
    // Of another shop, with other keys.
    let restarted = Shop::start().await;
    let mut known = Shopper::new(&restarted);
    known.keep("vtex_session", &good);
    assert!(known.get("/").await.sets_session());
    assert_ne!(
        restarted.origin.last().header("x-session-id"),
        Some(id.as_str())
    );
}

#[tokio::test]
async fn vector_25_of_several_cookies_of_our_name_the_good_one_counts_in_any_order() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let old = shopper.cookie("vtex_session").unwrap().to_owned();
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    shop.clock.set(at("25:00"));
    shopper.get("/").await;
    let new = shopper.cookie("vtex_session").unwrap().to_owned();
    let mut stranger = Shopper::new(&shop);
    stranger.get("/").await;
    let tossed = stranger.cookie("vtex_session").unwrap().to_owned();
    let ask = async |first: &str, second: &str| {
        let wire = format!(
            "GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: vtex_session={first}\r\n\
             Cookie: vtex_session={second}\r\nConnection: close\r\n\r\n"
        );
        shop.raw(wire.as_bytes()).await
    };
    for (first, second) in [(&*old, &*new), (&new, &old), (&new, "bad"), ("bad", &new)] {
        let reply = ask(first, second).await;
        assert!(!reply.sets_session(), "{reply:?}");
        assert_eq!(shop.origin.last().header("x-session-id"), Some(id.as_str()));
    }
    for (first, second) in [(&*new, &*tossed), (&tossed, &new)] {
        let reply = ask(first, second).await;
        let deletions = reply.set_cookies("vtex_session");
        assert!(
            deletions.iter().all(|line| line.contains("Max-Age=0")),
            "{reply:?}"
        );
        assert!(
            deletions.iter().any(|line| !line.contains("Domain")),
            "{reply:?}"
        );
        assert!(
            deletions
                .iter()
                .any(|line| line.contains("Domain=shop.example")),
            "{reply:?}"
        );
        assert_eq!(shop.origin.last().header("x-session-id"), None);
    }
}

#[tokio::test]
async fn vector_27_a_due_cookie_waits_on_cacheable_answers_until_it_must_go() {
    let shop = Shop::start().await;
    shop.origin
        .says("/page", 200, &[("cache-control", "public, max-age=60")]);
    shop.origin.says("/same", 304, &[]);
    shop.origin.says("/broken", 502, &[]);
    let mut shopper = ana(&shop).await;
    shopper.forget(SHOPPER);
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shop.clock.set(at("20:00"));
    shopper.get("/").await;
    for (moment, path, sets) in [
        ("25:00", "/page", false),
        ("30:00", "/same", false),
        ("34:59.999", "/page", false),
        ("35:00", "/page", true),
    ] {
        shop.clock.set(at(moment));
        let reply = shopper.clone().get(path).await;
        assert_eq!(reply.sets_session(), sets, "{moment} {path}");
        let cache = reply.header("cache-control").unwrap_or_default().to_owned();
        assert_eq!(cache.contains("private"), sets, "{moment} {path}: {cache}");
    }
    let failed = shopper.clone().get("/broken").await;
    assert_eq!((failed.status, failed.sets_session()), (502, true));
    let head = shopper.clone().send("HEAD", "/other", PAGE).await;
    assert!(head.sets_session());
}

#[tokio::test]
async fn vectors_31_and_32_scripts_are_told_401_and_forms_are_never_replayed() {
    let shop = Shop::start().await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("26:00"));
    let by_script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    let before = shop.origin.seen().len();
    let reply = shopper
        .clone()
        .send("POST", "/account/save", &by_script)
        .await;
    assert_eq!(reply.status, 401);
    let form = [PAGE, &[("referer", "http://shop.example/account/edit")]].concat();
    let reply = shopper.send("POST", "/account/save", &form).await;
    assert_eq!(reply.status, 303);
    assert_eq!(
        reply.header("location"),
        Some("/login?return_to=/account/edit")
    );
    assert_eq!(shop.origin.seen().len(), before, "nothing went upstream");
}

#[tokio::test]
async fn a_session_of_one_minute_shows_the_law_within_a_minute() {
    let shop = Shop::with("[lifetime]\nlifetime = \"60s\"\nrefresh_before_end = \"10s\"\n").await;
    let mut shopper = ana(&shop).await;
    shop.clock.set(at("0:45"));
    assert!(!shopper.get("/account").await.sets_session());
    shop.clock.set(at("0:51"));
    assert!(shopper.get("/account").await.sets_session());
    shop.clock.set(at("1:42"));
    assert_eq!(shopper.get("/account").await.status, 303, "a gap of 51 s");
}
