//! Sessions that hold nothing but defaults are not written before their cookie comes back, and
//! nobody notices.

use std::sync::Arc;
use std::time::Duration;

use crate::support::clock::at;
use crate::support::shopper::PAGE;
use crate::support::{SCRIPT, Shop, Shopper};

const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";
const ATTEMPTS: usize = 400;
const PAUSE: Duration = Duration::from_millis(10);

fn last_id(shop: &Shop) -> String {
    shop.origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned()
}

fn writes(shop: &Shop) -> usize {
    let metrics = shop.metrics();
    let written = metrics.lines().filter_map(|line| {
        let operation = line.strip_prefix("vestibule_store_operations_total{operation=\"")?;
        let (operation, rest) = operation.split_once('"')?;
        let reads = ["load", "login"].contains(&operation);
        let (_, count) = rest.rsplit_once(' ')?;
        (!reads).then(|| count.parse::<usize>().unwrap())
    });
    written.sum()
}

async fn written(shop: &Shop, count: usize) {
    let line = format!("vestibule_store_light_total{{what=\"written\"}} {count}");
    let mut attempts = tokio::time::interval(PAUSE);
    for _ in 0..ATTEMPTS {
        if shop.metrics().lines().any(|said| said == line) {
            return;
        }
        attempts.tick().await;
    }
    panic!("{line} in {}", shop.metrics());
}

/// A shopper who has seen one page, and their session's id.
async fn one_page(shop: &Arc<Shop>) -> (Shopper, String) {
    let mut shopper = Shopper::new(shop);
    assert!(shopper.get("/").await.sets_session());
    (shopper, last_id(shop))
}

#[tokio::test]
async fn a_visit_of_one_page_writes_nothing_and_its_second_page_writes_once() {
    let shop = Shop::with(EMBEDDED).await;
    let (mut shopper, id) = one_page(&shop).await;
    assert_eq!(writes(&shop), 0, "{}", shop.metrics());
    shop.clock.set(at("1:00"));
    shopper.get("/").await;
    assert_eq!(last_id(&shop), id);
    written(&shop, 1).await;
    let so_far = writes(&shop);
    shopper.get("/").await;
    assert_eq!(writes(&shop), so_far);
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    Shopper::with_jar(&shop, jar).get("/").await;
    assert_eq!(last_id(&shop), id);
}

#[tokio::test]
async fn what_was_written_nowhere_is_made_again_under_its_id_by_whoever_sees_the_token() {
    let shop = Shop::with(EMBEDDED).await;
    let (shopper, id) = one_page(&shop).await;
    let channel = shop
        .origin
        .last()
        .header("x-session-channel")
        .map(str::to_owned);
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    shop.clock.set(at("20:00"));
    let mut shopper = Shopper::with_jar(&shop, jar);
    shopper.get("/?utm_source=mail").await;
    assert_eq!(last_id(&shop), id);
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-channel").map(str::to_owned), channel);
    // From here on it is a session like any other.
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    let mut shopper = Shopper::with_jar(&shop, jar);
    shopper.get("/").await;
    assert_eq!(last_id(&shop), id);
    let public = shopper.read("public.*").await["public"].clone();
    assert_eq!(public["utm_source"]["value"], "mail");
}

#[tokio::test]
async fn the_lifetime_law_holds_for_what_is_made_again() {
    let shop = Shop::with(EMBEDDED).await;
    let (shopper, id) = one_page(&shop).await;
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    // Idle since its only page, as far as anybody can know: late by the touch interval at most.
    shop.clock.set(at("25:30.001"));
    let mut shopper = Shopper::with_jar(&shop, jar);
    let reply = shopper.get("/").await;
    assert!(reply.sets_session());
    assert_ne!(last_id(&shop), id);
}

#[tokio::test]
async fn an_ended_one_is_not_made_again() {
    let shop = Shop::with(EMBEDDED).await;
    let (mut shopper, id) = one_page(&shop).await;
    let thief = shopper.clone();
    let reply = shopper.call(("DELETE", "/api/sessions"), SCRIPT, "").await;
    assert_eq!(reply.status, 204, "{reply:?}");
    let jar = thief.into_jar();
    drop(shopper);
    let shop = shop.restarted();
    Shopper::with_jar(&shop, jar).get("/").await;
    assert_ne!(last_id(&shop), id);
}

#[tokio::test]
async fn what_a_visitor_said_is_kept_at_once() {
    let shop = Shop::with(EMBEDDED).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=mail").await;
    let id = last_id(&shop);
    assert!(writes(&shop) > 0);
    let mut script = Shopper::new(&shop);
    let body = r#"{"public":{"colour":{"value":"red"}}}"#;
    let reply = script.call(("POST", "/api/sessions"), SCRIPT, body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let (jar, scripts) = (shopper.into_jar(), script.into_jar());
    let shop = shop.restarted();
    let mut shopper = Shopper::with_jar(&shop, jar);
    shopper.get("/").await;
    assert_eq!(last_id(&shop), id);
    let mut script = Shopper::with_jar(&shop, scripts);
    let public = script.read("public.*").await["public"].clone();
    assert_eq!(public["colour"]["value"], "red");
}

#[tokio::test]
async fn crawlers_and_many_visitors_of_one_page_write_nothing() {
    let shop = Shop::with(EMBEDDED).await;
    let mut crawler = PAGE.to_vec();
    crawler.push(("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"));
    Shopper::new(&shop).send("GET", "/", &crawler).await;
    for _ in 0..50 {
        shop.clock.advance(Duration::from_secs(1));
        one_page(&shop).await;
    }
    assert_eq!(writes(&shop), 0, "{}", shop.metrics());
    let begun = "vestibule_store_light_total{what=\"begun\"} 50";
    assert!(shop.metrics().contains(begun), "{}", shop.metrics());
}

#[tokio::test]
async fn parallel_requests_with_one_token_make_one_session_of_it() {
    let shop = Shop::with(EMBEDDED).await;
    let (shopper, id) = one_page(&shop).await;
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    let shopper = Shopper::with_jar(&shop, jar);
    let asked = (0..8).map(|_| {
        let mut shopper = shopper.clone();
        async move { shopper.get("/").await }
    });
    for reply in futures_of(asked).await {
        assert_eq!(reply.status, 200);
    }
    assert_eq!(last_id(&shop), id);
    let created = "vestibule_store_operations_total{operation=\"create\",outcome=\"ok\"} 1";
    assert!(shop.metrics().contains(created), "{}", shop.metrics());
}

async fn futures_of<F>(asked: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for one in asked {
        tasks.spawn(one);
    }
    tasks.join_all().await
}
