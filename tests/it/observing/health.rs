//! Whether an instance lives, and whether it is to get requests: with reasons.

use std::sync::Arc;

use serde_json::{Value, json};
use vestibule::reload::Reload;

use crate::support::{Service, Shop, Shopper};

async fn ready(shop: &Shop) -> (u16, Value) {
    let (status, body) = shop.admin("GET", "/health/ready").await;
    (status, serde_json::from_str(&body).unwrap())
}

fn whats(said: &Value) -> Vec<&str> {
    let reasons = said["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["what"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_well_instance_lives_and_is_ready_without_a_reason() {
    let shop = Shop::start().await;
    let (status, live) = shop.admin("GET", "/health/live").await;
    assert_eq!((status, &*live), (200, r#"{"live":true}"#));
    assert_eq!(
        ready(&shop).await,
        (200, json!({"ready": true, "reasons": []}))
    );
}

#[tokio::test]
async fn a_refused_reload_is_a_reason_until_a_good_one() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    shop.rewrite("shop.test.toml", |text| format!("{text}\n[nonsense]\n"));
    assert!(matches!(reloads.reload().await, Reload::Refused(_)));
    let (status, said) = ready(&shop).await;
    assert_eq!((status, &said["ready"]), (200, &json!(true)));
    assert_eq!(whats(&said), ["reload"]);
    assert_eq!(said["reasons"][0]["level"], "degraded");
    shop.rewrite("shop.test.toml", |text| text.replace("[nonsense]", ""));
    reloads.reload().await;
    assert_eq!(ready(&shop).await.1["reasons"], json!([]));
}

#[tokio::test]
async fn a_process_that_ends_is_to_get_no_requests() {
    let shop = Shop::start().await;
    shop.shared.telemetry.state().drains();
    let (status, said) = ready(&shop).await;
    assert_eq!((status, &said["ready"]), (503, &json!(false)));
    assert_eq!(whats(&said), ["draining"]);
    assert_eq!(shop.admin("GET", "/health/live").await.0, 200);
}

#[tokio::test]
async fn an_app_that_is_left_alone_is_a_reason_and_takes_nobody_out() {
    let service = Service::start().await;
    let app = format!(
        "[[account.app]]\nname = \"search\"\nurl = {:?}\n\
         input = {{ public = [\"utm_source\"] }}\noutput = {{ search = [\"facets\"] }}\n\
         breaker = {{ failures = 1 }}\n",
        service.url()
    );
    let shop: Arc<Shop> = Shop::with(&app).await;
    service.expects(
        "search",
        crate::support::service::Answer::Text(500, String::new()),
    );
    Shopper::new(&shop).get("/?utm_source=x").await;
    let (status, said) = ready(&shop).await;
    assert_eq!((status, whats(&said)), (200, vec!["app"]));
    let reason = &said["reasons"][0];
    assert_eq!(
        (&reason["account"], &reason["name"]),
        (&json!("demostore"), &json!("search"))
    );
}

#[tokio::test]
async fn an_upstream_without_any_address_takes_the_instance_out() {
    let over = "[[account.upstream]]\nname = \"store\"\naddresses = [\"nobody.invalid:80\"]\n";
    let shop = Shop::with(over).await;
    let (status, said) = ready(&shop).await;
    assert_eq!((status, whats(&said)), (503, vec!["upstream"]));
    assert_eq!(said["reasons"][0]["name"], "store");
}
