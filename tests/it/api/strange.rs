//! What nobody sends who reads the documentation: methods, paths, bodies and fields that are odd.

use serde_json::json;

use crate::support::{SCRIPT, SERVER, Shop, Shopper};

const SESSIONS: &str = "/api/sessions";

#[tokio::test]
async fn a_method_that_is_not_answered_is_told_which_are() {
    let shop = Shop::start().await;
    let session = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";
    let token = "GET, HEAD, POST, PATCH, OPTIONS";
    let reading = "GET, HEAD, OPTIONS";
    for (target, allow) in [
        ("/api/sessions?items=*", session),
        ("/api/sessions/x?items=*", token),
        ("/api/segments", reading),
        ("/api/segments/e30", reading),
        ("/_session/openapi.json", reading),
    ] {
        let shopper = Shopper::new(&shop);
        for method in ["PUT", "TRACE", "QUERY", "BREW", "get"] {
            let reply = shopper.call_and_lose((method, target), SERVER, "").await;
            assert_eq!(reply.status, 405, "{method} {target}: {reply:?}");
            assert_eq!(reply.header("allow"), Some(allow), "{method} {target}");
            assert_eq!(reply.json()["type"], "MethodNotAllowed");
            assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
        }
        let reply = shopper.call_and_lose(("HEAD", target), SERVER, "").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{target}");
        assert_ne!(reply.header("content-length"), Some("0"), "{target}");
    }
}

#[tokio::test]
async fn a_path_that_two_servers_could_read_differently_is_refused_by_the_edge() {
    let shop = Shop::start().await;
    for path in [
        "/api/sessions/..",
        "/api/sessions/../segments",
        "/api/sessions/%2e%2e",
        "/api/sessions/a%2Fb",
        "/api/segments/77%2F",
        "/api/sessions/a%5Cb",
        "/api/sessions/a%00b",
        "/api/sessions/a%7F",
        "/api/sessions/%C2%85",
        "/api/sessions/a%25%32%30",
        "/api/sessions/%zz",
        "/api/sessions/%ff",
        "/api/sessions/a;b",
        "/api//sessions",
    ] {
        let reply = Shopper::new(&shop)
            .call_and_lose(("GET", &format!("{path}?items=*")), SERVER, "")
            .await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.json()["status"], 400);
    }
    // Letters of any script are a token like another, and a bad one.
    let reply = Shopper::new(&shop)
        .call_and_lose(("GET", "/api/sessions/%E2%82%AC?items=*"), SERVER, "")
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(shop.origin.seen().is_empty(), "nothing went to the store");
}

#[tokio::test]
async fn a_body_is_json_whatever_its_content_type_says() {
    let shop = Shop::start().await;
    let body = r#"{"public":{"a":{"value":"1"}}}"#;
    for kind in [
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
    ] {
        let headers = [("content-type", kind)];
        let mut shopper = Shopper::new(&shop);
        let reply = shopper.call(("POST", SESSIONS), &headers, body).await;
        assert_eq!(reply.status, 201, "{kind}: {reply:?}");
        assert_eq!(
            shopper.read("public.*").await["public"],
            json!({"a": {"value": "1"}})
        );
        for other in ["a=1", "<public/>", "\u{feff}{}"] {
            let reply = shopper.call(("PATCH", SESSIONS), &headers, other).await;
            assert_eq!(reply.status, 400, "{kind} {other}: {reply:?}");
            assert_eq!(reply.json()["type"], "BadRequest");
        }
    }
}

#[tokio::test]
async fn as_many_items_may_be_asked_for_as_a_head_can_hold() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.call(("POST", SESSIONS), SCRIPT, "").await;
    let items = |count: usize| {
        let items: Vec<_> = (0..count).map(|key| format!("public.key{key}")).collect();
        format!("{SESSIONS}?items={},store.channel", items.join(","))
    };
    let reply = shopper.call(("GET", &items(1_000)), SERVER, "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json()["namespaces"],
        json!({"store": {"channel": {"value": "1"}}})
    );
    let reply = shopper.call(("GET", &items(3_000)), SERVER, "").await;
    assert_eq!(reply.status, 431);
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.json()["status"], 431);
}

#[tokio::test]
async fn null_characters_are_values_and_never_names() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = json!({"public": {"a": {"value": "x\u{0}y"}}}).to_string();
    let reply = shopper.call(("POST", SESSIONS), SCRIPT, &body).await;
    assert_eq!(reply.status, 201);
    let kept = json!({"a": {"value": "x\u{0}y"}});
    assert_eq!(shopper.read("public.*").await["public"], kept);
    let body = json!({"public": {"b\u{0}": {"value": "1"}}}).to_string();
    let reply = shopper.call(("PATCH", SESSIONS), SCRIPT, &body).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(shopper.read("public.*").await["public"], kept);
    let reply = shopper
        .call(("GET", "/api/sessions?items=%00,public.a%00"), SCRIPT, "")
        .await;
    assert_eq!(
        (reply.status, &reply.json()["namespaces"]),
        (200, &json!({}))
    );
}

#[tokio::test]
async fn a_segment_token_in_the_alphabet_for_urls_is_one_too() {
    let shop = Shop::start().await;
    // {"facets":"???>>>"} has both letters in which the alphabets differ.
    for token in ["eyJmYWNldHMiOiI_Pz8-Pj4ifQ", "eyJmYWNldHMiOiI/Pz8+Pj4ifQ=="] {
        let reply = Shopper::new(&shop)
            .call_and_lose(("GET", &format!("/api/segments/{token}")), SERVER, "")
            .await;
        assert_eq!(reply.status, 200, "{token}: {reply:?}");
        assert_eq!(reply.json(), json!({"facets": "???>>>"}));
    }
}
