//! What the platform says becomes what apps know: tables of published examples.

use serde_json::{Value, json};

use super::channels::ChannelFault;
use super::customers::FIELDS;
use super::*;
use crate::ports::Channel;

fn channel(over: &Value) -> WireChannel {
    let mut wire = json!({
        "Id": 1, "Name": "Loja Principal", "IsActive": true, "ProductClusterId": null,
        "CountryCode": "BRA", "CultureInfo": "pt-BR", "TimeZone": "E. South America Standard Time",
        "CurrencyCode": "BRL", "CurrencySymbol": "R$", "CurrencyLocale": 1046,
        "CurrencyFormatInfo": {"CurrencyDecimalDigits": 2}, "Position": 1, "ConditionRule": null,
        "CurrencyDecimalDigits": 2,
    });
    for (name, value) in over.as_object().unwrap() {
        wire[name] = value.clone();
    }
    serde_json::from_value(wire).unwrap()
}

#[test]
fn a_trade_policy_is_taken_over_whole_or_left_out_with_its_reason() {
    let plain = Channel::try_from(channel(&json!({}))).unwrap();
    assert_eq!(
        plain,
        Channel {
            id: "1".to_owned(),
            active: true,
            private: false,
            country: "BRA".to_owned(),
            currency: "BRL".to_owned(),
            currency_symbol: "R$".to_owned(),
            cultures: vec!["pt-BR".to_owned()],
        }
    );
    let ruled = channel(&json!({"ConditionRule": "email=*@example.com"}));
    assert!(Channel::try_from(ruled).unwrap().private);
    let plain_symbol = channel(&json!({"CurrencySymbol": null}));
    assert_eq!(
        Channel::try_from(plain_symbol).unwrap().currency_symbol,
        "BRL"
    );
    for (over, fault) in [
        (json!({"CountryCode": "Brazil"}), ChannelFault::Country),
        (json!({"CurrencyCode": null}), ChannelFault::Currency),
        (json!({"CultureInfo": ""}), ChannelFault::Culture),
    ] {
        assert_eq!(Channel::try_from(channel(&over)).unwrap_err(), fault);
    }
}

#[test]
fn the_open_policies_are_the_active_ones_of_the_list() {
    let wire = vec![
        channel(&json!({})),
        channel(&json!({"Id": 2, "IsActive": false})),
        channel(&json!({"Id": 3, "CultureInfo": null})),
    ];
    let cultures = [("1".to_owned(), vec!["en-US".to_owned(), "pt-BR".to_owned()])];
    let (channels, faults) = channels_of(wire, "1", &cultures.into());
    assert_eq!(channels.open, ["1"]);
    assert_eq!(channels.known.len(), 2);
    assert_eq!(channels.known[0].cultures, ["pt-BR", "en-US"]);
    assert_eq!(faults, [(3, ChannelFault::Culture)]);
}

fn found(documents: &Value) -> Vec<WireCustomer> {
    serde_json::from_value(documents.clone()).unwrap()
}

#[test]
fn a_search_finds_the_one_who_was_asked_for_and_nobody_who_merely_fits() {
    let documents = json!([
        {"userId": "u-2", "id": "CL-2", "email": "other@example.com"},
        {"userId": "u-1", "id": "CL-1", "email": " Ana@Example.com", "firstName": "Ana",
         "lastName": null, "homePhone": "", "document": "123", "priceTables": "gold, silver,,gold"},
        {"userId": "u-3", "email": null},
    ]);
    let by = |who: Who| who.among(found(&documents));
    let ana = by(Who::Email("ana@example.com".to_owned())).unwrap();
    assert_eq!(by(Who::Id("U-1".to_owned())), Some(ana.clone()));
    assert_eq!((&*ana.id, &*ana.email), ("u-1", "ana@example.com"));
    assert_eq!(
        (ana.first_name.as_deref(), ana.last_name, ana.phone),
        (Some("Ana"), None, None)
    );
    assert_eq!(ana.price_tables, ["gold", "silver"]);
    assert_eq!(by(Who::Email("*@example.com".to_owned())), None);
    assert_eq!(
        by(Who::Id("u-3".to_owned())),
        None,
        "a customer has an address"
    );
    let listed = found(&json!([{"email": "a@b.c", "priceTables": ["x", "y"]}]));
    let listed = Who::Email("a@b.c".to_owned()).among(listed).unwrap();
    assert_eq!(
        (&*listed.id, listed.price_tables),
        ("", vec!["x".into(), "y".into()])
    );
}

#[test]
fn a_region_that_nobody_delivers_to_is_none() {
    let of = |wire: Value| region_of(serde_json::from_value(wire).unwrap());
    for (wire, region) in [
        (
            json!([{"id": "v2.A", "sellers": [{"id": "1", "name": "S", "logo": null}]}]),
            Some("v2.A"),
        ),
        (json!([{"id": "v2.A", "sellers": []}]), None),
        (json!([{"id": null, "sellers": [{}]}]), None),
        (
            json!([{"id": "v2.A"}, {"id": "v2.B", "sellers": [{}]}]),
            Some("v2.B"),
        ),
        (json!([]), None),
    ] {
        assert_eq!(of(wire.clone()).as_deref(), region, "{wire}");
    }
}

#[test]
fn a_place_is_asked_for_in_the_checkouts_own_spelling() {
    let postal = |country, code| query_of(Place::Postal { country, code });
    let point = |country, coordinates| {
        query_of(Place::Coordinates {
            country,
            coordinates,
        })
    };
    for (asked, query) in [
        (
            postal("bra", "01001-000"),
            Some("country=BRA&postalCode=01001-000"),
        ),
        (
            postal("GBR", "SW1A 1AA"),
            Some("country=GBR&postalCode=SW1A%201AA"),
        ),
        (postal("BR", "01001000"), None),
        (postal("BRA", "1&sc=2"), None),
        (postal("BRA", ""), None),
        (
            point("BRA", "-43.2,-22.9"),
            Some("country=BRA&geoCoordinates=-43.2;-22.9"),
        ),
        (
            point("BRA", " -43.20 , 0 "),
            Some("country=BRA&geoCoordinates=-43.2;0"),
        ),
        (point("BRA", "-43.2;-22.9"), None),
        (point("BRA", "181,0"), None),
        (point("BRA", "NaN,0"), None),
    ] {
        assert_eq!(asked.as_deref(), query);
    }
}

#[test]
fn whatever_is_asked_for_stays_a_part_of_its_address() {
    let email = "a+b&c=d/../x@example.com";
    assert_eq!(
        channels_path(Some(email)),
        "/api/catalog_system/pub/saleschannel/available?email=a%2Bb%26c%3Dd%2F..%2Fx%40example.com"
    );
    assert_eq!(
        customer_path(&Who::Id("u#1".to_owned())),
        format!("/api/dataentities/CL/search?userId=u%231&_fields={FIELDS}")
    );
    assert_eq!(
        permission_path("shop", email),
        "/api/license-manager/pvt/accounts/shop/products/2/logins/a%2Bb%26c%3Dd%2F..%2Fx%40example.com/resources/Televendas/granted"
    );
}
