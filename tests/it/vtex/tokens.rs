//! Logins verified by a key set at an address, by a file that changes, and by asking the service.

use std::time::Duration;

use vestibule::domain::vtexid::Audience;

use super::{ANA, Elsewhere, Front, SHOPPER, STAFF};
use crate::support::clock::at;
use crate::support::vtex::{Fault, LOGIN_KEYS, LOGIN_SERVICE};

async fn by_url() -> Front {
    Front::told("", |platform, _| {
        format!(
            "[account.authentication]\njwks_url = \"{}/jwks.json\"\n",
            platform.url()
        )
    })
    .await
}

async fn by_service(more: &str) -> Front {
    Front::told("", |platform, _| {
        format!(
            "[account.authentication]\nvalidate_url = \"{}\"\n{more}",
            platform.url()
        )
    })
    .await
}

impl Front {
    /// A visit with this login; whether it proved the shopper.
    async fn knows(&self, token: &str) -> bool {
        let mut shopper = self.shopper();
        shopper.keep(SHOPPER, token);
        assert_eq!(shopper.get("/").await.status, 200);
        self.got("x-session-authenticated").as_deref() == Some("true")
    }
}

#[tokio::test]
async fn a_key_set_at_an_address_is_fetched_once_and_kept_through_an_outage() {
    let front = by_url().await;
    let login = Elsewhere::new();
    front.platform.publishes(&login.0.public_jwks());
    for _ in 0..3 {
        let token = login.token(&front.shop, ANA, Audience::Webstore);
        assert!(front.knows(&token).await);
    }
    assert_eq!(front.platform.calls(LOGIN_KEYS), 1);
    front
        .platform
        .breaks(LOGIN_KEYS, Fault::Says(500, vec![], ""));
    front.shop.clock.advance(at("11:00"));
    front.tend().await;
    assert_eq!(front.platform.calls(LOGIN_KEYS), 1, "due after ten minutes");
    let token = login.token(&front.shop, ANA, Audience::Webstore);
    assert!(front.knows(&token).await, "old keys count");
    front.platform.breaks(
        LOGIN_KEYS,
        Fault::Says(
            200,
            vec![("content-type", "application/json")],
            "{\"keys\":[]}",
        ),
    );
    front.shop.clock.advance(at("1:00"));
    front.tend().await;
    let token = login.token(&front.shop, ANA, Audience::Webstore);
    assert!(
        front.knows(&token).await,
        "an empty set takes nobody's place"
    );
}

#[tokio::test]
async fn an_unknown_key_has_the_set_fetched_once_a_minute_at_most() {
    let front = by_url().await;
    let (old, new) = (Elsewhere::new(), Elsewhere::new());
    front.platform.publishes(&old.0.public_jwks());
    assert!(
        front
            .knows(&old.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
    front.platform.publishes(&new.0.public_jwks());
    front.platform.all_calls();
    for _ in 0..20 {
        let stranger = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
        assert!(!front.knows(&stranger).await);
    }
    assert_eq!(front.platform.calls(LOGIN_KEYS), 0, "fetched a moment ago");
    front.shop.clock.advance(at("1:00"));
    for _ in 0..20 {
        let stranger = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
        assert!(!front.knows(&stranger).await);
    }
    assert_eq!(front.platform.calls(LOGIN_KEYS), 1);
    assert!(
        front
            .knows(&new.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
    assert_eq!(front.platform.calls(LOGIN_KEYS), 0);
}

#[tokio::test]
async fn a_login_with_a_key_that_cannot_be_fetched_now_is_taken_up_later() {
    let front = by_url().await;
    let login = Elsewhere::new();
    front.platform.publishes(&login.0.public_jwks());
    front
        .platform
        .breaks(LOGIN_KEYS, Fault::Says(500, vec![], ""));
    let mut ana = front.shopper();
    ana.keep(SHOPPER, &login.token(&front.shop, ANA, Audience::Webstore));
    assert_eq!(ana.get("/").await.status, 200);
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("false")
    );
    front.platform.heals(LOGIN_KEYS);
    front.shop.clock.advance(at("1:01"));
    for _ in 0..3 {
        ana.get("/").await;
        front.settled().await;
        front.shop.clock.advance(at("0:05"));
    }
    ana.get("/").await;
    assert_eq!(
        front.got("x-session-user-email").as_deref(),
        Some("ana@example.com")
    );
}

#[tokio::test]
async fn a_key_file_is_read_again_when_it_changes_and_damage_leaves_the_old_keys() {
    let (first, second) = (Elsewhere::new(), Elsewhere::new());
    let jwks = first.0.public_jwks();
    let front = Front::told("", |_, folder| {
        let file = folder.join("jwks.json");
        std::fs::write(&file, jwks).unwrap();
        format!("[account.authentication]\njwks = [{file:?}]\n")
    })
    .await;
    let file = front.files.path().join("jwks.json");
    assert!(
        front
            .knows(&first.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
    let other = second.token(&front.shop, ANA, Audience::Webstore);
    assert!(!front.knows(&other).await);
    std::fs::write(&file, "no keys").unwrap();
    front.shop.clock.advance(at("0:02"));
    assert!(
        front
            .knows(&first.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
    std::fs::write(&file, second.0.public_jwks() + "\n").unwrap();
    front.shop.clock.advance(at("0:02"));
    assert!(
        front
            .knows(&second.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
    assert!(
        !front
            .knows(&first.token(&front.shop, ANA, Audience::Webstore))
            .await
    );
}

#[tokio::test]
async fn the_service_is_asked_once_about_a_token_and_again_when_the_verdict_is_old() {
    let front = by_service("").await;
    let token = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
    front.platform.confirms(&token, ANA.0, ANA.1, "webstore");
    for _ in 0..5 {
        assert!(front.knows(&token).await);
    }
    assert_eq!(front.platform.calls(LOGIN_SERVICE), 1);
    let mut ana = front.shopper();
    ana.keep(SHOPPER, &token);
    ana.get("/").await;
    front.platform.revokes(&token);
    front.shop.clock.advance(at("4:59"));
    ana.get("/").await;
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("true")
    );
    front.shop.clock.advance(at("0:02"));
    ana.get("/").await;
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("false"),
        "revoked"
    );
    assert_eq!(front.platform.calls(LOGIN_SERVICE), 1);
}

#[tokio::test]
async fn what_the_service_confirms_of_somebody_else_or_elsewhere_proves_nobody() {
    for (id, email, audience) in [
        ("other", ANA.1, "webstore"),
        (ANA.0, "bruno@example.com", "webstore"),
        (ANA.0, ANA.1, "admin"),
    ] {
        let front = by_service("").await;
        let token = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
        front.platform.confirms(&token, id, email, audience);
        assert!(!front.knows(&token).await, "{id} {email} {audience}");
        front.counts(r#"vestibule_tokens_rejected_total{kind="vtexid",reason="not_confirmed"} 1"#);
    }
}

#[tokio::test]
async fn staff_are_confirmed_by_the_service_too() {
    let front = by_service("").await;
    let agent = (
        "33333333-3333-4333-8333-333333333333",
        "agent@demostore.example",
    );
    let token = Elsewhere::new().token(&front.shop, agent, Audience::Admin);
    front.platform.confirms(&token, agent.0, agent.1, "admin");
    let mut staff = front.shopper();
    staff.keep(STAFF, &token);
    staff
        .get("/?vtex-impersonated-customer-email=ana@example.com")
        .await;
    assert_eq!(
        front.got("x-session-user-email").as_deref(),
        Some("ana@example.com")
    );
}

#[tokio::test]
async fn a_session_outlives_an_outage_of_the_service() {
    let front = by_service("").await;
    let token = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
    front.platform.confirms(&token, ANA.0, ANA.1, "webstore");
    let mut ana = front.shopper();
    ana.keep(SHOPPER, &token);
    ana.get("/").await;
    front.platform.kill().await;
    for _ in 0..3 {
        front.shop.clock.advance(at("6:00"));
        ana.get("/").await;
        front.settled().await;
        assert_eq!(
            front.got("x-session-user-email").as_deref(),
            Some("ana@example.com")
        );
    }
    front.platform.revive().await;
    front.platform.revokes(&token);
    for _ in 0..3 {
        front.shop.clock.advance(at("1:01"));
        ana.get("/").await;
        front.settled().await;
    }
    ana.get("/").await;
    assert_eq!(
        front.got("x-session-authenticated").as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn tokens_that_cannot_be_good_cost_no_call_and_others_only_so_many() {
    let front = by_service("validations_per_minute = 7\n").await;
    let elsewhere = Elsewhere::new();
    let good = elsewhere.token(&front.shop, ANA, Audience::Webstore);
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let foreign = elsewhere.token(&front.shop, ANA, Audience::Admin);
    for number in 0..100 {
        let bad = [
            format!("x{number}"),
            format!("{head}.e30.{signature}{number}"),
            format!("{foreign}{number}"),
            "y".repeat(9000 + number),
        ];
        for token in &bad {
            assert!(!front.knows(token).await, "{token}");
        }
    }
    assert_eq!(front.platform.calls(LOGIN_SERVICE), 0);
    for _ in 0..50 {
        let stranger = elsewhere.token(&front.shop, ANA, Audience::Webstore);
        assert!(!front.knows(&stranger).await);
    }
    assert_eq!(
        front.platform.calls(LOGIN_SERVICE),
        7,
        "of one client in a minute"
    );
    front.shop.clock.advance(Duration::from_mins(1));
    front.platform.confirms(&good, ANA.0, ANA.1, "webstore");
    assert!(
        front.knows(&good).await,
        "whoever is good is not shut out for long"
    );
}

#[tokio::test]
async fn a_token_that_is_over_is_not_asked_about() {
    let front = by_service("").await;
    let token = Elsewhere::new().token(&front.shop, ANA, Audience::Webstore);
    front.platform.confirms(&token, ANA.0, ANA.1, "webstore");
    front.shop.clock.advance(Duration::from_hours(24));
    assert!(!front.knows(&token).await);
    assert_eq!(front.platform.calls(LOGIN_SERVICE), 0);
    front.counts(r#"vestibule_tokens_rejected_total{kind="vtexid",reason="expired"} 1"#);
}
