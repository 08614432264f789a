//! Audiences by tables: the wire's members are those of the platform's published examples.

use serde_json::json;

use super::*;

const NOON: Millis = Millis::from_secs(1_543_397_700);

fn audience(over: &Value) -> WireAudience {
    let mut wire = json!({
        "id": "a", "name": "A", "isActive": true, "isArchived": false, "isAndOperator": false,
        "lastModified": {"dateUtc": "2018-11-01T00:00:00Z", "user": "someone"},
        "beginDateUtc": "2018-11-01T00:00:00.0000000Z", "endDateUtc": "2200-07-01T00:00:00Z",
        "targetConfigurations": [target(&json!({}))],
    });
    for (name, value) in over.as_object().unwrap() {
        wire[name] = value.clone();
    }
    serde_json::from_value(wire).unwrap()
}

/// A target as the platform writes it: every member there, none of them saying anything.
fn target(over: &Value) -> Value {
    let mut wire: Value = serde_json::from_str(
        r#"{
        "featured": false, "id": "t", "name": "T", "daysAgoOfPurchases": 0, "origin": "Marketplace",
        "idSellerIsInclusive": false, "idsSalesChannel": [], "areSalesChannelIdsExclusive": false,
        "marketingTags": [], "marketingTagsAreNotInclusive": false, "paymentsMethods": [],
        "stores": [], "campaigns": [], "storesAreInclusive": false, "categories": [],
        "categoriesAreInclusive": true, "brands": [], "brandsAreInclusive": true, "products": [],
        "productsAreInclusive": false, "skus": [], "skusAreInclusive": true, "utmSource": "",
        "utmCampaign": "", "collections1BuyTogether": [], "idTypeDiscountBuyTogether": "2",
        "minimumQuantityBuyTogether": 1, "quantityToAffectBuyTogether": 0, "coupon": [],
        "totalValueFloor": 0.0, "totalValueCeling": 0.0, "totalValueIncludeAllItems": false,
        "totalValueMode": "IncludeMatchedItems", "collections": [], "collectionsIsInclusive": true,
        "isSlaSelected": false, "isFirstBuy": false, "zipCodeRanges": [{"inclusive": true}],
        "itemMaxPrice": 0.0, "installment": 0, "clusterExpressions": [], "clusterOperator": "all",
        "maxUsage": 0, "multipleUsePerClient": false
    }"#,
    )
    .unwrap();
    for (name, value) in over.as_object().unwrap() {
        wire[name] = value.clone();
    }
    wire
}

fn fits(over: &Value, visit: Visit<'_>) -> bool {
    let (audiences, _) = Audiences::of(vec![audience(over)]);
    !audiences.fitting(visit, NOON).is_empty()
}

fn with_target(over: &Value) -> Value {
    json!({"targetConfigurations": [target(over)]})
}

fn visit() -> Visit<'static> {
    Visit {
        email: None,
        utm_source: Some("newsletter"),
        utm_campaign: Some("blackfriday"),
        postal_code: Some("20040-002"),
        channel: Some("1"),
    }
}

#[test]
fn an_audience_holds_from_its_beginning_to_its_end_while_it_is_active() {
    for (over, expected) in [
        (json!({}), true),
        (json!({"beginDateUtc": "2018-11-28T09:35:00Z"}), true),
        (json!({"beginDateUtc": "2018-11-28T09:35:01"}), false),
        (json!({"endDateUtc": "2018-11-28T09:35:01"}), true),
        (json!({"endDateUtc": "2018-11-28T09:35:00+00:00"}), false),
        (json!({"beginDateUtc": null, "endDateUtc": null}), true),
        (json!({"endDateUtc": "tomorrow"}), false),
        (json!({"isActive": false}), false),
        (json!({"isArchived": true}), false),
        (json!({"targetConfigurations": []}), false),
    ] {
        assert_eq!(fits(&over, visit()), expected, "{over}");
    }
}

#[test]
fn each_condition_of_a_target_has_to_fit() {
    let zip = |from: &str, to: &str, inclusive: bool| json!({"zipCodeFrom": from, "zipCodeTo": to, "inclusive": inclusive});
    for (over, expected) in [
        (json!({"idsSalesChannel": ["1", "2"]}), true),
        (json!({"idsSalesChannel": [1]}), true),
        (json!({"idsSalesChannel": ["2"]}), false),
        (
            json!({"idsSalesChannel": ["2"], "areSalesChannelIdsExclusive": true}),
            true,
        ),
        (
            json!({"idsSalesChannel": ["1"], "areSalesChannelIdsExclusive": true}),
            false,
        ),
        (json!({"utmSource": "newsletter"}), true),
        (json!({"utmSource": "Newsletter"}), false),
        (
            json!({"utmCampaign": "blackfriday", "utmSource": "other"}),
            false,
        ),
        (json!({"marketingTags": ["blackfriday"]}), true),
        (json!({"marketingTags": ["vip"]}), false),
        (
            json!({"marketingTags": ["vip"], "marketingTagsAreNotInclusive": true}),
            true,
        ),
        (
            json!({"marketingTags": ["blackfriday"], "marketingTagsAreNotInclusive": true}),
            false,
        ),
        (
            json!({"zipCodeRanges": [zip("20000000", "23799999", true)]}),
            true,
        ),
        (
            json!({"zipCodeRanges": [zip("01000000", "05999999", true)]}),
            false,
        ),
        (
            json!({"zipCodeRanges": [zip("01000000", "05999999", false)]}),
            true,
        ),
        (
            json!({"zipCodeRanges": [zip("20000000", "29999999", true), zip("20040000", "20049999", false)]}),
            false,
        ),
        (
            json!({"zipCodeRanges": [zip("2", "23799999", true)]}),
            false,
        ),
    ] {
        assert_eq!(fits(&with_target(&over), visit()), expected, "{over}");
    }
}

#[test]
fn a_visit_that_says_nothing_fits_no_condition_but_absence() {
    let nothing = Visit::default();
    assert!(fits(&with_target(&json!({})), nothing));
    for over in [
        json!({"idsSalesChannel": ["1"]}),
        json!({"utmSource": "a"}),
        json!({"marketingTags": ["a"]}),
        json!({"zipCodeRanges": [{"zipCodeFrom": "1", "zipCodeTo": "9", "inclusive": true}]}),
    ] {
        assert!(!fits(&with_target(&over), nothing), "{over}");
    }
    let without = json!({"marketingTags": ["a"], "marketingTagsAreNotInclusive": true});
    assert!(fits(&with_target(&without), nothing));
}

#[test]
fn targets_are_joined_by_or_unless_the_audience_says_and() {
    let yes = target(&json!({"utmSource": "newsletter"}));
    let no = target(&json!({"utmSource": "other"}));
    for (and, targets, expected) in [
        (false, vec![&no, &yes], true),
        (false, vec![&no, &no], false),
        (true, vec![&yes, &yes], true),
        (true, vec![&yes, &no], false),
    ] {
        let over = json!({"isAndOperator": and, "targetConfigurations": targets});
        assert_eq!(fits(&over, visit()), expected, "{over}");
    }
}

#[test]
fn what_a_session_cannot_know_fits_nobody_and_is_told() {
    let cart = target(&json!({"clusterExpressions": ["age>18"], "isFirstBuy": true}));
    let yes = target(&json!({}));
    for (and, targets, fitting, why) in [
        (false, vec![&cart], false, "clusterExpressions, isFirstBuy"),
        (false, vec![&cart, &yes], true, ""),
        (
            true,
            vec![&cart, &yes],
            false,
            "clusterExpressions, isFirstBuy",
        ),
    ] {
        let over = json!({"isAndOperator": and, "targetConfigurations": targets});
        let (audiences, beyond) = Audiences::of(vec![audience(&over)]);
        assert_eq!(
            !audiences.fitting(visit(), NOON).is_empty(),
            fitting,
            "{over}"
        );
        let told: Vec<&str> = beyond.iter().map(|one| &*one.why).collect();
        if why.is_empty() {
            assert_eq!(told, Vec::<&str>::new());
        } else {
            let mut names: Vec<&str> = told[0]
                .strip_prefix("a session knows nothing of ")
                .unwrap()
                .split(", ")
                .collect();
            names.sort_unstable();
            assert_eq!(names.join(", "), why);
        }
    }
}

#[test]
fn ids_come_in_the_order_of_the_source_and_none_can_split_the_list() {
    let wire = ["b", "a,x", "a"].map(|id| audience(&json!({"id": id})));
    let (audiences, beyond) = Audiences::of(wire.to_vec());
    assert_eq!(audiences.fitting(visit(), NOON), ["b", "a"]);
    assert_eq!(beyond[0].id, "a,x");
}
