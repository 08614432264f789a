//! What is refused, how it is said, and that nothing was changed.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Reply, SCRIPT, SERVER, Shop, Shopper};
use vestibule::store::Census;

const SESSIONS: &str = "/api/sessions";

fn said(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["type", "message"], "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    (reply.status, body["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn bad_bodies_are_refused_with_what_is_wrong_and_what_is_allowed() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let long = format!(r#"{{"public":{{"{}":{{"value":1}}}}}}"#, "k".repeat(129));
    let deep = format!(
        r#"{{"public":{{"a":{{"value":{}1{}}}}}}}"#,
        "[".repeat(17),
        "]".repeat(17)
    );
    for (body, words) in [
        ("{", "ends too early"),
        ("{'public':1}", "line 1, column 2"),
        ("[]", "not an array"),
        ("\"public\"", "not a string"),
        (r#"{"public":[]}"#, "`public` must be an object"),
        (r#"{"public":{"sc":"1"}}"#, "`public.sc` must be wrapped"),
        (
            r#"{"public":{"sc":{"Value":"1"}}}"#,
            "`public.sc` has no member `value`",
        ),
        (r#"{"public":{"a b":{"value":1}}}"#, "`a b` is no key"),
        (r#"{"public":{"":{"value":1}}}"#, "`` is no key"),
        (&*long, "is no key"),
        (&*deep, "nested more than 16 deep"),
        ("{\"public\":{\"a\":{\"value\":1e999}}}", "is not JSON"),
        (r#"{"public":{"a":{"value":"\ud800"}}}"#, "is not JSON"),
    ] {
        let reply = shopper.call(("POST", SESSIONS), SCRIPT, body).await;
        assert_eq!(said(&reply), (400, "BadRequest".to_owned()), "{body}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{body}: {message}");
        assert!(reply.all("set-cookie").is_empty(), "{body}: {reply:?}");
    }
    assert_eq!(
        shop.shared.flow.census(),
        Census::default(),
        "no session was begun"
    );
}

#[tokio::test]
async fn too_much_is_refused_whole() {
    let shop =
        Shop::with("[limits]\nsession = \"8KiB\"\napi_body = \"16KiB\"\npublic_keys = 3").await;
    let mut shopper = Shopper::new(&shop);
    shopper
        .call(
            ("POST", SESSIONS),
            SCRIPT,
            r#"{"public":{"kept":{"value":"1"}}}"#,
        )
        .await;
    let text =
        |length: usize| json!({"public": {"text": {"value": "x".repeat(length)}}}).to_string();
    for (target, body, status) in [
        (SESSIONS, text(9_000), 413),
        (SESSIONS, text(17_000), 413),
        ("/api/sessions?a=1&b=2&c=3", "{}".to_owned(), 400),
    ] {
        let reply = shopper.call(("PATCH", target), SCRIPT, &body).await;
        assert_eq!(said(&reply).0, status, "{reply:?}");
        assert_eq!(
            shopper.read("public.*").await["public"],
            json!({"kept": {"value": "1"}})
        );
    }
    // Without a length, the body is cut off where it passes the limit.
    let chunk = format!("{:x}\r\n{}\r\n", 0x4001, "x".repeat(0x4001));
    let wire = format!(
        "POST {SESSIONS} HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
    );
    assert_eq!(shop.raw(wire.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a_refused_channel_is_told_in_the_platforms_words_and_changes_nothing() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2&utm_source=newsletter").await;
    let before = shopper.read("*").await;
    let body = r#"{"public":{"sc":{"value":"4"},"other":{"value":"lost"}}}"#;
    for (target, body) in [
        (SESSIONS, body),
        ("/api/sessions?sc=3&other=1&items=*", "{}"),
    ] {
        let reply = shopper.call(("PATCH", target), SCRIPT, body).await;
        assert_eq!(said(&reply), (401, "Unauthorized".to_owned()));
        assert_eq!(shopper.read("*").await, before);
    }
    shopper.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("bruno@example.com"),
    );
    shopper.get("/").await;
    let reply = shopper
        .call(("PATCH", "/api/sessions?sc=3"), SCRIPT, "")
        .await;
    assert_eq!(said(&reply), (403, "Forbidden".to_owned()));
    let read = shopper
        .call(("GET", "/api/sessions?items=*&sc=3"), SCRIPT, "")
        .await;
    assert_eq!(said(&read), (403, "Forbidden".to_owned()));
    let text = shop.metrics();
    assert!(
        text.contains(r#"vestibule_refusals_total{status="401"} 2"#),
        "{text}"
    );
    assert!(
        text.contains(r#"vestibule_refusals_total{status="403"} 2"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_refusal_on_a_first_call_begins_no_session() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = r#"{"public":{"sc":{"value":"4"}}}"#;
    let reply = shopper.call(("POST", SESSIONS), SCRIPT, body).await;
    assert_eq!(said(&reply), (401, "Unauthorized".to_owned()));
    assert!(reply.all("set-cookie").is_empty());
    assert_eq!(shop.shared.flow.census(), Census::default());
}

#[tokio::test]
async fn a_login_and_a_channel_in_one_call_are_heard_together() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shopper.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    let target = "/api/sessions?items=store.channel,profile.priceTables";
    let body = r#"{"public":{"sc":{"value":"3"}}}"#;
    let reply = shopper.call(("POST", target), SCRIPT, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.json()["namespaces"],
        json!({
            "profile": {"priceTables": {"value": "gold"}},
            "store": {"channel": {"value": "3"}},
        })
    );
}

#[tokio::test]
async fn other_methods_and_paths_are_told_what_is_there() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    for (method, target, allow) in [
        ("PUT", SESSIONS, "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
        (
            "DELETE",
            "/api/sessions/x",
            "GET, HEAD, POST, PATCH, OPTIONS",
        ),
        ("POST", "/api/segments", "GET, HEAD, OPTIONS"),
    ] {
        let reply = shopper.call((method, target), SCRIPT, "{}").await;
        assert_eq!(said(&reply), (405, "MethodNotAllowed".to_owned()));
        assert_eq!(reply.header("allow"), Some(allow));
    }
    let reply = shopper.call(("GET", "/api/sessions/a/b"), SCRIPT, "").await;
    assert_eq!(said(&reply), (404, "NotFound".to_owned()));
    let near = shopper.get("/api/sessionsx").await;
    assert_eq!(near.status, 200, "the store's own: {near:?}");
}

#[tokio::test]
async fn over_the_limit_of_new_sessions_a_call_is_told_to_wait() {
    let shop = Shop::with("[limits]\nnew_sessions_per_minute = 1").await;
    let first = Shopper::new(&shop)
        .call(("POST", SESSIONS), SERVER, "{}")
        .await;
    assert_eq!(first.status, 201);
    for (method, target) in [("POST", SESSIONS), ("GET", "/api/sessions?items=*")] {
        let reply = Shopper::new(&shop).call((method, target), SERVER, "").await;
        assert_eq!(said(&reply), (429, "TooManyRequests".to_owned()));
        assert_eq!(reply.header("retry-after"), Some("60"));
    }
}

#[tokio::test]
async fn an_app_that_must_not_fail_is_named_and_nothing_changes() {
    let over = "[[account.app]]\nname = \"checkout\"\non_error = \"fail\"";
    let shop = Shop::with(over).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let before = shopper.read("*").await;
    shop.mood
        .down
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let place = r#"{"public":{"postalCode":{"value":"20040002"},"country":{"value":"BRA"}}}"#;
    let reply = shopper.call(("PATCH", SESSIONS), SCRIPT, place).await;
    assert_eq!(said(&reply), (502, "AppFailed".to_owned()));
    assert_eq!(
        reply.json()["message"],
        "App checkout failed, resulting in an error building the session."
    );
    assert_eq!(shopper.read("*").await, before);
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let shop = Shop::start().await;
    let wire = "POST /api/sessions?items=public.a HTTP/1.1\r\nHost: shop.example\r\n\
                Expect: 100-continue\r\nContent-Length: 30\r\nConnection: close\r\n\r\n\
                {\"public\":{\"a\":{\"value\":\"1\"}}}";
    let reply = shop.raw(wire.as_bytes()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.json()["namespaces"]["public"]["a"]["value"], "1");
}

/// Bodies that are good, nearly good, and anything else.
fn bodies() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(json!("1")),
        Just(json!("4")),
        Just(json!(null)),
        Just(json!({"a": [1, {}]})),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let wrapper = prop_oneof![
        4 => value.clone().prop_map(|value| json!({"value": value})),
        1 => value.clone().prop_map(|value| json!({"Value": value})),
        1 => value,
    ];
    let key = prop_oneof![Just("sc".to_owned()), "[a-z.]{1,3}", "\\PC{0,3}"];
    let good = proptest::collection::btree_map(key, wrapper, 0..4)
        .prop_map(|public| json!({"public": public}).to_string());
    prop_oneof![3 => good, 1 => "\\PC{0,20}"]
}

/// Each call either answers well or leaves the document as it was, byte for byte.
#[test]
fn an_error_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (shop, shopper) = runtime.block_on(async {
        let shop = Shop::start().await;
        let mut shopper = Shopper::new(&shop);
        shopper.get("/?sc=2").await;
        (shop, shopper)
    });
    let mut runner = TestRunner::new(Config::with_cases(120));
    let calls = (bodies(), proptest::bool::ANY, "(sc=[1-4]&)?[a-c%]{0,3}=x");
    runner
        .run(&calls, |(body, post, query)| {
            runtime.block_on(async {
                let mut shopper = shopper.clone();
                let whole = "/api/sessions?items=*";
                let before = shopper.call(("GET", whole), SCRIPT, "").await.body;
                let method = if post { "POST" } else { "PATCH" };
                let target = format!("/api/sessions?{query}");
                let reply = shopper.call((method, &target), SCRIPT, &body).await;
                assert!(matches!(reply.status, 200 | 400 | 401), "{reply:?}");
                let after = shopper.call(("GET", whole), SCRIPT, "").await.body;
                if reply.status != 200 {
                    assert_eq!(before, after, "{method} {target} {body}: {reply:?}");
                }
            });
            Ok(())
        })
        .unwrap();
    drop(shop);
}
