//! What users of session managers like this one complain of, each held as a test that it cannot
//! happen here. The numbers are those of the collection that the tests were written from.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{SCRIPT, Shop, Shopper};

const LOGIN: &str = "VtexIdclientAutCookie_demostore";
const SESSIONS: &str = "/api/sessions";

mod codes;
mod people;

#[tokio::test]
async fn pain_1_a_malformed_cookie_of_somebody_elses_breaks_no_call() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=newsletter").await;
    let line = shopper.line();
    for tag in [
        "_tag={\"a\":\"\\\"; x",
        "=; ==; ;;",
        "tag",
        "caf\u{e9}=1",
        "a=\"b",
    ] {
        let headers = [("cookie", tag), ("cookie", &*line), ("cookie", "z=%ZZ")];
        let reply = Shopper::new(&shop)
            .call(("GET", "/api/sessions?items=rnb.campaigns"), &headers, "")
            .await;
        assert_eq!(reply.status, 200, "{tag}: {reply:?}");
        assert_eq!(
            reply.json()["namespaces"]["rnb"]["campaigns"]["value"],
            "newsletter",
            "{tag}"
        );
    }
}

#[tokio::test]
async fn pain_2_keys_that_begin_with_the_same_word_are_all_stored_by_one_post() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let body = json!({"public": {
        "price": {"value": "1"}, "priceTable": {"value": "2"}, "price.table": {"value": "3"},
        "pricetable": {"value": "4"},
    }});
    shopper
        .call(("POST", SESSIONS), SCRIPT, &body.to_string())
        .await;
    assert_eq!(shopper.read("public.*").await["public"], body["public"]);
}

#[tokio::test]
async fn pain_3_stores_at_different_paths_of_one_host_share_no_session() {
    let shop = Shop::two_roots().await;
    let mut shopper = Shopper::new(&shop);
    shopper
        .call(("POST", "/br/api/sessions"), SCRIPT, "{}")
        .await;
    // A jar that ignores the path, as an old proxy in front would.
    let reply = shopper
        .call(
            ("GET", "/us/api/sessions?items=account.accountName"),
            SCRIPT,
            "",
        )
        .await;
    assert_eq!(reply.status, 200, "no cross-account error: {reply:?}");
    assert_eq!(
        reply.json()["namespaces"]["account"]["accountName"]["value"],
        "usstore"
    );
    assert!(reply.set_cookies("vtex_session")[0].contains("Path=/us;"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pain_4_requests_that_leave_while_the_session_is_made_anew_all_carry_the_price_tables() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    shopper.keep(LOGIN, &shop.token("ana@example.com"));
    let mut pages = JoinSet::new();
    for number in 0..12 {
        let mut shopper = shopper.clone();
        pages.spawn(async move {
            let path = format!("/cart/{number}");
            shopper.get(&path).await;
            path
        });
    }
    while let Some(path) = pages.join_next().await {
        let path = path.unwrap();
        let seen = shop.origin.seen();
        let one = seen.iter().find(|seen| seen.target == path).unwrap();
        assert_eq!(one.header("x-session-price-tables"), Some("gold"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pain_5_updates_at_the_same_time_lose_nothing() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let mut calls = JoinSet::new();
    for number in 0..24 {
        let mut client = shopper.clone();
        let method = if number % 2 == 0 { "POST" } else { "PATCH" };
        calls.spawn(async move {
            let body = json!({"public": {format!("n{number}"): {"value": number}}});
            client
                .call((method, SESSIONS), SCRIPT, &body.to_string())
                .await;
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    let public = shopper.read("public.*").await;
    assert_eq!(public["public"].as_object().unwrap().len(), 24);
}

#[tokio::test]
async fn pain_6_a_segment_too_large_for_a_cookie_still_reaches_backends_whole() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let facets = "productClusterIds=not:140;".repeat(160);
    let body = json!({"public": {"facets": {"value": facets}}}).to_string();
    shopper.call(("POST", SESSIONS), SCRIPT, &body).await;
    assert!(shopper.cookie("vtex_segment").unwrap().len() <= 3800);
    shopper.get("/").await;
    let seen = shop.origin.last();
    let header = seen.header("x-vtex-segment").unwrap();
    assert!(header.len() > 5000, "{}", header.len());
}

#[tokio::test]
async fn pain_7_several_campaigns_reach_backends_as_a_plain_list() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.keep(LOGIN, &shop.token("ana@example.com"));
    shopper
        .get("/?utm_campaign=blackfriday&utm_source=newsletter")
        .await;
    assert_eq!(
        shop.origin.last().header("x-session-campaigns"),
        Some("black-friday,newsletter,vip"),
        "a header of its own, in the store's order"
    );
    let segment = shopper.call(("GET", "/api/segments"), SCRIPT, "").await;
    assert_eq!(segment.json()["campaigns"], "black-friday,newsletter,vip");
}

#[tokio::test]
async fn pain_9_one_failing_app_costs_nobody_the_login() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shop.mood.fail_campaigns();
    shopper.keep(LOGIN, &shop.token("ana@example.com"));
    let reply = shopper
        .call(
            ("POST", "/api/sessions?items=profile.email,rnb.*"),
            SCRIPT,
            "{}",
        )
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(
        reply.json()["namespaces"],
        json!({"profile": {"email": {"value": "ana@example.com"}}})
    );
    let told = r#"vestibule_app_failures_total{app="rnb",cause="unavailable"}"#;
    assert!(shop.metrics().contains(told), "{}", shop.metrics());
}

#[tokio::test]
async fn pain_13_a_damaged_region_in_a_link_leaves_the_shoppers_region() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let place = r#"{"public":{"postalCode":{"value":"20040002"},"country":{"value":"BRA"}}}"#;
    shopper.call(("PATCH", SESSIONS), SCRIPT, place).await;
    for bad in ["%20", "v2.", "%C3%A9", "!!", ""] {
        shopper.get(&format!("/?regionId={bad}")).await;
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-region"), Some("v2.RIO"), "{bad:?}");
    }
}

#[tokio::test]
async fn pain_15_what_one_visitor_brought_is_kept_for_no_other() {
    let shop = Shop::start().await;
    let cacheable = [("cache-control", "public, max-age=600")];
    shop.origin.says("/landing", 200, &cacheable);
    let reply = Shopper::new(&shop)
        .get("/landing?utm_source=newsletter")
        .await;
    assert!(reply.sets_session());
    let cache = reply.header("cache-control").unwrap();
    assert!(
        cache.contains("private") && !cache.contains("public"),
        "{cache}"
    );
}
