//! All sources gone at once, and back again.

use super::Front;
use crate::support::clock::at;
use crate::support::vtex::CAMPAIGNS;

#[tokio::test]
async fn with_every_source_gone_shoppers_go_on_and_catch_up_when_they_are_back() {
    let front = Front::start().await;
    let mut ana = front.ana();
    ana.get("/?utm_source=newsletter").await;
    front.platform.kill().await;
    front.shop.clock.advance(at("15:00"));
    for _ in 0..3 {
        assert_eq!(ana.get("/").await.status, 200);
        assert_eq!(
            front.got("x-session-user-email").as_deref(),
            Some("ana@example.com")
        );
        assert_eq!(front.got("x-session-price-tables").as_deref(), Some("gold"));
        assert_eq!(
            front.got("x-session-campaigns").as_deref(),
            Some("newsletter")
        );
        front.settled().await;
    }
    let mut visitor = front.shopper();
    let query = "/?utm_source=newsletter&country=BRA&postalCode=20040002";
    assert_eq!(visitor.get(query).await.status, 200);
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("false")
    );
    assert_eq!(
        front.got("x-session-region"),
        None,
        "never asked, and nobody there"
    );
    assert_eq!(
        front.got("x-session-channel").as_deref(),
        Some("1"),
        "an hour-old answer stands in for one that cannot be had"
    );
    front.platform.revive().await;
    // Breakers give the sources ten seconds and a part by chance.
    front.shop.clock.advance(at("1:00"));
    for _ in 0..2 {
        visitor.get("/").await;
        front.settled().await;
    }
    visitor.get("/").await;
    assert_eq!(front.got("x-session-region").as_deref(), Some("v2.RIO"));
    front.platform.all_calls();
}

#[tokio::test]
async fn a_first_visitor_in_front_of_a_dead_platform_gets_the_page_with_default_headers() {
    let front = Front::start().await;
    front.platform.kill().await;
    let mut visitor = front.shopper();
    assert_eq!(visitor.get("/?utm_source=newsletter").await.status, 200);
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("false")
    );
    for absent in [
        "x-session-channel",
        "x-session-campaigns",
        "x-session-user-id",
    ] {
        assert_eq!(front.got(absent), None, "{absent}");
    }
    front.platform.revive().await;
    front.shop.clock.advance(at("1:00"));
    for _ in 0..3 {
        visitor.get("/").await;
        front.settled().await;
        front.shop.clock.advance(at("0:02"));
    }
    visitor.get("/").await;
    assert_eq!(front.got("x-session-channel").as_deref(), Some("1"));
    assert_eq!(
        front.got("x-session-campaigns").as_deref(),
        Some("newsletter")
    );
}

#[tokio::test]
async fn campaigns_survive_a_restart_without_their_source() {
    let front = Front::start().await;
    front.shopper().get("/?utm_source=newsletter").await;
    let kept = front.files.path().join("kept/demostore.campaigns.json");
    assert!(
        std::fs::read_to_string(&kept)
            .unwrap()
            .contains("black-friday")
    );
    front.platform.kill().await;
    front.shop.clock.advance(at("60:00"));
    let front = Front {
        shop: front.shop.restarted(),
        ..front
    };
    front.shopper().get("/?utm_campaign=blackfriday").await;
    assert_eq!(
        front.got("x-session-campaigns").as_deref(),
        Some("black-friday")
    );
    let looked = front.looked(CAMPAIGNS).unwrap();
    assert!(
        looked.starts_with("from memory, 1h old; asked again"),
        "{looked}"
    );
}
