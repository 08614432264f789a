//! `/api/sessions/{token}`: a session that the path names.

use serde_json::json;

use crate::support::{SCRIPT, SERVER, Shop, Shopper};

async fn begun(shop: &std::sync::Arc<Shop>, note: &str) -> (Shopper, String) {
    let mut shopper = Shopper::new(shop);
    let body = json!({"public": {"note": {"value": note}}}).to_string();
    let reply = shopper.call(("POST", "/api/sessions"), SERVER, &body).await;
    let token = reply.json()["sessionToken"].as_str().unwrap().to_owned();
    (shopper, token)
}

#[tokio::test]
async fn the_token_in_the_path_wins_over_the_cookie_and_sets_none() {
    let shop = Shop::start().await;
    let (_, theirs) = begun(&shop, "theirs").await;
    let (mut shopper, own) = begun(&shop, "own").await;
    let read = format!("/api/sessions/{theirs}/?items=public.note");
    let reply = shopper.call(("GET", &read), SCRIPT, "").await;
    assert_eq!(
        reply.json()["namespaces"]["public"]["note"]["value"],
        "theirs"
    );
    assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
    let write = format!("/api/sessions/{theirs}");
    for method in ["POST", "PATCH"] {
        let body = json!({"public": {"note": {"value": method}}}).to_string();
        let reply = shopper.call((method, &write), SERVER, &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.all("set-cookie").is_empty(), "{reply:?}");
        let newer = reply.json()["sessionToken"].as_str().unwrap().to_owned();
        // The older token goes on naming the newest state, and so does the newer one.
        for token in [&theirs, &newer] {
            let read = format!("/api/sessions/{token}?items=public.note");
            let reply = shopper.call(("GET", &read), SERVER, "").await;
            assert_eq!(
                reply.json()["namespaces"]["public"]["note"]["value"],
                method
            );
        }
    }
    assert_eq!(
        shopper.read("public.note").await["public"]["note"]["value"],
        "own"
    );
    assert!(shopper.cookie("vtex_session").is_some() && own != theirs);
}

#[tokio::test]
async fn a_bad_token_gives_a_fresh_session_and_a_cookie_to_the_stores_own_page_alone() {
    let shop = Shop::start().await;
    let (shopper, _) = begun(&shop, "own").await;
    let target = "/api/sessions/invalidToken?items=*";
    let referer = [("referer", "http://shop.example/page")];
    let foreign = [("referer", "http://evil.example/")];
    for (headers, sets) in [
        (SCRIPT, true),
        (&referer[..], true),
        (&foreign, false),
        (SERVER, false),
        (&[("sec-fetch-site", "none")], false),
    ] {
        let mut shopper = shopper.clone();
        let old = shopper.cookie("vtex_session").unwrap().to_owned();
        let reply = shopper.call(("GET", target), headers, "").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.json()["namespaces"].get("public").is_none(), "fresh");
        assert_eq!(reply.sets_session(), sets, "{headers:?}");
        assert_eq!(shopper.cookie("vtex_session").unwrap() != old, sets);
    }
}

#[tokio::test]
async fn pages_of_other_sites_name_no_session() {
    let over = "[account.api]\nallowed_origins = [\"https://www.example.com\"]";
    let shop = Shop::with(over).await;
    let (shopper, token) = begun(&shop, "own").await;
    for (site, origin) in [
        ("cross-site", "https://evil.example"),
        ("cross-site", "https://www.example.com"),
        ("same-site", "http://sub.shop.example"),
    ] {
        for method in ["GET", "POST"] {
            let target = format!("/api/sessions/{token}?items=*");
            let headers = [("sec-fetch-site", site), ("origin", origin)];
            let reply = shopper.call_and_lose((method, &target), &headers, "").await;
            assert_eq!(reply.status, 403, "{method} {site} {origin}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_store_or_of_an_ended_session_is_a_bad_one() {
    let shop = Shop::two_roots().await;
    let shopper = Shopper::new(&shop);
    let reply = shopper
        .call_and_lose(("POST", "/br/api/sessions"), SERVER, "{}")
        .await;
    let token = reply.json()["sessionToken"].as_str().unwrap().to_owned();
    let read = async |root: &str| {
        let target = format!("/{root}/api/sessions/{token}?items=account.accountName");
        let reply = shopper.call_and_lose(("GET", &target), SERVER, "").await;
        assert_eq!(reply.status, 200);
        (
            reply.json()["id"].clone(),
            reply.json()["namespaces"]["account"]["accountName"]["value"].clone(),
        )
    };
    let (own, _) = read("br").await;
    let (other, store) = read("us").await;
    assert_ne!(own, other);
    assert_eq!(store, "usstore");
}

#[tokio::test]
async fn a_write_by_the_old_token_of_a_session_that_was_replaced_is_a_conflict() {
    let shop = Shop::start().await;
    let (mut shopper, token) = begun(&shop, "before").await;
    let login = shop.token("ana@example.com");
    shopper.keep("VtexIdclientAutCookie_demostore", &login);
    shopper.get("/").await;
    let target = format!("/api/sessions/{token}?items=public.note,profile.email");
    let body = r#"{"public":{"note":{"value":"after"}}}"#;
    // Whoever shows the login cookie may read through the marker, and write nothing.
    let read = shopper.call_and_lose(("GET", &target), SERVER, "").await;
    assert_eq!(
        read.json()["namespaces"]["profile"]["email"]["value"],
        "ana@example.com"
    );
    let write = shopper.call_and_lose(("POST", &target), SERVER, body).await;
    assert_eq!(write.status, 409, "{write:?}");
    let same = r#"{"public":{"note":{"value":"before"}}}"#;
    let nothing = shopper.call_and_lose(("POST", &target), SERVER, same).await;
    assert_eq!(nothing.status, 200, "a write that changes nothing is none");
    // Whoever does not is told nothing of it.
    let stranger = Shopper::new(&shop)
        .call_and_lose(("GET", &target), SERVER, "")
        .await;
    assert_eq!(stranger.status, 409, "{stranger:?}");
}
