//! A visitor whom nobody knows yet.

use crate::support::{Shop, Shopper};

#[tokio::test]
async fn a_campaign_link_into_a_channel_shows_in_both_cookies_and_in_the_backends_headers() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.get("/?sc=2&utm_campaign=blackfriday").await;
    assert_eq!(reply.status, 200);
    let session = reply.set_cookies("vtex_session");
    let segment = reply.set_cookies("vtex_segment");
    for line in [session[0], segment[0]] {
        for attribute in [
            "HttpOnly",
            "Secure",
            "SameSite=Lax",
            "Path=/",
            "Max-Age=3600",
        ] {
            assert!(line.contains(attribute), "{attribute} in {line}");
        }
        assert!(!line.contains("Domain"), "{line}");
    }
    let seen = shop.origin.last();
    for (name, value) in [
        ("x-session-channel", "2"),
        ("x-session-currency", "BRL"),
        ("x-session-country", "BRA"),
        ("x-session-culture", "pt-BR"),
        ("x-session-campaigns", "black-friday"),
        ("x-session-authenticated", "false"),
        ("x-vtex-account", "demostore"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!(seen.header("x-session-id").map(str::len), Some(36));
    assert_eq!(seen.header("x-session-segment-key").map(str::len), Some(16));
    assert_eq!(
        seen.target, "/?sc=2&utm_campaign=blackfriday",
        "the query goes on unchanged"
    );
}

#[tokio::test]
async fn campaign_and_channel_stay_without_a_query_and_no_cookie_is_sent_again() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2&utm_campaign=blackfriday").await;
    let first = shop.origin.last();
    let reply = shopper.get("/").await;
    assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    let seen = shop.origin.last();
    for name in [
        "x-session-id",
        "x-session-channel",
        "x-session-campaigns",
        "x-vtex-segment",
    ] {
        assert_eq!(seen.header(name), first.header(name), "{name}");
    }
}

#[tokio::test]
async fn a_change_of_the_segment_sends_the_segment_cookie_and_not_the_sessions() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let reply = shopper.get("/?sc=2").await;
    assert_eq!(reply.set_cookies("vtex_segment").len(), 1);
    assert!(!reply.sets_session());
}

#[tokio::test]
async fn an_empty_value_is_written_and_the_last_of_a_repeated_one_wins() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper
        .get("/?utm_campaign=other&utm_campaign=blackfriday")
        .await;
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("black-friday")
    );
    shopper.get("/?utm_campaign=").await;
    assert_eq!(shop.origin.last().header("x-session-campaigns"), None);
}

#[tokio::test]
async fn a_refused_channel_is_401_for_a_visitor_and_everything_else_of_the_request_stays() {
    let shop = Shop::start().await;
    for sc in ["3", "4", "99", "%ZZ"] {
        let mut shopper = Shopper::new(&shop);
        let before = shop.origin.seen().len();
        let reply = shopper
            .get(&format!("/?sc={sc}&utm_source=newsletter"))
            .await;
        assert_eq!(reply.status, 401, "sc={sc}");
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/html")
        );
        assert!(reply.header("cache-control").unwrap().contains("no-store"));
        assert_eq!(
            shop.origin.seen().len(),
            before,
            "a refused page is not fetched"
        );
        assert_eq!(shopper.get("/").await.status, 200);
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-channel"), Some("1"), "sc={sc}");
        assert_eq!(
            seen.header("x-session-campaigns"),
            Some("newsletter"),
            "sc={sc}"
        );
    }
}

#[tokio::test]
async fn a_program_is_told_of_a_refused_channel_in_the_platforms_words() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper
        .send("GET", "/?sc=4", &[("accept", "application/json")])
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()["type"], "Unauthorized");
    assert!(reply.json()["message"].is_string());
}

#[tokio::test]
async fn crawlers_and_static_files_get_default_headers_and_no_session() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    let crawler = [("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")];
    let replies = [
        shopper.send_and_lose("GET", "/?sc=2", &crawler).await,
        shopper.send_and_lose("GET", "/static/app.js", &[]).await,
    ];
    for reply in replies {
        assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    }
    for seen in shop.origin.seen() {
        assert_eq!(seen.header("x-session-id"), None);
        assert_eq!(seen.header("x-session-channel"), Some("1"));
    }
}

#[tokio::test]
async fn a_region_follows_from_country_and_postal_code_and_from_coordinates() {
    let shop = Shop::start().await;
    for (query, region) in [
        ("country=BRA&postalCode=20040-002", Some("v2.RIO")),
        ("country=BRA&postalCode=01310100", Some("v2.SAO")),
        ("country=USA&postalCode=10001", Some("v2.NYC")),
        ("country=BRA&geoCoordinates=-43.1,-22.5", Some("v2.RIO")),
        ("country=BRA&postalCode=99999999", None),
        ("postalCode=20040002", None),
    ] {
        let mut shopper = Shopper::new(&shop);
        shopper.get(&format!("/?{query}")).await;
        assert_eq!(
            shop.origin.last().header("x-session-region"),
            region,
            "{query}"
        );
    }
}

#[tokio::test]
async fn one_client_cannot_make_sessions_without_end() {
    let shop = Shop::with("[limits]\nnew_sessions_per_minute = 3\n").await;
    for at in 0..5 {
        let reply = Shopper::new(&shop).get("/").await;
        assert_eq!(
            (reply.status, reply.sets_session()),
            (200, at < 3),
            "visit {at}"
        );
    }
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("1"));
    assert_eq!(shop.origin.last().header("x-session-id"), None);
}

#[tokio::test]
async fn an_ended_cookie_shown_again_and_again_makes_no_sessions_without_end() {
    let shop = Shop::with("[limits]\nnew_sessions_per_minute = 1\n").await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let line = shopper.line();
    shop.clock.set(std::time::Duration::from_mins(26));
    let wire = format!(
        "GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: {line}\r\nConnection: close\r\n\r\n"
    );
    let first = shop.raw(wire.as_bytes()).await;
    assert!(first.sets_session(), "its successor");
    // Past the time in which the old one leads to its successor.
    shop.clock.advance(std::time::Duration::from_secs(31));
    for _ in 0..5 {
        let again = shop.raw(wire.as_bytes()).await;
        assert_eq!((again.status, again.sets_session()), (200, false));
    }
}

/// How often apps were asked, and how often they were called.
fn asked(shop: &Shop) -> [u64; 2] {
    let metrics = shop.metrics();
    ["questions", "misses"].map(|what| {
        let name = format!("vestibule_memo_{what}_total{{");
        let lines = metrics.lines().filter(|line| line.starts_with(&name));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        counts.sum()
    })
}

#[tokio::test]
async fn who_comes_by_a_link_that_others_came_by_gets_a_session_like_theirs_and_no_app_is_called() {
    let shop = Shop::start().await;
    let by = async |link: &str| {
        let before = asked(&shop);
        let mut shopper = Shopper::new(&shop);
        assert!(shopper.get(link).await.sets_session());
        let seen = shop.origin.last();
        let after = asked(&shop);
        let [questions, calls] = [after[0] - before[0], after[1] - before[1]];
        (shopper, seen, questions, calls)
    };
    let link = "/?sc=2&utm_campaign=blackfriday";
    let (mut first, seen_first, questions, calls) = by(link).await;
    assert!(calls > 0);
    let (mut second, seen_second, again, none) = by(link).await;
    assert_eq!(
        (again, none),
        (questions, 0),
        "as many questions, and no call"
    );
    for name in ["x-session-channel", "x-session-campaigns", "x-vtex-segment"] {
        assert!(seen_first.header(name).is_some(), "{name}");
        assert_eq!(seen_first.header(name), seen_second.header(name), "{name}");
    }
    let ids = [&seen_first, &seen_second].map(|seen| seen.header("x-session-id"));
    assert_ne!(ids[0], ids[1]);
    // What one of them does later is theirs alone.
    second.get("/?sc=1").await;
    let channel = |document: serde_json::Value| document["store"]["channel"]["value"].clone();
    assert_eq!(channel(first.read("store.channel").await), "2");
    assert_eq!(channel(second.read("store.channel").await), "1");
    let (_, seen, ..) = by("/?sc=1&utm_campaign=blackfriday").await;
    assert_eq!(seen.header("x-session-channel"), Some("1"));
}
