//! `GET /api/sessions`.

use serde_json::json;

use crate::support::{SCRIPT, SERVER, Shop, Shopper};
use vestibule::store::Census;

#[tokio::test]
async fn a_read_answers_the_listed_fields_and_leaves_missing_ones_out() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?sc=2&utm_campaign=blackfriday").await;
    let fields = shopper
        .read("store.channel,store.nothing,public.utm_campaign,profile.email,none.at-all,%20rnb.campaigns")
        .await;
    assert_eq!(
        fields,
        json!({
            "public": {"utm_campaign": {"value": "blackfriday"}},
            "rnb": {"campaigns": {"value": "black-friday"}},
            "store": {"channel": {"value": "2"}},
        })
    );
}

#[tokio::test]
async fn a_read_of_everything_shows_no_captured_cookies() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    for items in ["*", "cookie.VtexIdclientAutCookie_demostore", "cookie.*,*"] {
        let fields = shopper.read(items).await;
        assert!(fields.get("cookie").is_none(), "{items}: {fields}");
    }
    let all = shopper.read("*").await;
    assert_eq!(all["profile"]["firstName"], json!({"value": "Ana"}));
    assert_eq!(
        all["account"]["id"],
        json!({"value": "d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a10", "keepAlive": true})
    );
}

#[tokio::test]
async fn an_account_may_show_the_login_cookies_of_the_very_request() {
    let shop = Shop::with("[account.api]\nshow_cookies = true").await;
    let mut shopper = Shopper::new(&shop);
    let token = shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &token);
    shopper.get("/").await;
    let shown = shopper.read("cookie.*").await;
    assert_eq!(
        shown,
        json!({"cookie": {"VtexIdclientAutCookie_demostore": {"value": token}}})
    );
    // A server that does not show the cookie is not told it.
    let mut server = shopper.clone();
    server.forget("VtexIdclientAutCookie_demostore");
    let reply = server
        .call(("GET", "/api/sessions?items=*"), SERVER, "")
        .await;
    assert!(!reply.body.contains(&token) && reply.json()["namespaces"].get("cookie").is_none());
}

#[tokio::test]
async fn a_whole_namespace_can_be_asked_for() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let fields = shopper.read("account.*").await;
    assert_eq!(fields["account"]["accountName"]["value"], "demostore");
    assert_eq!(fields.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_without_items_is_told_what_to_say() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    for target in [
        "/api/sessions",
        "/api/sessions?items=",
        "/api/sessions/?x=1",
    ] {
        let reply = shopper.call(("GET", target), SCRIPT, "").await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.json()["type"], "BadRequest");
        assert!(
            reply.json()["message"]
                .as_str()
                .unwrap()
                .contains("items=store.channel"),
            "{reply:?}"
        );
        assert!(reply.all("set-cookie").is_empty(), "nothing was begun");
    }
}

#[tokio::test]
async fn a_read_without_a_session_begins_one_like_a_page() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper
        .call(
            (
                "GET",
                "/api/sessions/?items=store.channel&utm_source=newsletter",
            ),
            SCRIPT,
            "",
        )
        .await;
    assert_eq!(reply.status, 200);
    assert!(reply.sets_session());
    let first = reply.json()["id"].clone();
    let again = shopper
        .call(("GET", "/api/sessions?items=rnb.campaigns"), SCRIPT, "")
        .await;
    assert!(again.all("set-cookie").is_empty(), "{again:?}");
    assert_eq!(again.json()["id"], first);
    assert_eq!(
        again.json()["namespaces"]["rnb"]["campaigns"]["value"],
        "newsletter"
    );
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-id"),
        first.as_str(),
        "pages and the API share the session"
    );
}

#[tokio::test]
async fn a_head_is_a_read_without_a_body() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let get = shopper
        .call(("GET", "/api/sessions?items=store.channel"), SCRIPT, "")
        .await;
    let head = shopper
        .call(("HEAD", "/api/sessions?items=store.channel"), SCRIPT, "")
        .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[tokio::test]
async fn the_api_lies_below_the_root_path_of_its_store() {
    let shop = Shop::two_roots().await;
    let mut shopper = Shopper::new(&shop);
    let mut ids = Vec::new();
    for root in ["br", "us"] {
        let target = format!("/{root}/api/sessions/?items=account.accountName");
        let reply = shopper.call_and_lose(("GET", &target), SCRIPT, "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(
            reply.json()["namespaces"]["account"]["accountName"]["value"],
            format!("{root}store")
        );
        let cookie = reply.set_cookies("vtex_session")[0];
        assert!(cookie.contains(&format!("Path=/{root};")), "{cookie}");
        ids.push(reply.json()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    let none = shopper.get("/api/sessions?items=*").await;
    assert_eq!(none.status, 421, "no store lives there");
}

#[tokio::test]
async fn a_crawler_is_answered_and_nothing_is_stored() {
    let shop = Shop::start().await;
    let shopper = Shopper::new(&shop);
    let crawler = [
        ("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
        ("sec-fetch-site", "same-origin"),
    ];
    let read = shopper
        .call_and_lose(("GET", "/api/sessions?items=store.channel"), &crawler, "")
        .await;
    assert_eq!(read.json()["namespaces"]["store"]["channel"]["value"], "1");
    let written = shopper
        .call_and_lose(("POST", "/api/sessions?sc=2"), &crawler, "{}")
        .await;
    assert_eq!(written.status, 200);
    for reply in [read, written] {
        assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    }
    assert_eq!(shop.shared.flow.census(), Census::default());
}

#[tokio::test]
async fn an_account_can_leave_the_api_to_its_upstream() {
    let shop = Shop::with("[account.api]\nenabled = false").await;
    let mut shopper = Shopper::new(&shop);
    let reply = shopper.get("/api/sessions?items=*").await;
    assert_eq!(reply.status, 200);
    assert_eq!(shop.origin.last().target, "/api/sessions?items=*");
}
