//! What backends get, and what they can never get from a client.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::session::field::known;

fn rules() -> HeaderPlanRules {
    let map = DEFAULT_MAP
        .iter()
        .map(|&(name, field)| (HeaderName::from_static(name), known(field)));
    HeaderPlanRules::try_new(map.collect(), "demostore").unwrap()
}

fn block(fields: &[(&'static str, Value)]) -> Vec<(String, String)> {
    let body = fields
        .iter()
        .map(|(field, value)| (known(field), value.clone()))
        .collect();
    let segment = SegmentTexts {
        token: "e30=",
        key: "0123456789abcdef",
    };
    plan_block(&body, segment, &rules())
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn absent_null_and_empty_values_are_absent_headers() {
    let headers = block(&[
        ("store.channel", json!("2")),
        ("profile.email", json!("")),
        ("checkout.regionId", Value::Null),
    ]);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "x-session-authenticated",
            "x-vtex-account",
            "x-session-segment-key",
            "x-vtex-segment",
            "x-session-channel"
        ]
    );
}

#[test]
fn a_value_never_splits_a_header() {
    for (value, expected) in [
        ("a\r\nX-Vtex-Account: evil", "a%0D%0AX-Vtex-Account:%20evil"),
        ("\0\u{7f}", "%00%7F"),
        ("São Paulo", "S%C3%A3o%20Paulo"),
        ("100%", "100%25"),
        ("plain-1,2", "plain-1,2"),
    ] {
        assert_eq!(encode_value(value).unwrap(), expected, "{value:?}");
    }
    assert_eq!(encode_value(&"é".repeat(MAX_VALUE_BYTES / 6 + 1)), None);
}

#[test]
fn the_impersonator_is_named_only_while_acting_as_a_customer() {
    let staff = (
        "authentication.adminUserEmail",
        json!("agent@demostore.example"),
    );
    let named = |fields: &[(&'static str, Value)]| {
        block(fields).iter().any(|(name, value)| {
            name == "x-session-impersonator" && value == "agent@demostore.example"
        })
    };
    assert!(!named(std::slice::from_ref(&staff)));
    assert!(named(&[staff, ("impersonate.storeUserId", json!("ana"))]));
}

#[test]
fn headers_that_are_not_ours_to_set_cannot_be_mapped() {
    for (name, error) in [
        ("host", "cannot carry"),
        ("cookie", "cannot carry"),
        ("transfer-encoding", "cannot carry"),
        ("x-forwarded-user", "cannot carry"),
        ("x-session-id", "fixed meaning"),
        ("x_session_id", "fixed meaning"),
    ] {
        let map = vec![(HeaderName::from_static(name), known("profile.id"))];
        let errors = HeaderPlanRules::try_new(map, "a").unwrap_err();
        assert!(errors[0].to_string().contains(error), "{name}: {errors:?}");
    }
    let alias = vec![
        (HeaderName::from_static("x-tier"), known("profile.id")),
        (HeaderName::from_static("x_tier"), known("profile.email")),
    ];
    assert_eq!(HeaderPlanRules::try_new(alias, "a").unwrap_err().len(), 1);
}

#[test]
fn every_spelling_that_reads_as_ours_is_ours() {
    let rules = rules();
    let owned = OwnedNames::new(rules.names());
    for name in [
        "X-Session-Id",
        "x_session_id",
        "X.Session.Id",
        "x~session~id",
        "X-SESSION_ID",
    ] {
        assert!(owned.owns(name), "{name}");
    }
    for name in ["x-session-id_", "x-session", "session-id", "cookie", ""] {
        assert!(!owned.owns(name), "{name}");
    }
}

#[test]
fn a_usual_header_that_is_left_out_is_ours_all_the_same() {
    let rules = HeaderPlanRules::try_new(Vec::new(), "a").unwrap();
    let owned = OwnedNames::new(rules.names());
    for (name, _) in DEFAULT_MAP {
        assert!(owned.owns(name), "{name}");
    }
}

#[test]
fn headers_between_proxies_are_known_in_every_spelling() {
    for name in [
        "Forwarded",
        "X_Forwarded_Proto",
        "true.client.ip",
        "X-HTTP-Method-Override",
    ] {
        assert!(is_foreign(name), "{name}");
    }
    for name in ["x-forwarded", "from", "content-type", "cookie", "te"] {
        assert!(!is_foreign(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_spelling_of_an_owned_name_gets_by(
        at in 0..17usize, marks in proptest::collection::vec("[-_.~!*+|]", 8), upper: bool
    ) {
        let rules = rules();
        let owned = OwnedNames::new(rules.names());
        let name = rules.names().nth(at).unwrap().as_str();
        let mut marks = marks.into_iter().cycle();
        let spelled: String = name
            .chars()
            .map(|c| if c == '-' { marks.next().unwrap() } else { c.to_string() })
            .collect();
        let spelled = if upper { spelled.to_uppercase() } else { spelled };
        prop_assert!(owned.owns(&spelled), "{}", spelled);
    }

    #[test]
    fn every_text_becomes_visible_ascii_that_decodes_to_itself(text in "\\PC{0,200}|[\\x00-\\xff]{0,50}") {
        if let Some(value) = encode_value(&text) {
            let value = value.to_str().unwrap();
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()));
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
            prop_assert_eq!(decoded, text);
        }
    }

    #[test]
    fn each_header_is_set_once(channel in "\\PC{0,20}", email in "\\PC{0,20}") {
        let headers = block(&[("store.channel", json!(channel)), ("profile.email", json!(email))]);
        let mut names: Vec<&String> = headers.iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        prop_assert_eq!(names.len(), all);
    }
}
