//! Apps that are slow, broken, gone or never content. None of them costs a shopper the page.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Store;
use crate::support::Service;
use crate::support::clock::at;
use crate::support::service::Answer;

fn facets(body: &Value) -> Value {
    json!({"search": {"facets": {"value": body["public"]["facets"]["value"]}}})
}

/// The page is there without what the app would have said, and everybody is told.
async fn costs_no_page(store: &Store, outcome: &str, cause: &str) {
    let reply = store.shopper().get("/?facets=a").await;
    assert_eq!(reply.status, 200);
    assert_eq!(store.backend_got("x-app-facets"), None);
    assert_eq!(store.backend_got("x-session-channel").as_deref(), Some("1"));
    store.counts(&format!(
        r#"vestibule_app_calls_total{{account="demostore",app="search",outcome="{outcome}"}} 1"#
    ));
    store.counts(&format!(
        r#"vestibule_app_failures_total{{app="search",cause="{cause}"}} 1"#
    ));
    store.counts(r#"vestibule_events_total{event="app_failed"} 1"#);
}

#[tokio::test]
async fn an_app_that_answers_with_anything_but_an_answer_costs_no_page() {
    let long = json!({"search": {"facets": {"value": "x".repeat(66_000)}}}).to_string();
    for (answer, outcome) in [
        (Answer::Text(500, "{}".to_owned()), "unavailable"),
        (Answer::Text(503, String::new()), "unavailable"),
        (Answer::Text(302, String::new()), "bad_reply"),
        (Answer::Text(404, "{}".to_owned()), "bad_reply"),
        (Answer::Text(200, "<html>".to_owned()), "bad_reply"),
        (Answer::Text(200, "[]".to_owned()), "bad_reply"),
        (
            Answer::Json(json!({"search": {"facets": "bare"}})),
            "bad_reply",
        ),
        (Answer::Text(200, long), "bad_reply"),
        (Answer::Half, "unavailable"),
    ] {
        let store = Store::with_search("", "").await;
        store.service.expects("search", answer);
        costs_no_page(&store, outcome, outcome).await;
        assert_eq!(
            store.service.bodies().len(),
            1,
            "{outcome}: asked once, not again"
        );
    }
}

#[tokio::test]
async fn an_app_that_is_not_there_costs_no_page() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let service = Service::start().await;
    let store = Store::at(service, &format!("http://{address}"), "", "").await;
    costs_no_page(&store, "unavailable", "unavailable").await;
}

#[tokio::test]
async fn a_slow_app_costs_its_timeout_and_what_it_says_afterwards_counts_for_nothing() {
    let store = Store::with_search("timeout = \"100ms\"\n", "").await;
    let (late, held) = oneshot::channel();
    store.service.expects("search", Answer::Held(held));
    costs_no_page(&store, "timeout", "timeout").await;
    drop(late.send(json!({"search": {"facets": {"value": "late"}}})));
    store.shopper().get("/").await;
    assert_eq!(store.backend_got("x-app-facets"), None);
    assert_eq!(store.service.bodies().len(), 1);
}

#[tokio::test]
async fn the_cycles_deadline_cuts_a_call_short_and_that_is_counted_too() {
    let store = Store::with_search("", "[account.cycle]\ndeadline = \"100ms\"\n").await;
    let (_never, held) = oneshot::channel();
    store.service.expects("search", Answer::Held(held));
    costs_no_page(&store, "timeout", "timeout").await;
    assert_eq!(store.service.bodies().len(), 1);
}

#[tokio::test]
async fn an_empty_answer_is_one_that_writes_nothing() {
    for answer in [
        Answer::Text(200, String::new()),
        Answer::Text(204, String::new()),
    ] {
        let store = Store::with_search("", "").await;
        store.service.expects("search", answer);
        store.shopper().get("/?facets=a").await;
        store.counts(
            r#"vestibule_app_calls_total{account="demostore",app="search",outcome="answered"} 1"#,
        );
        assert_eq!(store.service.bodies().len(), 1);
    }
}

#[tokio::test]
async fn an_app_that_is_never_content_is_stopped_and_its_key_is_as_it_was() {
    fn more(body: &Value) -> Value {
        let facets = body["public"]["facets"]["value"]
            .as_str()
            .unwrap_or_default();
        json!({"public": {"facets": {"value": format!("{facets}x")}}})
    }
    let output = "output = { public = [\"facets\"], search = [\"facets\"] }\n";
    let service = Service::start().await;
    let app = format!("input = {{ public = [\"facets\"] }}\n{output}");
    let app = super::entry("search", &service.url(), &app);
    let shown = "\"x-app-public\" = \"public.facets\"\n";
    let shop = crate::support::Shop::with(&format!("{app}{}{shown}", super::FACETS)).await;
    service.answers("search", more);
    let reply = crate::support::Shopper::new(&shop).get("/?facets=a").await;
    assert_eq!(reply.status, 200);
    assert_eq!(shop.origin.last().header("x-app-public"), None);
    assert_eq!(service.bodies().len(), 8, "as many as there are rounds");
    assert!(
        shop.metrics()
            .contains(r#"vestibule_events_total{event="looped"} 1"#)
    );
}

#[tokio::test]
async fn what_a_failure_does_is_the_accounts_choice() {
    for (on_error, status, facets_after) in [
        ("keep", 200, Some("a")),
        ("clear", 200, None),
        ("fail", 502, Some("a")),
    ] {
        let store = Store::with_search(&format!("on_error = {on_error:?}\n"), "").await;
        let mut shopper = store.shopper();
        store.service.expects(
            "search",
            Answer::Json(json!({"search": {"facets": {"value": "a"}}})),
        );
        shopper.get("/?facets=a").await;
        store
            .service
            .expects("search", Answer::Text(500, String::new()));
        let reply = shopper.get("/?facets=b").await;
        assert_eq!(reply.status, status, "{on_error}");
        if status == 502 {
            assert!(reply.body.contains("search"), "{reply:?}");
        }
        shopper.get("/").await;
        assert_eq!(
            store.backend_got("x-app-facets").as_deref(),
            facets_after,
            "{on_error}"
        );
        store.service.got();
    }
}

#[tokio::test]
async fn an_app_that_failed_is_asked_again_beside_the_requests_and_catches_up() {
    let store = Store::with_search("", "").await;
    let mut shopper = store.shopper();
    store
        .service
        .expects("search", Answer::Text(500, String::new()));
    shopper.get("/?facets=a").await;
    store.shop.clock.advance(at("0:02"));
    store.service.expects(
        "search",
        Answer::Json(json!({"search": {"facets": {"value": "a"}}})),
    );
    // This request starts the call and does not wait for it.
    shopper.get("/").await;
    store.shop.settled().await;
    shopper.get("/").await;
    assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
    let calls = store.service.got();
    assert_eq!(calls.len(), 2);
    assert_ne!(
        calls[0].header("x-request-id"),
        calls[1].header("x-request-id"),
        "nobody's request waits for it"
    );
}

#[tokio::test]
async fn a_breaker_opens_lets_one_call_try_and_closes() {
    let breaker = "breaker = { failures = 2, cool_down = \"10s\" }\n";
    let store = Store::with_search(breaker, "").await;
    let state = |state| {
        format!(r#"vestibule_app_breaker_state{{account="demostore",app="search"}} {state}"#)
    };
    store.counts(&state(0));
    for _ in 0..2 {
        store
            .service
            .expects("search", Answer::Text(500, String::new()));
        store.shopper().get("/?facets=a").await;
    }
    store.counts(&state(2));
    // Nobody is asked now, and the page is there at once.
    assert_eq!(store.shopper().get("/?facets=a").await.status, 200);
    assert_eq!(store.service.bodies().len(), 2);
    store.counts(
        r#"vestibule_app_calls_total{account="demostore",app="search",outcome="breaker_open"} 1"#,
    );
    // The call that tries fails: it stays open.
    store.shop.clock.advance(at("0:13"));
    store
        .service
        .expects("search", Answer::Text(500, String::new()));
    store.shopper().get("/?facets=a").await;
    store.counts(&state(2));
    // It succeeds: all others follow.
    store.shop.clock.advance(at("0:13"));
    store.service.answers("search", facets);
    for _ in 0..2 {
        store.shopper().get("/?facets=a").await;
        assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
    }
    store.counts(&state(0));
    assert_eq!(store.service.bodies().len(), 3);
}

#[tokio::test]
async fn what_one_shopper_provokes_does_not_cut_off_the_others() {
    let breaker = "breaker = { failures = 1, cool_down = \"10s\" }\n";
    let store = Store::with_search(breaker, "").await;
    store
        .service
        .expects("search", Answer::Text(400, String::new()));
    store.shopper().get("/?facets=poison").await;
    store.service.answers("search", facets);
    store.shopper().get("/?facets=a").await;
    assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
    assert_eq!(store.service.bodies().len(), 2);
}

#[tokio::test]
async fn calls_past_the_bound_fail_at_once() {
    let store = Store::with_search("concurrency = 1\n", "").await;
    let (let_go, held) = oneshot::channel();
    store.service.expects("search", Answer::Held(held));
    let mut first = store.shopper();
    let waiting = tokio::spawn(async move { first.get("/?facets=a").await });
    while store.service.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.shopper().get("/?facets=b").await.status, 200);
    store.counts(r#"vestibule_app_calls_total{account="demostore",app="search",outcome="busy"} 1"#);
    let_go
        .send(json!({"search": {"facets": {"value": "a"}}}))
        .unwrap();
    assert_eq!(waiting.await.unwrap().status, 200);
    assert_eq!(store.service.bodies().len(), 1);
    assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
}

#[tokio::test]
async fn an_app_is_asked_again_where_the_account_allows_it() {
    let store = Store::with_search("retries = 1\n", "").await;
    store
        .service
        .expects("search", Answer::Text(503, String::new()));
    store.service.expects(
        "search",
        Answer::Json(json!({"search": {"facets": {"value": "a"}}})),
    );
    store.shopper().get("/?facets=a").await;
    assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
    let calls = store.service.bodies();
    assert_eq!(calls[0], calls[1]);
}
