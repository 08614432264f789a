//! An operator ends every session of a person.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vestibule::admin::{Access, router};

use crate::support::{Shop, Shopper};

const ANA: &str = "11111111-1111-4111-8111-111111111111";
const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";

async fn end_all(shop: &Shop, account: &str, host: &str) -> (StatusCode, Value) {
    let path = format!("/accounts/{account}/principals/{ANA}/sessions");
    let request = Request::delete(path).header("host", host);
    let request = request.body(Body::empty()).unwrap();
    let admin = router(Arc::clone(&shop.shared), Access::Loopback);
    let answer = admin.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 4096).await.unwrap();
    let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, said)
}

#[tokio::test]
async fn every_session_of_a_person_ends_and_their_logins_open_no_other() {
    for store in ["", EMBEDDED] {
        let shop = Shop::with(store).await;
        let mut phone = Shopper::known(&shop, "ana@example.com");
        let mut desk = Shopper::known(&shop, "ana@example.com");
        let mut bruno = Shopper::known(&shop, "bruno@example.com");
        for shopper in [&mut phone, &mut desk, &mut bruno] {
            shopper.get("/").await;
            assert!(shop.origin.last().header("x-session-user-id").is_some());
        }
        let (status, said) = end_all(&shop, "demostore", "localhost").await;
        assert_eq!(status, StatusCode::OK, "{said}");
        assert_eq!(said, json!({"ended": 2, "complete": true}));
        for shopper in [&mut phone, &mut desk] {
            for _ in 0..2 {
                shopper.get("/").await;
                let seen = shop.origin.last();
                assert_eq!(seen.header("x-session-user-id"), None);
            }
        }
        bruno.get("/").await;
        assert!(shop.origin.last().header("x-session-user-id").is_some());
        let revoked = r#"vestibule_sessions_ended_total{reason="revoked"} 2"#;
        assert!(shop.metrics().contains(revoked), "{}", shop.metrics());
        let (_, again) = end_all(&shop, "demostore", "localhost").await;
        assert_eq!(again["ended"], 0);
    }
}

#[tokio::test]
async fn an_unknown_account_and_a_stranger_are_told_so() {
    let shop = Shop::start().await;
    let (status, said) = end_all(&shop, "nobody", "localhost").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{said}");
    let (status, _) = end_all(&shop, "demostore", "rebound.example").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
