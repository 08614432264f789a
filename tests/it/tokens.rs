//! What a backend can be given beside headers: tokens, the signed context, the true segment.

use serde_json::{Value, json};
use vestibule::domain::jws::Compact;
use vestibule::domain::token::TokenAlgorithm;

use crate::support::shopper::PAGE;
use crate::support::{Shop, Shopper};

const ROUTES: &str = "[account.context]\nnamespaces = [\"store\"]\naudience = \"catalogue\"\n\
    [[account.route]]\npath = \"/catalogue\"\nsend_context = true\nsend_session_token = true\n";

#[tokio::test]
async fn a_route_that_asks_gets_a_signed_context_whose_keys_are_published() {
    for algorithm in [TokenAlgorithm::EdDsa, TokenAlgorithm::Es256] {
        let shop = Shop::with_ring(algorithm, ROUTES).await;
        let mut shopper = Shopper::new(&shop);
        shopper.get("/catalogue?sc=2").await;
        let seen = shop.origin.last();
        let context = seen.header("x-session-context").unwrap().to_owned();
        let read = Compact::read(&context, 8192).unwrap();
        let claims = read.claims().unwrap();
        assert_eq!(
            claims.get("sid").and_then(Value::as_str),
            seen.header("x-session-id")
        );
        assert_eq!(claims.get("aud"), Some(&json!("catalogue")));
        assert_eq!(
            claims.get("namespaces").unwrap()["store"]["channel"]["value"],
            "2"
        );
        let reply = shopper.send("GET", "/_session/jwks.json", &[]).await;
        assert_eq!(
            reply.header("content-type"),
            Some("application/jwk-set+json")
        );
        assert_eq!(reply.json()["keys"][0]["kid"], json!(read.header().kid));
        assert!(reply.all("set-cookie").is_empty());
        // Unchanged, it is used again; other routes never get it.
        shopper.get("/catalogue").await;
        assert_eq!(
            shop.origin.last().header("x-session-context"),
            Some(context.as_str())
        );
        shopper.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-context"), None);
        assert_eq!(shop.origin.last().header("x-vtex-session"), None);
    }
}

#[tokio::test]
async fn the_session_token_of_a_backend_is_good_for_the_same_session() {
    let shop = Shop::with_ring(TokenAlgorithm::EdDsa, ROUTES).await;
    let shopper = Shopper::new(&shop);
    shopper.send_and_lose("GET", "/catalogue", PAGE).await;
    let seen = shop.origin.last();
    let mut backend = Shopper::new(&shop);
    backend.keep("vtex_session", seen.header("x-vtex-session").unwrap());
    backend.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-id"),
        seen.header("x-session-id")
    );
}

#[tokio::test]
async fn the_true_segment_takes_the_place_of_the_clients_where_a_store_reads_the_cookie() {
    let shop = Shop::with("[account.cookies]\nsend_segment_upstream = true\n").await;
    let mut shopper = Shopper::new(&shop);
    shopper.keep("vtex_segment", "forged");
    shopper.keep("other", "1");
    shopper.get("/?sc=2").await;
    let seen = shop.origin.last();
    let line = format!(
        "other=1; vtex_segment={}",
        seen.header("x-vtex-segment").unwrap()
    );
    assert_eq!(seen.header("cookie"), Some(line.as_str()));
}

#[tokio::test]
async fn a_cdn_is_told_the_segments_key_where_the_account_wants_it() {
    let shop = Shop::with("[account.headers]\necho_segment_key = true\n").await;
    shop.origin
        .says("/", 200, &[("x-session-segment-key", "forged")]);
    let reply = Shopper::new(&shop).get("/").await;
    let key = reply.header("x-session-segment-key").map(str::to_owned);
    assert_eq!(
        key.as_deref(),
        shop.origin.last().header("x-session-segment-key")
    );
}
