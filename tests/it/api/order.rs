//! Writes of one session at the same time.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{SCRIPT, SERVER, Shop, Shopper};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_clients_that_each_add_a_key_lose_none() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let mut clients = JoinSet::new();
    for number in 0..200 {
        let mut client = shopper.clone();
        clients.spawn(async move {
            let key = format!("key{number}");
            let body = json!({"public": {key: {"value": number}}}).to_string();
            client.call(("PATCH", "/api/sessions"), SERVER, &body).await
        });
    }
    while let Some(reply) = clients.join_next().await {
        assert_eq!(reply.unwrap().status, 200);
    }
    let public = shopper.read("public.*").await["public"].clone();
    for number in 0..200 {
        assert_eq!(public[format!("key{number}")]["value"], number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_and_calls_that_change_one_session_lose_nothing_of_each_other() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let mut clients = JoinSet::new();
    for number in 0..40 {
        let mut client = shopper.clone();
        clients.spawn(async move {
            if number % 2 == 0 {
                client.get(&format!("/?utm_k{}=page", number % 16)).await;
            } else {
                let body = json!({"public": {format!("k{number}"): {"value": "call"}}});
                let reply = client
                    .call(("POST", "/api/sessions"), SCRIPT, &body.to_string())
                    .await;
                assert_eq!(reply.status, 200, "{reply:?}");
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let public = shopper.read("public.*").await["public"].clone();
    for number in 0..40 {
        let (key, value) = if number % 2 == 0 {
            (format!("utm_k{}", number % 16), "page")
        } else {
            (format!("k{number}"), "call")
        };
        assert_eq!(public[&key]["value"], value, "{key}: {public}");
    }
}
