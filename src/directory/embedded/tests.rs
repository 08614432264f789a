//! The embedded directory: what the demo's file holds.

use super::*;

mod mistakes;

const DEMO: &str = include_str!("../../../conf/demo-directory.toml");
const ANA: &str = "11111111-1111-4111-8111-111111111111";
const BRUNO: &str = "22222222-2222-4222-8222-222222222222";

fn demo() -> Embedded {
    Embedded::parse(DEMO).unwrap()
}

#[tokio::test]
async fn the_demo_has_four_channels_and_three_views_of_them() {
    let anonymous = demo().channels(None).await.unwrap();
    let told: Vec<_> = anonymous
        .known
        .iter()
        .map(|c| {
            (
                &*c.id,
                c.active,
                c.private,
                &*c.country,
                &*c.currency,
                &*c.currency_symbol,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", true, false, "USA", "USD", "$"),
            ("2", true, false, "BRA", "BRL", "R$"),
            ("3", true, true, "USA", "USD", "$"),
            ("4", false, false, "USA", "USD", "$"),
        ]
    );
    let cultures: Vec<_> = anonymous
        .known
        .iter()
        .map(|c| c.cultures.join(" "))
        .collect();
    assert_eq!(cultures, ["en-US es-US", "pt-BR en-US", "en-US", "en-US"]);
    assert_eq!(anonymous.default, "1");
    for (email, open) in [
        (None, &["1", "2"][..]),
        (Some("ana@example.com"), &["1", "2", "3"]),
        (Some(" Ana@Example.com "), &["1", "2", "3"]),
        (Some("bruno@example.com"), &["1", "2"]),
        (Some("nobody@example.com"), &["1", "2"]),
    ] {
        assert_eq!(
            demo().channels(email).await.unwrap().open,
            open,
            "{email:?}"
        );
    }
}

#[tokio::test]
async fn the_demo_knows_ana_and_bruno() {
    let directory = demo();
    for (id, email, first, last, tables) in [
        (ANA, "ana@example.com", "Ana", "Lima", &["gold"][..]),
        (BRUNO, "bruno@example.com", "Bruno", "Dias", &[]),
    ] {
        let by_id = directory.customer(id).await.unwrap().unwrap();
        let by_email = directory.customer_by_email(email).await.unwrap().unwrap();
        assert_eq!(by_id, by_email);
        assert_eq!((&*by_id.id, &*by_id.email), (id, email));
        assert_eq!(by_id.first_name.as_deref(), Some(first));
        assert_eq!(by_id.last_name.as_deref(), Some(last));
        assert_eq!((&by_id.phone, &by_id.document), (&None, &None));
        assert_eq!(by_id.price_tables, tables);
    }
    assert_eq!(directory.customer("nobody").await, Ok(None));
    assert_eq!(
        directory.customer_by_email("nobody@example.com").await,
        Ok(None)
    );
}

#[tokio::test]
async fn of_the_demo_s_staff_only_the_agent_may_impersonate() {
    for (email, may) in [
        ("agent@demostore.example", true),
        ("Agent@demostore.example", true),
        ("clerk@demostore.example", false),
        ("ana@example.com", false),
        ("", false),
    ] {
        assert_eq!(demo().may_impersonate(email).await, Ok(may), "{email}");
    }
}

#[tokio::test]
async fn the_demo_s_campaigns_are_told_in_the_order_of_the_file() {
    let everything = Visit {
        email: Some("ANA@example.com"),
        utm_source: Some("newsletter"),
        utm_campaign: Some("blackfriday"),
        postal_code: Some("20000-000"),
        channel: Some("1"),
    };
    let campaign = |utm_campaign| Visit {
        utm_campaign: Some(utm_campaign),
        ..Visit::default()
    };
    let source = |utm_source| Visit {
        utm_source: Some(utm_source),
        ..Visit::default()
    };
    let postal = |code| Visit {
        postal_code: Some(code),
        email: Some("bruno@example.com"),
        ..Visit::default()
    };
    for (visit, ids) in [
        (
            everything,
            &["black-friday", "newsletter", "vip", "rio"][..],
        ),
        (Visit::default(), &[]),
        (campaign("blackfriday"), &["black-friday"]),
        (campaign("BlackFriday"), &[]),
        (source("newsletter"), &["newsletter"]),
        (source("blackfriday"), &[]),
        (postal("23799999"), &["rio"]),
        (postal("23800000"), &[]),
        (postal("20000"), &[]),
    ] {
        assert_eq!(demo().campaigns(visit).await.unwrap(), ids, "{visit:?}");
    }
}

#[tokio::test]
async fn the_demo_s_regions_hold_their_postal_codes_and_a_circle() {
    let postal = |country, code| Place::Postal { country, code };
    let near = |country, coordinates| Place::Coordinates {
        country,
        coordinates,
    };
    for (place, region) in [
        (postal("BRA", "20000-000"), Some("v2.RIO")),
        (postal("bra", "23799999"), Some("v2.RIO")),
        (postal("BRA", "23800000"), None),
        (postal("BRA", "01000-000"), Some("v2.SAO")),
        (postal("BRA", "05999999"), Some("v2.SAO")),
        (postal("BRA", "06000000"), None),
        (postal("BRA", "1000000"), None),
        (postal("USA", "10001"), Some("v2.NYC")),
        (postal("USA", "10292"), Some("v2.NYC")),
        (postal("USA", "10293"), None),
        (postal("USA", "20000000"), None),
        (postal("BRA", "nowhere"), None),
        (near("BRA", "-43.2,-22.9"), Some("v2.RIO")),
        (near("BRA", "-43.2,-21.95"), Some("v2.RIO")),
        (near("BRA", "-43.2,-21.85"), None),
        (near("BRA", "-46.6,-23.5"), None),
        (near("USA", "-43.2,-22.9"), None),
        (near("BRA", "nowhere"), None),
    ] {
        assert_eq!(
            demo().region(place).await.unwrap().as_deref(),
            region,
            "{place:?}"
        );
    }
}

#[tokio::test]
async fn a_campaign_asks_for_every_kind_of_rule_by_any_value_of_it() {
    let text = r#"
default_channel = "1"
channel = [
  { id = "1", country = "USA", currency = "USD", currency_symbol = "$", cultures = ["en-US"] },
]
[[campaign]]
id = "all"
[[campaign]]
id = "both"
utm_source = ["a", "b"]
channels = ["1"]
"#;
    let directory = Embedded::parse(text).unwrap();
    for (utm_source, channel, ids) in [
        (Some("b"), Some("1"), &["all", "both"][..]),
        (Some("b"), Some("2"), &["all"]),
        (Some("c"), Some("1"), &["all"]),
        (None, None, &["all"]),
    ] {
        let visit = Visit {
            utm_source,
            channel,
            ..Visit::default()
        };
        assert_eq!(directory.campaigns(visit).await.unwrap(), ids, "{visit:?}");
    }
}

#[test]
fn nobody_is_named_in_debug_output() {
    let shown = format!("{:?}", demo());
    assert!(!shown.contains('@') && !shown.contains("Ana"), "{shown}");
}
