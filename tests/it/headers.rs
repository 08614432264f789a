//! What backends read, and what no client can make them read.

use crate::support::shopper::PAGE;
use crate::support::spoofing::{OWNED, spellings};
use crate::support::{Shop, Shopper};

#[tokio::test]
async fn no_spelling_of_a_header_of_ours_passes_on_any_route() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    for name in OWNED {
        let mut forged = spellings(name).to_vec();
        forged.push(name.replace('-', "*"));
        let mut headers: Vec<(&str, &str)> =
            forged.iter().map(|name| (name.as_str(), "evil")).collect();
        headers.extend([("connection-note", "kept"), ("x-session-id_", "kept")]);
        for path in ["/", "/static/app.js"] {
            shopper.send_and_lose("GET", path, &headers).await;
            let seen = shop.origin.last();
            assert!(
                !format!("{:?}", seen.headers).contains("evil"),
                "{name} on {path}: {seen:?}"
            );
            assert_eq!(seen.header("connection-note"), Some("kept"));
        }
    }
}

#[tokio::test]
async fn a_client_cannot_ask_for_our_headers_to_be_dropped() {
    let shop = Shop::start().await;
    let wire =
        "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close, x-session-channel\r\n\r\n";
    shop.raw(wire.as_bytes()).await;
    assert_eq!(shop.origin.last().header("x-session-channel"), Some("1"));
}

#[tokio::test]
async fn headers_between_proxies_are_believed_only_from_trusted_ones() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    let claims = [
        ("x-forwarded-for", "127.0.0.9"),
        ("x-forwarded-host", "evil.example"),
        ("X_Forwarded_Proto", "https"),
        ("x-original-url", "/account"),
        ("x-http-method-override", "DELETE"),
        ("forwarded", "for=127.0.0.9"),
        ("x-real-ip", "127.0.0.9"),
    ];
    shopper.send_and_lose("GET", "/", &claims).await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_ne!(seen.header("x-forwarded-for"), Some("127.0.0.9"));
    for gone in [
        "x_forwarded_proto",
        "x-original-url",
        "x-http-method-override",
        "forwarded",
        "x-real-ip",
    ] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn an_upstream_cannot_speak_to_browsers_in_our_names() {
    let shop = Shop::start().await;
    shop.origin.says(
        "/",
        200,
        &[
            ("x-session-user-email", "leak"),
            ("X_Vtex_Segment", "leak"),
            ("set-cookie", "vtex_session=evil; Path=/"),
            ("set-cookie", "checkout.vtex.com=__ofid=1; Path=/"),
            ("set-cookie", "other=1"),
            ("x-own", "kept"),
        ],
    );
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.get("/").await;
    assert!(!format!("{:?}", reply.headers).contains("leak"));
    assert_eq!(reply.set_cookies("vtex_session").len(), 1);
    assert!(!reply.set_cookies("vtex_session")[0].contains("evil"));
    assert_eq!(
        reply.set_cookies("checkout.vtex.com"),
        ["checkout.vtex.com=__ofid=1; Path=/"]
    );
    assert_eq!(reply.set_cookies("other"), ["other=1"]);
    assert_eq!(reply.header("x-own"), Some("kept"));
    assert!(
        shop.metrics()
            .contains("vestibule_upstream_cookies_dropped_total 1")
    );
}

#[tokio::test]
async fn every_request_is_named_and_a_clients_trace_goes_on() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    shopper
        .send_and_lose(
            "GET",
            "/",
            &[("traceparent", parent), ("x-request-id", "r-1")],
        )
        .await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-request-id"), Some("r-1"));
    let trace = seen.header("traceparent").unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && trace != parent);
    shopper
        .send_and_lose("GET", "/", &[("x-request-id", "a b")])
        .await;
    assert_eq!(
        shop.origin.last().header("x-request-id").map(str::len),
        Some(32)
    );
}

#[tokio::test]
async fn our_cookies_stay_here_and_all_others_go_on_byte_for_byte_on_one_line() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let token = shopper.cookie("vtex_session").unwrap();
    let wire = format!(
        "GET / HTTP/1.1\r\nHost: shop.example\r\nCookie: a=1; b=\"x, y\"\r\n\
         Cookie: vtex_session={token}; vtex_segment=e30=\r\nCookie: c=d=e;f\r\n\
         Connection: close\r\n\r\n"
    );
    let id = shop.origin.last().header("x-session-id").map(str::to_owned);
    let reply = shop.raw(wire.as_bytes()).await;
    assert!(!reply.sets_session(), "the session was found: {reply:?}");
    let seen = shop.origin.last();
    assert_eq!(seen.header("cookie"), Some("a=1; b=\"x, y\"; c=d=e; f"));
    assert_eq!(seen.header("x-session-id").map(str::to_owned), id);
}

#[tokio::test]
async fn a_value_never_ends_a_header_or_begins_another() {
    let shop = Shop::with("[account.headers.map]\n\"x-source\" = \"public.utm_source\"\n").await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=a%20b%25%C3%A9").await;
    assert_eq!(
        shop.origin.last().header("x-source"),
        Some("a%20b%25%C3%A9")
    );
    // Control characters are no campaign's: such a value is not taken at all.
    shopper
        .get("/?utm_source=%0d%0aX-Vtex-Account:%20evil%00")
        .await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-source"), Some("a%20b%25%C3%A9"));
    assert_eq!(seen.header("x-vtex-account"), Some("demostore"));
}

#[tokio::test]
async fn a_route_gets_only_the_headers_that_it_names() {
    let shop =
        Shop::with("[[account.route]]\npath = \"/few\"\ninject = [\"x-session-channel\"]\n").await;
    let shopper = Shopper::new(&shop);
    shopper.send_and_lose("GET", "/few", PAGE).await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-channel"), Some("1"));
    assert_eq!(
        (
            seen.header("x-session-currency"),
            seen.header("x-session-id")
        ),
        (None, None)
    );
}
