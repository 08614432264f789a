//! What an app is told, and how calls go out.

use serde_json::{Value, json};

use super::{Store, entry};
use crate::support::service::Answer;
use crate::support::shopper::PAGE;
use crate::support::{Service, Shop, Shopper};

fn facets(body: &Value) -> Value {
    json!({"search": {"facets": {"value": body["public"]["facets"]["value"]}}})
}

#[tokio::test]
async fn a_call_carries_the_account_and_the_names_of_the_shoppers_request() {
    let store = Store::with_search("", "").await;
    store.service.answers("search", facets);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [PAGE, &[("x-request-id", "abc-1"), ("traceparent", parent)]].concat();
    let mut shopper = store.shopper();
    shopper.keep("anything", "secret");
    shopper.send("GET", "/?facets=a", &headers).await;
    let calls = store.service.got();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(call.header("x-vtex-account"), Some("demostore"));
    assert_eq!(call.header("x-request-id"), Some("abc-1"));
    let seen = store.shop.origin.last();
    assert_eq!(call.header("traceparent"), seen.header("traceparent"));
    assert!(
        call.header("traceparent")
            .unwrap()
            .contains("0af7651916cd43dd8448eb211c80319c")
    );
    let names: Vec<&str> = call.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "content-type",
        "accept",
        "user-agent",
        "x-vtex-account",
        "x-request-id",
        "traceparent",
        "host",
        "content-length",
    ];
    assert_eq!(names, expected, "and nothing else");
}

#[tokio::test]
async fn an_app_that_runs_on_create_is_asked_with_nothing_first() {
    let store = Store::with_search("run_on_create = true\n", "").await;
    store.service.answers("search", facets);
    let mut shopper = store.shopper();
    shopper.get("/?facets=a").await;
    assert_eq!(
        store.service.bodies(),
        [json!({}), json!({"public": {"facets": {"value": "a"}}})]
    );
    shopper.get("/").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0]);
}

#[tokio::test]
async fn a_cookie_is_told_by_its_name_alone() {
    const COOKIE: &str = "VtexIdclientAutCookie_demostore";
    for (raw, told) in [
        ("", false),
        (
            "raw_cookies = [\"VtexIdclientAutCookie_demostore\"]\n",
            true,
        ),
    ] {
        let service = Service::start().await;
        let app = "input = { cookie = [\"VtexIdclientAutCookie_.*\"] }\n";
        let app = entry("watcher", &service.url(), &format!("{app}{raw}"));
        let shop = Shop::with(&app).await;
        service.answers("watcher", |_| json!({}));
        let mut shopper = Shopper::new(&shop);
        let token = shop.token("ana@example.com");
        shopper.keep(COOKIE, &token);
        shopper.get("/").await;
        let body = if told {
            json!({"cookie": {COOKIE: {"value": token}}})
        } else {
            json!({})
        };
        assert_eq!(service.bodies(), [body]);
    }
}

#[tokio::test]
async fn two_apps_on_one_origin_share_its_connections() {
    let service = Service::start().await;
    let other = "input = { public = [\"utm_source\"] }\n";
    let over = entry("other", &service.url(), other);
    let url = service.url();
    let store = Store::at(service, &url, "", &over).await;
    store.service.answers("search", facets);
    store.service.answers("other", |_| json!({}));
    let mut shopper = store.shopper();
    for target in [
        "/?facets=a",
        "/?utm_source=b",
        "/?facets=c",
        "/?utm_source=d",
    ] {
        shopper.get(target).await;
    }
    let apps: Vec<String> = store.service.got().into_iter().map(|got| got.app).collect();
    assert_eq!(apps, ["search", "other", "search", "other"]);
    assert_eq!(store.service.connections(), 1);
}

#[tokio::test]
async fn equal_inputs_are_asked_once_where_the_account_says_so() {
    for (memo, calls) in [("memo = true\n", 1), ("", 3)] {
        let store = Store::with_search(memo, "").await;
        store.service.answers("search", facets);
        for _ in 0..3 {
            store.shopper().get("/?facets=a").await;
            assert_eq!(store.backend_got("x-app-facets").as_deref(), Some("a"));
        }
        assert_eq!(store.service.bodies().len(), calls, "{memo}");
    }
}

#[tokio::test]
async fn a_condition_keeps_an_app_from_being_asked() {
    let when = "when = 'profile.isAuthenticated == \"true\"'\n";
    let store = Store::with_search(when, "").await;
    let mut shopper = store.shopper();
    shopper.get("/?facets=a").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0]);
    store.service.expects("search", Answer::Json(json!({})));
    let token = store.shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &token);
    shopper.get("/").await;
    assert_eq!(
        store.service.bodies().len(),
        1,
        "it is asked once the condition holds"
    );
}

#[tokio::test]
async fn an_app_is_shown_the_secret_that_the_account_keeps_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.token");
    std::fs::write(&file, "a-long-enough-secret\n").unwrap();
    let store = Store::with_search(&format!("token_file = {file:?}\n"), "").await;
    store.service.answers("search", facets);
    store.shopper().get("/?facets=a").await;
    let calls = store.service.got();
    assert_eq!(
        calls[0].header("authorization"),
        Some("Bearer a-long-enough-secret")
    );
}
