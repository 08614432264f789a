//! Complaints from code and threads.

use serde_json::json;

use super::{LOGIN, SESSIONS};
use crate::support::{SCRIPT, SERVER, Shop, Shopper};

#[tokio::test]
async fn later_pages_without_a_campaign_erase_none() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_campaign=blackfriday").await;
    for target in ["/", "/product?skuId=1", "/?gclid=x"] {
        shopper.get(target).await;
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-campaigns"), Some("black-friday"));
    }
    shopper.call(("POST", SESSIONS), SCRIPT, "{}").await;
    assert_eq!(
        shopper.read("public.utm_campaign").await["public"]["utm_campaign"]["value"],
        "blackfriday"
    );
}

#[tokio::test]
async fn post_and_patch_do_the_same_with_a_cookie_and_without_one() {
    for method in ["POST", "PATCH"] {
        let shop = Shop::start().await;
        let mut shopper = Shopper::new(&shop);
        for (number, status) in [(1, 201), (2, 200)] {
            let key = format!("n{number}");
            let body = json!({"public": {key: {"value": number}}}).to_string();
            let reply = shopper.call((method, SESSIONS), SCRIPT, &body).await;
            assert_eq!(reply.status, status, "{method}");
        }
        assert_eq!(
            shopper.read("public.*").await["public"],
            json!({"n1": {"value": 1}, "n2": {"value": 2}}),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_client_without_the_segments_cookie_is_served_all_the_same() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2").await;
    shopper.forget("vtex_segment");
    shopper.get("/search").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-channel"), Some("2"));
    assert!(
        seen.header("x-vtex-segment").is_some(),
        "search gets it always"
    );
    let segment = shopper.call(("GET", "/api/segments"), SCRIPT, "").await;
    assert_eq!(segment.json()["channel"], "2");
}

#[tokio::test]
async fn a_forged_segment_changes_nothing() {
    use base64::Engine as _;
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let forged = json!({"channel": "3", "priceTables": "gold", "campaigns": "vip"}).to_string();
    let forged = base64::engine::general_purpose::STANDARD.encode(forged);
    shopper.keep("vtex_segment", &forged);
    shopper.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-channel"), Some("1"));
    assert_eq!(seen.header("x-session-price-tables"), None);
    assert_ne!(seen.header("x-vtex-segment"), Some(&*forged));
    let segment = shopper.call(("GET", "/api/segments"), SCRIPT, "").await;
    assert_eq!(segment.json()["channel"], "1");
}

#[tokio::test]
async fn a_place_written_twice_is_one_change() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let place = r#"{"public":{"postalCode":{"value":"20040002"},"country":{"value":"BRA"}}}"#;
    shopper.call(("PATCH", SESSIONS), SCRIPT, place).await;
    let calls = shop.mood.calls();
    let (before, segment) = (
        shopper.read("*").await,
        shopper.cookie("vtex_segment").unwrap().to_owned(),
    );
    shopper.call(("PATCH", SESSIONS), SCRIPT, place).await;
    assert_eq!(shopper.read("*").await, before);
    assert_eq!(shopper.cookie("vtex_segment").unwrap(), segment);
    assert_eq!(shop.mood.calls(), calls, "no app was asked");
}

#[tokio::test]
async fn hundreds_of_price_tables_break_neither_page_nor_cookie() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let tables: Vec<String> = (0..300)
        .map(|number| format!("table-{number:04}"))
        .collect();
    shop.mood.give_price_tables(&tables);
    shopper.keep(LOGIN, &shop.token("ana@example.com"));
    let reply = shopper.get("/").await;
    assert_eq!(reply.status, 200);
    for line in reply.all("set-cookie") {
        assert!(line.len() <= 4096, "{} bytes", line.len());
    }
    let seen = shop.origin.last();
    assert_eq!(
        seen.header("x-session-price-tables"),
        Some(tables.join(",").as_str())
    );
}

#[tokio::test]
async fn what_a_client_writes_steers_no_prices_where_the_store_says_so() {
    let shop =
        Shop::with("[account.allow]\nprofile_by_email = false\nclient_region_id = false").await;
    let mut shopper = Shopper::new(&shop);
    let body = json!({"public": {
        "storeUserEmail": {"value": "ana@example.com"},
        "regionId": {"value": "v2.RIO"},
        "isAuthenticated": {"value": "true"},
    }, "profile": {"priceTables": {"value": "gold"}}});
    for headers in [SCRIPT, SERVER] {
        shopper
            .call(("POST", SESSIONS), headers, &body.to_string())
            .await;
        let all = shopper.read("*").await;
        assert_eq!(
            all["profile"],
            json!({"isAuthenticated": {"value": "false"}})
        );
        let region = all["checkout"].get("regionId").cloned();
        assert!(
            region.is_none_or(|region| region["value"].is_null()),
            "{all}"
        );
    }
}
