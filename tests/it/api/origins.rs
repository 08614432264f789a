//! Who may call from a browser, and what pages of other origins are told.

use crate::support::clock::at;
use crate::support::{SCRIPT, SERVER, Shop, Shopper};

const SESSIONS: &str = "/api/sessions";
const OTHER: &str = "https://www.example.com";
const API: &str = "[account.api]\nallowed_origins = [\"https://www.example.com\"]";

fn from(origin: &str, site: &'static str) -> Vec<(&'static str, String)> {
    vec![
        ("origin", origin.to_owned()),
        ("sec-fetch-site", site.to_owned()),
        ("content-type", "application/json".to_owned()),
    ]
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

#[tokio::test]
async fn an_unsafe_call_from_another_origin_is_forbidden_by_every_sign_of_it() {
    let shop = Shop::with(API).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let before = shopper.read("*").await;
    for headers in [
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ][..],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://sub.shop.example"),
        ],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://shop.example:81")],
        &[("origin", "https://www.example.com.evil.example")],
        &[("origin", "https://www.example.com:8443")],
        // The browser's own word counts more than what a script could be made to send.
        &[
            ("origin", "http://shop.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        for (method, target) in [
            ("POST", SESSIONS),
            ("PATCH", "/api/sessions?a=1"),
            ("DELETE", SESSIONS),
        ] {
            let body = r#"{"public":{"a":{"value":"1"}}}"#;
            let reply = shopper.call_and_lose((method, target), headers, body).await;
            assert_eq!(reply.status, 403, "{method} {headers:?}: {reply:?}");
            assert_eq!(reply.json()["type"], "Forbidden");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
    assert_eq!(shopper.read("*").await, before);
}

#[tokio::test]
async fn the_stores_own_pages_and_servers_may_call() {
    let shop = Shop::start().await;
    for headers in [
        SCRIPT,
        SERVER,
        &[("sec-fetch-site", "none")][..],
        &[("origin", "http://shop.example")],
        &[("origin", "http://shop.example:80")],
    ] {
        let reply = Shopper::new(&shop)
            .call(("POST", SESSIONS), headers, "{}")
            .await;
        assert_eq!(reply.status, 201, "{headers:?}: {reply:?}");
    }
}

#[tokio::test]
async fn an_allowed_origin_asks_first_and_reads_the_answer() {
    let shop = Shop::with(API).await;
    let shopper = Shopper::new(&shop);
    let mut headers = from(OTHER, "cross-site");
    let asked = headers.clone();
    headers.push(("access-control-request-method", "PATCH".to_owned()));
    headers.push(("access-control-request-headers", "content-type".to_owned()));
    let preflight = shopper
        .call_and_lose(("OPTIONS", SESSIONS), &borrowed(&headers), "")
        .await;
    assert_eq!(preflight.status, 204, "{preflight:?}");
    for (name, value) in [
        ("access-control-allow-origin", OTHER),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-max-age", "600"),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
        ),
        ("vary", "Cookie, Origin"),
    ] {
        assert_eq!(preflight.header(name), Some(value), "{name}");
    }
    assert!(preflight.all("set-cookie").is_empty());
    for (method, target, status) in [
        ("PATCH", SESSIONS, 201),
        ("GET", "/api/sessions?items=store.channel", 200),
        ("GET", SESSIONS, 400),
    ] {
        let reply = shopper
            .call_and_lose((method, target), &borrowed(&asked), "{}")
            .await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(OTHER));
        assert_eq!(
            reply.header("access-control-allow-credentials"),
            Some("true")
        );
    }
}

#[tokio::test]
async fn other_origins_are_told_nothing_that_lets_them_read() {
    let shop = Shop::with(API).await;
    let shopper = Shopper::new(&shop);
    let headers = from("https://evil.example", "cross-site");
    for (method, target) in [("OPTIONS", SESSIONS), ("GET", "/api/sessions?items=*")] {
        let reply = shopper
            .call_and_lose((method, target), &borrowed(&headers), "")
            .await;
        assert!(reply.status < 300, "{reply:?}");
        let told: Vec<_> = reply
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("access-control-"))
            .collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

#[tokio::test]
async fn another_site_cannot_start_an_impersonation_by_a_link_to_the_api() {
    let shop = Shop::with(API).await;
    let mut staff = Shopper::new(&shop);
    staff.keep(
        "VtexIdclientAutCookie",
        &shop.staff_token("agent@demostore.example"),
    );
    staff.get("/").await;
    let headers = from(OTHER, "cross-site");
    let target = "/api/sessions?vtex-impersonated-customer-email=ana@example.com\
                  &items=impersonate.storeUserId";
    for method in ["GET", "POST"] {
        let reply = staff.call((method, target), &borrowed(&headers), "").await;
        assert_eq!(
            reply.json()["namespaces"],
            serde_json::json!({}),
            "{method}"
        );
    }
}

/// Vector 31 of the lifetime law: a script of an allowed origin is told 401 and can read it.
#[tokio::test]
async fn a_script_of_an_allowed_origin_can_read_that_its_session_has_expired() {
    let shop = Shop::with(API).await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/account").await;
    shop.clock.advance(at("26:00"));
    for (origin, told) in [(OTHER, Some(OTHER)), ("https://evil.example", None)] {
        let mut headers = from(origin, "cross-site");
        headers.push(("sec-fetch-mode", "cors".to_owned()));
        headers.push(("sec-fetch-dest", "empty".to_owned()));
        let reply = shopper
            .call_and_lose(("GET", "/account"), &borrowed(&headers), "")
            .await;
        assert_eq!(reply.status, 401, "no redirect: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), told);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
    }
}
