//! `/api/segments`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{SCRIPT, Shop, Shopper};
use vestibule::store::Census;

fn decoded(token: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(token).unwrap()).unwrap()
}

#[tokio::test]
async fn the_segment_is_what_its_cookie_spells_out() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.call(("GET", "/api/segments"), SCRIPT, "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.sets_session(), "none was there");
    assert_eq!(
        reply.json(),
        decoded(shopper.cookie("vtex_segment").unwrap())
    );
    let again = shopper.call(("GET", "/api/segments/"), SCRIPT, "").await;
    assert_eq!(again.body, reply.body);
    assert!(!again.sets_session());
    assert_eq!(again.set_cookies("vtex_segment").len(), 1);
}

#[tokio::test]
async fn what_the_query_says_shows_in_this_answer_alone() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2").await;
    let before = shopper.read("*").await;
    let cookie = shopper.cookie("vtex_segment").unwrap().to_owned();
    let target = "/api/segments?utm_campaign=blackfriday&cultureInfo=en-US&utmi_cp=banner\
                  &supportedLocales=en-US&session_path=x";
    let reply = shopper.call(("GET", target), SCRIPT, "").await;
    let segment = reply.json();
    for (name, value) in [
        ("utm_campaign", "blackfriday"),
        ("utmi_campaign", "banner"),
        ("campaigns", "black-friday"),
        ("cultureInfo", "en-US"),
        ("channel", "2"),
    ] {
        assert_eq!(segment[name], value, "{name}");
    }
    assert_eq!(shopper.read("*").await, before);
    assert_eq!(shopper.cookie("vtex_segment").unwrap(), cookie);
    // A channel that is not open is not shown either.
    let refused = shopper
        .call(("GET", "/api/segments?sc=3"), SCRIPT, "")
        .await;
    assert_eq!(refused.status, 401);
    assert_eq!(shopper.read("*").await, before);
}

#[tokio::test]
async fn a_token_in_the_path_is_spelled_out_without_a_session() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    let samples = include_str!("../../data/segments.json");
    let samples: Vec<Value> = serde_json::from_str(samples).unwrap();
    let tokens = samples.iter().filter_map(|sample| sample["token"].as_str());
    for token in tokens {
        for token in [token, token.trim_end_matches('=')] {
            let target = format!("/api/segments/{token}");
            let reply = shopper.call_and_lose(("GET", &target), SCRIPT, "").await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.json(), decoded(&padded(token)));
            assert!(reply.all("set-cookie").is_empty());
        }
        let target = format!("/api/segments/{token}?utm_source=x");
        let reply = shopper.call_and_lose(("GET", &target), SCRIPT, "").await;
        assert_eq!(reply.json()["utm_source"], "x");
    }
    for bad in ["x", "AAAA", "W10=", "%C3%A9"] {
        let target = format!("/api/segments/{bad}");
        let reply = shopper.call_and_lose(("GET", &target), SCRIPT, "").await;
        assert_eq!(reply.status, 400, "{bad}");
        assert_eq!(reply.json()["type"], "BadRequest");
    }
    assert_eq!(shop.shared.flow.census(), Census::default());
}

fn padded(token: &str) -> String {
    let missing = (4 - token.len() % 4) % 4;
    format!("{token}{}", "=".repeat(missing))
}

#[tokio::test]
async fn a_segment_too_large_for_a_cookie_is_whole_in_the_answer() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let facets = "productClusterIds=140;".repeat(150);
    let body = json!({"public": {"facets": {"value": facets}}}).to_string();
    let reply = shopper.call(("POST", "/api/sessions"), SCRIPT, &body).await;
    let cookie = shopper.cookie("vtex_segment").unwrap().to_owned();
    assert!(cookie.len() <= 3800 && decoded(&cookie).get("facets").is_none());
    let token = reply.json()["segmentToken"].as_str().unwrap().to_owned();
    assert_eq!(decoded(&token)["facets"], facets);
    let segment = shopper.call(("GET", "/api/segments"), SCRIPT, "").await;
    assert_eq!(segment.json()["facets"], facets);
    let metrics = shop.metrics();
    assert!(metrics.contains(r#"event="segment_cut""#), "{metrics}");
}
