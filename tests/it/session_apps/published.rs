//! Apps that are published for the platform: their configurations unchanged, their services doing
//! what their sources do.

use serde_json::{Value, json};

use super::{Store, published};
use crate::support::service::Answer;

const SHOPPER: &str = "VtexIdclientAutCookie_demostore";
const CART: (&str, &str) = (
    "checkout.vtex.com",
    "__ofid=0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f",
);
const CART_ID: &str = "0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f";

async fn store(name: &str, over: &str) -> Store {
    Store::of_file(name, &published(name), over).await
}

fn shown(fields: &[(&str, &str)]) -> String {
    let lines = fields
        .iter()
        .map(|(header, field)| format!("{header:?} = {field:?}\n"));
    format!("[account.headers.map]\n{}", lines.collect::<String>())
}

fn text<'v>(body: &'v Value, namespace: &str, key: &str) -> Option<&'v str> {
    body[namespace][key]["value"].as_str()
}

#[tokio::test]
async fn marketingdata() {
    fn copy(body: &Value) -> Value {
        let mut answer = json!({"marketingdata": body["public"]});
        if text(body, "public", "utm_source").is_none() && text(body, "public", "gclid").is_some() {
            answer["public"] = json!({"utm_source": {"value": "Google"}});
        }
        answer
    }
    let over = shown(&[
        ("x-app-source", "marketingdata.utm_source"),
        ("x-app-gclid", "marketingdata.gclid"),
    ]);
    let store = store("marketingdata", &over).await;
    store.service.answers("marketingdata", copy);
    let mut shopper = store.shopper();
    assert_eq!(
        shopper.get("/?gclid=abc&utm_campaign=june").await.status,
        200
    );
    let campaign = json!({"value": "june"});
    let gclid = json!({"value": "abc"});
    // It writes what it watches: one more round, which changes nothing that it watches.
    assert_eq!(
        store.service.bodies(),
        [
            json!({"public": {"gclid": gclid, "utm_campaign": campaign}}),
            json!({"public": {"gclid": gclid, "utm_campaign": campaign, "utm_source": {"value": "Google"}}}),
        ]
    );
    assert_eq!(store.backend_got("x-app-source").as_deref(), Some("Google"));
    assert_eq!(
        store.backend_got("x-app-gclid"),
        None,
        "it never declared it"
    );
    store.counts(
        r#"vestibule_app_undeclared_keys_total{account="demostore",app="marketingdata"} 2"#,
    );
    shopper.get("/").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0], "it is settled");
}

#[tokio::test]
async fn search() {
    fn normalised(body: &Value) -> Value {
        let facets = text(body, "public", "facets").unwrap_or_default();
        let pairs = facets.split(';').filter(|pair| pair.contains('='));
        let facets: String = pairs.flat_map(|pair| [pair.trim(), ";"]).collect();
        json!({"search": {"facets": {"value": facets}}})
    }
    let over = "[account.inputs]\nquery = [\"facets\"]\n".to_owned()
        + &shown(&[("x-app-facets", "search.facets")]);
    let store = store("search", &over).await;
    store.service.answers("search", normalised);
    let mut shopper = store.shopper();
    shopper.get("/").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0]);
    shopper.get("/?facets=size%3DM;color%3Dred").await;
    assert_eq!(
        store.service.bodies(),
        [json!({"public": {"facets": {"value": "size=M;color=red"}}})]
    );
    assert_eq!(
        store.backend_got("x-app-facets").as_deref(),
        Some("size=M;color=red;")
    );
    shopper.get("/?facets=size%3DM;color%3Dred").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0], "nothing changed");
    shopper.get("/?facets=").await;
    assert_eq!(
        store.service.bodies(),
        [json!({"public": {"facets": {"value": ""}}})]
    );
    assert_eq!(
        store.backend_got("x-app-facets").unwrap_or_default(),
        "",
        "emptied"
    );
}

#[tokio::test]
async fn b2b_session_transformer() {
    fn corporate(body: &Value) -> Value {
        json!({"public": {"corporateName": {"value": body["authentication"]["unitName"]["value"]}}})
    }
    let store = store("b2b-session-transformer", "").await;
    store.service.answers("b2b-session-transformer", corporate);
    let mut shopper = store.shopper();
    shopper.keep(CART.0, CART.1);
    assert_eq!(shopper.get("/").await.status, 200);
    assert_eq!(
        store.service.bodies(),
        [json!({"checkout": {"orderFormId": {"value": CART_ID}}})]
    );
    // The written null is a value like any other: asked once, not again.
    shopper.get("/").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0]);
}

#[tokio::test]
async fn affiliates_session_transformer() {
    fn look_up(body: &Value) -> Value {
        let email = text(body, "profile", "email").filter(|email| *email == "ana@example.com");
        let id = email.map(|_| "7");
        json!({"public": {"affiliateId": {"value": id}, "affiliateEmail": {"value": email}}})
    }
    let over = shown(&[("x-app-affiliate", "public.affiliateId")]);
    let store = store("affiliates-session-transformer", &over).await;
    store
        .service
        .answers("affiliates-session-transformer", look_up);
    let mut shopper = store.shopper();
    shopper.keep(CART.0, CART.1);
    shopper.get("/").await;
    assert_eq!(store.backend_got("x-app-affiliate"), None);
    shopper.keep(SHOPPER, &store.shop.token("ana@example.com"));
    shopper.get("/").await;
    let cart = json!({"orderFormId": {"value": CART_ID}});
    assert_eq!(
        store.service.bodies(),
        [
            json!({"checkout": cart}),
            json!({"checkout": cart, "profile": {"email": {"value": "ana@example.com"}}}),
        ]
    );
    assert_eq!(store.backend_got("x-app-affiliate").as_deref(), Some("7"));
}

#[tokio::test]
async fn shopping_club_vtex_io() {
    fn member(body: &Value) -> Value {
        let member = text(body, "profile", "email") == Some("ana@example.com");
        json!({"public": {"isClubUser": {"value": member.to_string()}}})
    }
    let over = shown(&[("x-app-club", "public.isClubUser")]);
    let store = store("shopping-club-vtex-io", &over).await;
    store.service.answers("shopping-club-vtex-io", member);
    for (email, is_member) in [("ana@example.com", "true"), ("bruno@example.com", "false")] {
        let mut shopper = store.shopper();
        shopper.keep(SHOPPER, &store.shop.token(email));
        shopper.get("/").await;
        assert_eq!(
            store.service.bodies(),
            [json!({"profile": {"email": {"value": email}}})]
        );
        assert_eq!(store.backend_got("x-app-club").as_deref(), Some(is_member));
        shopper.forget(SHOPPER);
        shopper.get("/").await;
        assert_ne!(
            store.backend_got("x-app-club").as_deref(),
            Some("true"),
            "after logout"
        );
        store.service.got();
    }
}

#[tokio::test]
async fn punchout() {
    fn none(_: &Value) -> Value {
        json!({"punchout": {
            "marketsiteUser": {"value": null}, "operation": {"value": null},
            "punchOutType": {"value": null}, "punchOutFlags": {"value": null},
        }})
    }
    let store = store("punchout", "").await;
    store.service.answers("punchout", none);
    let mut shopper = store.shopper();
    shopper.keep(CART.0, CART.1);
    shopper.keep(SHOPPER, &store.shop.token("ana@example.com"));
    assert_eq!(shopper.get("/").await.status, 200);
    let cart = json!({"orderFormId": {"value": CART_ID}});
    let known = json!({"storeUserEmail": {"value": "ana@example.com"}});
    // The cart is known at once, the shopper after a round.
    assert_eq!(
        store.service.bodies(),
        [
            json!({"checkout": cart}),
            json!({"authentication": known, "checkout": cart}),
        ]
    );
}

/// The app lets the browser write a namespace by which backends grant things. A page's query does
/// not: what it may say is a list, and nothing of this is on it unless the operator puts it there.
#[tokio::test]
async fn b2b_suite_bra() {
    fn believe(body: &Value) -> Value {
        json!({"storefront-permissions": body["public"]})
    }
    let shown = shown(&[("x-app-organization", "storefront-permissions.organization")]);
    let wish = "/?organization=acme&costcenter=1&userId=2";
    let closed = store("b2b-suite-bra", &shown).await;
    assert_eq!(closed.shopper().get(wish).await.status, 200);
    assert_eq!(closed.service.bodies(), [] as [Value; 0], "nobody asked it");
    assert_eq!(closed.backend_got("x-app-organization"), None);

    let opened = format!("[account.inputs]\nquery = [\"organization\"]\n{shown}");
    let opened = store("b2b-suite-bra", &opened).await;
    opened.service.answers("b2b-suite-bra", believe);
    opened.shopper().get(wish).await;
    assert_eq!(
        opened.service.bodies(),
        [json!({"public": {"organization": {"value": "acme"}}})]
    );
    assert_eq!(
        opened.backend_got("x-app-organization").as_deref(),
        Some("acme")
    );
}

#[tokio::test]
async fn mega_menu() {
    let store = store("mega-menu", "").await;
    let answer = json!({"menu": {"open": {"value": true}}});
    store.service.expects("mega-menu", Answer::Json(answer));
    let mut shopper = store.shopper();
    assert_eq!(shopper.get("/?regionId=v2.RIO").await.status, 200);
    let body = json!({"public": {"regionId": {"value": "v2.RIO"}}});
    assert_eq!(store.service.bodies(), [body]);
    shopper.get("/").await;
    assert_eq!(store.service.bodies(), [] as [Value; 0]);
}
