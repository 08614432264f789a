//! Regions of the demo store.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::apps::support::{Unasked, call, call_with, demo, shown};

#[tokio::test]
async fn a_told_place_has_its_region_or_null() {
    for (inputs, written) in [
        (
            &[
                ("public.country", "BRA"),
                ("public.postalCode", "20000-000"),
            ][..],
            "regionId=v2.RIO",
        ),
        (
            &[("public.country", "BRA"), ("public.postalCode", "01000000")],
            "regionId=v2.SAO",
        ),
        (
            &[("public.country", "USA"), ("public.postalCode", "10001")],
            "regionId=v2.NYC",
        ),
        (
            &[("public.country", "BRA"), ("public.postalCode", "99999999")],
            "regionId:null",
        ),
        (
            &[("public.country", "BRA"), ("public.postalCode", "?")],
            "regionId:null",
        ),
        (
            &[
                ("public.country", "BRA"),
                ("public.geoCoordinates", "-43.2,-22.9"),
            ],
            "regionId=v2.RIO",
        ),
        (
            &[
                ("public.country", "BRA"),
                ("public.geoCoordinates", "-43.2;-22.9"),
            ],
            "regionId:null",
        ),
        (
            &[
                ("public.country", "BRA"),
                ("public.postalCode", "99999999"),
                ("public.geoCoordinates", "-43.2,-22.9"),
            ],
            "regionId:null",
        ),
    ] {
        let answer = answer(&call(inputs, &[]), &demo(), true).await.unwrap();
        assert_eq!(shown(&answer.writes), [written], "{inputs:?}");
    }
}

#[tokio::test]
async fn without_a_place_nobody_is_asked() {
    for inputs in [
        &[][..],
        &[("public.country", "BRA")],
        &[("public.postalCode", "20000000")],
        &[("public.geoCoordinates", "-43.2,-22.9")],
        &[("public.country", ""), ("public.postalCode", "20000000")],
    ] {
        let answer = answer(&call(inputs, &[]), &Unasked, true).await.unwrap();
        assert_eq!(shown(&answer.writes), ["-regionId"], "{inputs:?}");
    }
}

#[tokio::test]
async fn a_region_that_the_client_names_counts_unless_the_account_refuses_it() {
    let place = [("public.country", "BRA"), ("public.postalCode", "20000000")];
    for (named, accept, written) in [
        ("v2.CLIENT", true, "regionId=v2.CLIENT"),
        ("U1cjc2VsbGVy", true, "regionId=U1cjc2VsbGVy"),
        ("v2.CLIENT", false, "regionId=v2.RIO"),
        ("v2.no spaces", true, "regionId=v2.RIO"),
        ("", true, "regionId=v2.RIO"),
    ] {
        let inputs = [&place[..], &[("public.regionId", named)]].concat();
        let answer = answer(&call(&inputs, &[]), &demo(), accept).await.unwrap();
        assert_eq!(shown(&answer.writes), [written], "{named} {accept}");
    }
    let inputs = [("public.regionId", "v2.CLIENT")];
    let refused = answer(&call(&inputs, &[]), &Unasked, false).await.unwrap();
    assert_eq!(shown(&refused.writes), ["-regionId"]);
}

#[tokio::test]
async fn a_malformed_region_id_takes_no_region_away_but_an_emptied_one_does() {
    const UNTOUCHED: &[&str] = &[];
    const CLEARED: &[&str] = &["-regionId"];
    for (named, accept, written) in [
        (json!("no region"), true, UNTOUCHED),
        (json!("v2."), true, UNTOUCHED),
        (json!("v2.a\r\nx: y"), true, UNTOUCHED),
        (json!({"id": "v2.RIO"}), true, UNTOUCHED),
        (json!(""), true, CLEARED),
        (json!(null), true, CLEARED),
        (json!("no region"), false, CLEARED),
    ] {
        let garbled = call_with("public.regionId", named);
        let answer = answer(&garbled, &Unasked, accept).await.unwrap();
        assert_eq!(shown(&answer.writes), written, "{garbled:?} {accept}");
    }
}

#[test]
fn region_ids_have_two_forms() {
    let sellers = |text: &str| STANDARD.encode(text);
    for text in [
        "v2.R",
        "v2.1BB18CE648B5111D0933734ED83EC783",
        &format!("v2.{}", "a".repeat(64)),
        "v2.a_b-c.d",
        &sellers("SW#seller1"),
        &sellers("SW#seller1,seller2;x"),
    ] {
        assert!(is_region_id(text), "{text}");
    }
    for text in [
        "",
        "v2.",
        "V2.R",
        "v1.R",
        &format!("v2.{}", "a".repeat(65)),
        "v2.a\r\nx: y",
        "v2.ção",
        "SW#seller1",
        &sellers("SW#"),
        &sellers("XX#seller1"),
        &sellers("SW#a\nb"),
        &sellers(&format!("SW#{}", "a".repeat(400))),
    ] {
        assert!(!is_region_id(text), "{text}");
    }
}

proptest! {
    #[test]
    fn what_counts_as_a_region_id_is_short_and_plain(text in "(v2\\.)?\\PC{0,600}") {
        if is_region_id(&text) {
            prop_assert!(text.len() <= MAX_SELLERS);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}
