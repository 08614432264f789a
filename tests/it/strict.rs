//! Requests that two parsers may read differently, and requests for nobody.

use crate::support::{Shop, Shopper};

async fn status(shop: &Shop, wire: &str) -> u16 {
    shop.raw(wire.as_bytes()).await.status
}

#[tokio::test]
async fn hosts_that_are_missing_doubled_or_malformed_are_400_and_reach_nobody() {
    let shop = Shop::start().await;
    for host in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a, b\r\n",
        "Host: \r\n",
        "Host: shop/x\r\n",
        "Host: evil#shop\r\n",
        "Host: shop.example@evil\r\n",
        "Host: shop.example:abc\r\n",
    ] {
        let wire = format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        assert_eq!(status(&shop, &wire).await, 400, "{host:?}");
    }
    assert!(shop.origin.seen().is_empty());
}

#[tokio::test]
async fn a_host_has_one_form_and_an_unknown_one_is_421() {
    let shop = Shop::start().await;
    for host in [
        "SHOP.Example",
        "shop.example.",
        "shop.example:443",
        "shop.example:80",
    ] {
        let wire = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&shop, &wire).await, 200, "{host}");
    }
    let reached = shop.origin.seen().len();
    let wire = "GET / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n";
    let reply = shop.raw(wire.as_bytes()).await;
    assert_eq!(reply.status, 421);
    assert!(reply.all("set-cookie").is_empty());
    assert_eq!(shop.origin.seen().len(), reached);
}

#[tokio::test]
async fn paths_that_the_store_may_read_as_others_are_400() {
    let shop = Shop::start().await;
    for path in [
        "/static/../account",
        "/static/%2e%2e/account",
        "/static%2f..%2faccount",
        "//account",
        "/static\\..\\account",
        "/static/..;/account",
        "/account%00.css",
        "/%2561ccount",
        "/./account",
        "/account;x=.css",
        "/a%zz",
    ] {
        let wire =
            format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        let status = status(&shop, &wire).await;
        let last = shop.origin.seen().pop();
        assert!(status == 400, "{path}: {status} {last:?}");
    }
}

#[tokio::test]
async fn a_rule_looks_at_the_path_alone() {
    let shop = Shop::start().await;
    let reply = Shopper::new(&shop).get("/account?next=/static/x").await;
    assert_eq!(reply.status, 303);
}

#[tokio::test]
async fn heads_over_the_limit_are_431_and_bloated_cookies_log_nobody_out() {
    let shop = Shop::start().await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        "a".repeat(40_000)
    );
    assert_eq!(status(&shop, &long).await, 431);
    let lines: Vec<String> = (0..120).map(|at| format!("x-{at}: 1\r\n")).collect();
    let lines = lines.concat();
    let many = format!("GET / HTTP/1.1\r\nHost: shop.example\r\n{lines}\r\n");
    assert_eq!(status(&shop, &many).await, 431);

    let mut shopper = Shopper::new(&shop);
    shopper.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    shopper.get("/").await;
    let session = shopper.cookie("vtex_session").unwrap().to_owned();
    let wire = format!(
        "GET /account HTTP/1.1\r\nHost: shop.example\r\nCookie: vtex_session={session}; a={}\r\n\
         Connection: close\r\n\r\n",
        "b".repeat(17_000)
    );
    assert_eq!(
        status(&shop, &wire).await,
        200,
        "a captured cookie that was cut is unknown"
    );
}

#[tokio::test]
async fn garbage_in_cookies_and_queries_is_a_page_like_any_other() {
    let shop = Shop::start().await;
    for cookie in [
        "=evil",
        "vtex_session",
        "VTEX_SESSION=x",
        "vtex-session=x",
        "$Version=1; vtex_session=\"x; y=1\"",
        ";;; ; =; a",
        "\u{e2}vtex_session=x",
    ] {
        let wire = format!(
            "GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(status(&shop, &wire).await, 200, "{cookie}");
    }
    for query in [
        "sc",
        "=1",
        "&&&",
        "__proto__=1",
        "public.sc=2",
        "items=*",
        "utm_source=%ff%fe",
    ] {
        let wire =
            format!("GET /?{query} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&shop, &wire).await, 200, "{query}");
        assert_eq!(
            shop.origin.last().header("x-session-channel"),
            Some("1"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn ambiguous_framing_is_400() {
    let shop = Shop::start().await;
    for framing in [
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Connection: cookie, authorization\r\n",
    ] {
        let wire = format!("POST / HTTP/1.1\r\nHost: shop.example\r\n{framing}\r\nhello");
        assert_eq!(status(&shop, &wire).await, 400, "{framing:?}");
    }
    assert!(shop.origin.seen().is_empty());
}

#[tokio::test]
async fn two_stores_on_one_host_never_share_a_session() {
    let shop = Shop::two_roots().await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.get("/br/").await;
    assert!(reply.set_cookies("vtex_session")[0].contains("Path=/br"));
    let id = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    assert_eq!(shop.origin.last().header("x-vtex-account"), Some("brstore"));
    // A browser would not send it there; a client that does is a stranger.
    let reply = shopper.get("/us/").await;
    assert!(reply.sets_session());
    assert_ne!(shop.origin.last().header("x-session-id"), Some(id.as_str()));
    assert_eq!(shop.origin.last().header("x-vtex-account"), Some("usstore"));
    // Routes lie below the root path: what needs a shopper there needs one.
    let reply = shopper.get("/br/account").await;
    assert_eq!(
        reply.header("location"),
        Some("/br/login?return_to=/br/account")
    );
}
