//! `POST` and `PATCH /api/sessions`.

use serde_json::{Value, json};

use crate::support::{SCRIPT, SERVER, Shop, Shopper};

const SESSIONS: &str = "/api/sessions";

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[tokio::test]
async fn a_post_creates_and_then_edits() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = r#"{"public":{"variable1":{"value":"value1"}}}"#;
    let created = shopper.call(("POST", SESSIONS), SCRIPT, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert!(created.sets_session());
    assert_eq!(created.set_cookies("vtex_segment").len(), 1);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    assert_eq!(created.header("content-type"), Some("application/json"));
    let edited = shopper
        .call(
            ("POST", SESSIONS),
            SCRIPT,
            r#"{"public":{"variable2":{"value":"2"}}}"#,
        )
        .await;
    assert_eq!(edited.status, 200);
    assert!(edited.sets_session(), "both cookies, always");
    assert_eq!(edited.set_cookies("vtex_segment").len(), 1);
    assert_eq!(
        shopper.read("public.*").await["public"],
        json!({"variable1": {"value": "value1"}, "variable2": {"value": "2"}})
    );
}

#[tokio::test]
async fn a_patch_does_the_same_and_says_when_it_created() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = r#"{"public":{"a":{"value":1}}}"#;
    let first = shopper.call(("PATCH", SESSIONS), SCRIPT, body).await;
    assert_eq!(first.status, 201);
    let second = shopper.call(("PATCH", SESSIONS), SCRIPT, body).await;
    assert_eq!(second.status, 200);
}

#[tokio::test]
async fn a_server_gets_the_cookies_own_tokens_and_a_script_one_for_the_api_alone() {
    let shop = Shop::start().await;
    let mut server = Shopper::new(&shop);
    let reply = server.call(("POST", SESSIONS), SERVER, "{}").await;
    let tokens = reply.json();
    assert_eq!(
        tokens["sessionToken"],
        server.cookie("vtex_session").unwrap()
    );
    assert_eq!(
        tokens["segmentToken"],
        server.cookie("vtex_segment").unwrap()
    );

    let reply = server.call(("POST", SESSIONS), SCRIPT, "{}").await;
    let token = reply.json()["sessionToken"].as_str().unwrap().to_owned();
    assert_ne!(token, server.cookie("vtex_session").unwrap());
    let id = claims(&token)["id"].clone();
    assert_eq!(id, claims(server.cookie("vtex_session").unwrap())["id"]);
    let read = format!("/api/sessions/{token}?items=account.accountName");
    let by_path = server.call_and_lose(("GET", &read), SCRIPT, "").await;
    assert_eq!(by_path.json()["id"], id, "good in a path");
    let mut thief = Shopper::new(&shop);
    thief.keep("vtex_session", &token);
    let as_cookie = thief
        .call(("GET", "/api/sessions?items=*"), SCRIPT, "")
        .await;
    assert_ne!(as_cookie.json()["id"], id, "refused as a cookie");
}

#[tokio::test]
async fn items_on_a_write_answer_the_document() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let target = "/api/sessions?utm_source=newsletter&items=rnb.campaigns,store.channel";
    let reply = shopper.call(("POST", target), SCRIPT, "{}").await;
    assert_eq!(reply.status, 201);
    assert_eq!(
        reply.json()["namespaces"],
        json!({
            "rnb": {"campaigns": {"value": "newsletter"}},
            "store": {"channel": {"value": "1"}},
        })
    );
    assert!(reply.sets_session());
}

#[tokio::test]
async fn a_place_gives_the_region_and_the_segment_changes() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.call(("POST", SESSIONS), SCRIPT, "").await;
    let before = shopper.cookie("vtex_segment").unwrap().to_owned();
    let place = r#"{"public":{"postalCode":{"value":"20040002"},"country":{"value":"BRA"}}}"#;
    shopper.call(("PATCH", SESSIONS), SCRIPT, place).await;
    assert_ne!(shopper.cookie("vtex_segment").unwrap(), before);
    assert_eq!(
        shopper.read("checkout.regionId").await["checkout"]["regionId"]["value"],
        "v2.RIO"
    );
}

#[tokio::test]
async fn every_parameter_but_control_words_is_written_and_the_body_goes_over_it() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let target = "/api/sessions?anything=1&anything=2&both=query&items=&supportedLocales=pt-BR\
                  &__bindingId=x&session_path=/p&workspace=w&q=a%5Bb%5D&empty=";
    let body = r#"{"public":{"both":{"value":"body"}},"profile":{"email":{"value":"x@example.com"}},"id":7}"#;
    let reply = shopper.call(("POST", target), SCRIPT, body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let all = shopper.read("*").await;
    assert_eq!(
        all["public"],
        json!({
            "anything": {"value": "2"},
            "both": {"value": "body"},
            "empty": {"value": ""},
            "q": {"value": "a[b]"},
        })
    );
    assert!(
        all["profile"].get("email").is_none(),
        "only public is a client's"
    );
}

#[tokio::test]
async fn any_json_is_a_value_and_what_stands_beside_it_is_kept() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = json!({"public": {
        "text": {"value": ""},
        "nothing": {"value": null},
        "number": {"value": 12.5},
        "flag": {"value": true, "keepAlive": true, "note": ["x"]},
        "favoritePickup": {"value": {"name": "Loja", "address": {"city": "São Paulo"}}},
    }});
    shopper
        .call(("POST", SESSIONS), SCRIPT, &body.to_string())
        .await;
    assert_eq!(shopper.read("public.*").await["public"], body["public"]);
    // A write of the value alone leaves the rest.
    let flag = r#"{"public":{"flag":{"value":false}}}"#;
    shopper.call(("PATCH", SESSIONS), SCRIPT, flag).await;
    assert_eq!(
        shopper.read("public.flag").await["public"]["flag"],
        json!({"value": false, "keepAlive": true, "note": ["x"]})
    );
}

#[tokio::test]
async fn a_server_that_sends_no_login_cookie_logs_nobody_out() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    let id = shop.origin.last().header("x-session-id").map(str::to_owned);
    let mut server = shopper.clone();
    server.forget("VtexIdclientAutCookie_demostore");
    let body = r#"{"public":{"note":{"value":"from a server"}}}"#;
    let reply = server
        .call(("PATCH", "/api/sessions?items=profile.email"), SERVER, body)
        .await;
    assert_eq!(
        (reply.status, reply.json()["id"].as_str().map(str::to_owned)),
        (200, id)
    );
    assert_eq!(
        reply.json()["namespaces"]["profile"]["email"]["value"],
        "ana@example.com"
    );
    // The shopper's next page is still theirs.
    shopper.get("/account").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-authenticated"), Some("true"));
    // A browser that lost the cookie is logged out by the same call.
    let mut browser = shopper.clone();
    browser.forget("VtexIdclientAutCookie_demostore");
    let reply = browser
        .call(("PATCH", "/api/sessions?items=profile.*"), SCRIPT, body)
        .await;
    assert_eq!(
        reply.json()["namespaces"]["profile"]["isAuthenticated"]["value"],
        "false"
    );
}

#[tokio::test]
async fn a_server_that_shows_no_cookie_gets_nothing_of_a_login_that_ended() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    // Two sessions of one login; it ends in the first.
    shopper.get("/").await;
    let mut other = shopper.clone();
    other.forget("vtex_session");
    other.get("/").await;
    let mut server = other.clone();
    server.forget("VtexIdclientAutCookie_demostore");
    shopper.call(("DELETE", SESSIONS), SCRIPT, "").await;
    let reply = server
        .call(("GET", "/api/sessions?items=profile.*"), SERVER, "")
        .await;
    assert_eq!(
        reply.json()["namespaces"]["profile"],
        json!({"isAuthenticated": {"value": "false"}})
    );
}

#[tokio::test]
async fn an_impersonation_written_by_staff_loads_the_customer_and_an_empty_one_stops_it() {
    let shop = Shop::start().await;
    let mut staff = Shopper::new(&shop);
    staff.keep(
        "VtexIdclientAutCookie",
        &shop.staff_token("agent@demostore.example"),
    );
    staff.call(("POST", SESSIONS), SCRIPT, "{}").await;
    let write = |email: &str| {
        json!({"public": {"vtex-impersonated-customer-email": {"value": email}}}).to_string()
    };
    let target = "/api/sessions?items=impersonate.*,profile.email";
    let reply = staff
        .call(("POST", target), SCRIPT, &write("ana@example.com"))
        .await;
    assert_eq!(
        reply.json()["namespaces"],
        json!({
            "impersonate": {
                "account": {"value": "demostore"},
                "canImpersonate": {"value": "true"},
                "storeUserEmail": {"value": "ana@example.com"},
                "storeUserId": {"value": "11111111-1111-4111-8111-111111111111"},
            },
            "profile": {"email": {"value": "ana@example.com"}},
        })
    );
    let reply = staff.call(("POST", target), SCRIPT, &write("")).await;
    assert_eq!(
        reply.json()["namespaces"],
        json!({"impersonate": {"canImpersonate": {"value": "true"}}})
    );
}
