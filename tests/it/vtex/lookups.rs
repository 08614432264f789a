//! What the platform is asked, and how often.

use serde_json::json;

use super::{ANA, Front, SHOPPER, STAFF};
use crate::support::clock::at;
use crate::support::vtex::{CAMPAIGNS, CHANNELS, CUSTOMERS, PERMISSIONS, REGIONS, audience};
use crate::support::{SERVER, Shopper};

#[tokio::test]
async fn ana_is_resolved_by_the_platform_through_all_six_apps() {
    let front = Front::start().await;
    let mut ana = front.ana();
    let query = "sc=3&utm_campaign=blackfriday&country=BRA&postalCode=20040002";
    assert_eq!(ana.get(&format!("/?{query}")).await.status, 200);
    for (header, value) in [
        ("x-session-authenticated", Some("true")),
        ("x-session-user-id", Some(ANA.0)),
        ("x-session-user-email", Some("ana@example.com")),
        ("x-session-price-tables", Some("gold")),
        ("x-session-channel", Some("3")),
        ("x-session-country", Some("USA")),
        ("x-session-currency", Some("USD")),
        ("x-session-campaigns", Some("black-friday,rio")),
        ("x-session-region", Some("v2.RIO")),
        ("x-session-impersonator", None),
    ] {
        assert_eq!(front.got(header).as_deref(), value, "{header}");
    }
    let calls = front.platform.all_calls();
    assert_eq!(calls, [CAMPAIGNS, CHANNELS, CHANNELS, CUSTOMERS, REGIONS]);
    for what in [CAMPAIGNS, CHANNELS, CUSTOMERS, REGIONS] {
        let looked = front.looked(what).unwrap();
        assert!(
            looked.contains("asked, answered in ") || looked.contains("from memory"),
            "{looked}"
        );
    }
    ana.get("/").await;
    assert_eq!(
        front.platform.all_calls(),
        [""; 0],
        "nothing new asks nobody"
    );
}

#[tokio::test]
async fn staff_with_the_permission_act_as_a_customer_and_others_do_not() {
    let front = Front::start().await;
    for (email, acts) in [
        ("agent@demostore.example", true),
        ("clerk@demostore.example", false),
    ] {
        let mut staff = front.shopper();
        staff.keep(STAFF, &front.shop.staff_token(email));
        staff
            .get("/?vtex-impersonated-customer-email=ana@example.com")
            .await;
        let user = front.got("x-session-user-email");
        assert_eq!(
            user.as_deref(),
            acts.then_some("ana@example.com"),
            "{email}"
        );
        assert_eq!(
            front.got("x-session-impersonator").as_deref(),
            acts.then_some(email)
        );
        assert_eq!(front.platform.calls(PERMISSIONS), 1, "{email}");
    }
}

#[tokio::test]
async fn whoever_is_not_found_has_nothing_and_is_not_asked_for_again_at_once() {
    let front = Front::start().await;
    for _ in 0..3 {
        let mut shopper = front.shopper();
        let body = r#"{"public":{"storeUserEmail":{"value":"nobody@example.com"},"country":{"value":"BRA"},"postalCode":{"value":"99999999"}}}"#;
        let reply = shopper.call(("POST", "/api/sessions"), SERVER, body).await;
        assert_eq!(reply.status, 201);
        shopper.get("/").await;
        assert_eq!(front.got("x-session-region"), None);
    }
    assert_eq!(
        (
            front.platform.calls(CUSTOMERS),
            front.platform.calls(REGIONS)
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_place_that_the_checkout_refuses_is_no_place() {
    let front = Front::start().await;
    for (query, region) in [
        ("country=BRA&geoCoordinates=-43.2,-22.9", Some("v2.POINT")),
        ("country=USA&postalCode=10001", None),
        ("country=Brazil&postalCode=20040002", None),
    ] {
        let reply = front.shopper().get(&format!("/?{query}")).await;
        assert_eq!(reply.status, 200);
        assert_eq!(front.got("x-session-region").as_deref(), region, "{query}");
    }
    assert_eq!(
        front.platform.calls(REGIONS),
        2,
        "what is no country is not asked"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_first_visits_make_one_call_for_each_distinct_input() {
    let front = Front::start().await;
    let held = [CHANNELS, CAMPAIGNS, REGIONS].map(|part| front.platform.holds(part));
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let shopper = front.shopper();
        let place = if number % 2 == 0 {
            "20040002"
        } else {
            "01001000"
        };
        crowd.spawn(async move {
            // Answered at the edge: a thousand connections to the store's server are not the point.
            let target =
                format!("/api/sessions?utm_campaign=blackfriday&country=BRA&postalCode={place}");
            let call = shopper.call_and_lose(("POST", &target), SERVER, "{}");
            call.await.status
        });
    }
    tokio::task::yield_now().await;
    drop(held);
    for status in crowd.join_all().await {
        assert_eq!(status, 201);
    }
    let calls = front.platform.all_calls();
    assert_eq!(calls, [CAMPAIGNS, CHANNELS, REGIONS, REGIONS]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_of_a_thousand_waits_for_an_answer_to_somebody_elses_question() {
    // Time enough for all of them on a busy machine: nothing here ends by a deadline.
    let over = "[account.calls]\nretries = 0\ntimeout = \"2m\"\n[account.cycle]\ndeadline = \"2m\"\n[[account.app]]\nname = \"checkout\"\ntimeout = \"2m\"\n";
    let front = Front::with(over).await;
    let visit = |shopper: Shopper, place: &str| {
        let target =
            format!("/api/sessions?utm_campaign=blackfriday&country=BRA&postalCode={place}");
        async move {
            let call = shopper.call_and_lose(("POST", &target), SERVER, "{}");
            call.await.status
        }
    };
    let held = front.platform.holds(REGIONS);
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(visit(front.shopper(), "20040002"));
    front.platform.got(REGIONS).await;
    for _ in 1..500 {
        waiting.spawn(visit(front.shopper(), "20040002"));
    }
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..500 {
        others.spawn(visit(front.shopper(), "01001000"));
    }
    for status in others.join_all().await {
        assert_eq!(status, 201);
    }
    assert!(waiting.try_join_next().is_none(), "theirs is not answered");
    drop(held);
    for status in waiting.join_all().await {
        assert_eq!(status, 201);
    }
    assert!(!front.shop.metrics().contains(r#"answer="failed""#));
    let calls = front.platform.all_calls();
    assert_eq!(calls, [CAMPAIGNS, CHANNELS, REGIONS, REGIONS]);
}

#[tokio::test]
async fn old_answers_serve_while_newer_ones_are_fetched() {
    let front = Front::with("[account.memo]\nmax_size = 0\n").await;
    front.shopper().get("/?utm_source=newsletter").await;
    front.platform.all_calls();
    front.platform.targets(json!([audience(
        "new",
        &json!({"utmSource": "newsletter"})
    )]));
    front.shop.clock.advance(at("6:00"));
    front.tend().await;
    assert_eq!(front.platform.calls(CAMPAIGNS), 1, "every five minutes");
    front.tend().await;
    assert_eq!(front.platform.calls(CAMPAIGNS), 0);
    front.shopper().get("/?utm_source=newsletter&gclid=1").await;
    assert_eq!(front.got("x-session-channel").as_deref(), Some("1"));
    let looked = front.looked(CHANNELS).unwrap();
    assert!(looked.starts_with("from memory, 6m old"), "{looked}");
}

#[tokio::test]
async fn any_look_up_may_be_in_the_file_and_the_rest_on_the_platform() {
    let front =
        Front::with("[account.directory.from]\ncampaigns = \"embedded\"\nregions = \"embedded\"\n")
            .await;
    let mut ana = front.ana();
    ana.get("/?utm_source=newsletter&country=USA&postalCode=10001")
        .await;
    assert_eq!(
        front.got("x-session-campaigns").as_deref(),
        Some("newsletter,vip")
    );
    assert_eq!(front.got("x-session-region").as_deref(), Some("v2.NYC"));
    assert_eq!(front.got("x-session-price-tables").as_deref(), Some("gold"));
    assert_eq!(front.platform.all_calls(), [CHANNELS, CHANNELS, CUSTOMERS]);
}

#[tokio::test]
async fn customers_may_be_in_the_file_and_the_campaigns_on_the_platform() {
    let front = Front::with("[account.directory.from]\ncustomers = \"embedded\"\npermissions = \"embedded\"\nchannels = \"embedded\"\n").await;
    let mut ana = front.ana();
    ana.get("/?utm_source=newsletter").await;
    assert_eq!(front.got("x-session-price-tables").as_deref(), Some("gold"));
    assert_eq!(
        front.got("x-session-campaigns").as_deref(),
        Some("newsletter")
    );
    assert_eq!(front.platform.all_calls(), [CAMPAIGNS]);
}

#[tokio::test]
async fn credentials_and_customers_are_shown_nowhere() {
    let front = Front::start().await;
    let mut ana = front.ana();
    ana.get("/?country=BRA&postalCode=20040002").await;
    let running = front.shop.shared.running.load();
    let shown = format!("{running:?}{:?}", front.shop.shared);
    let metrics = front.shop.metrics();
    for secret in [
        crate::support::vtex::APP_TOKEN,
        crate::support::vtex::APP_KEY,
        "ana@example.com",
        "20040002",
    ] {
        assert!(
            !shown.contains(secret) && !metrics.contains(secret),
            "{secret}"
        );
    }
    let token = ana.cookie(SHOPPER).unwrap();
    assert!(!shown.contains(token));
}
