//! What bodies write.

use proptest::prelude::*;
use serde_json::json;

use crate::domain::api::{BodyError, read_public};
use crate::domain::session::Body;

fn written(body: &str) -> Body {
    let mut written = Body::new();
    read_public(body.as_bytes()).unwrap().apply(&mut written);
    written
}

#[test]
fn bodies_without_public_write_nothing() {
    for body in [
        "",
        " \r\n",
        "{}",
        r#"{"other":{"a":{"value":1}},"public":{}}"#,
    ] {
        assert!(read_public(body.as_bytes()).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn keys_that_begin_alike_are_all_written_and_the_last_of_a_repeated_one_wins() {
    let body = r#"{"public":{"postal":{"value":1},"postalCode":{"value":2},"a.b":{"value":3},
                   "postal":{"value":4}}}"#;
    assert_eq!(
        written(body).to_json(),
        json!({"public": {
            "a.b": {"value": 3}, "postal": {"value": 4}, "postalCode": {"value": 2},
        }})
    );
}

#[test]
fn wrappers_keep_what_stands_beside_the_value_in_its_order() {
    let body = r#"{"public":{"a":{"z":1,"value":null,"b":{"c":[]}}}}"#;
    let text = written(body).to_json().to_string();
    assert_eq!(
        text,
        r#"{"public":{"a":{"value":null,"z":1,"b":{"c":[]}}}}"#
    );
}

#[test]
fn each_mistake_has_its_own_words_and_repeats_no_value() {
    let secret = "geheim@example.com";
    for (body, error) in [
        (format!("[\"{secret}\"]"), "not an array"),
        (format!(r#"{{"public":"{secret}"}}"#), "not a string"),
        (format!(r#"{{"public":{{"a":"{secret}"}}}}"#), "is a string"),
        (
            format!(r#"{{"public":{{"a":{{"v":"{secret}"}}}}}}"#),
            "no member `value`",
        ),
        (
            format!(r#"{{"public":{{"a":{{"value":"{secret}}}"#),
            "too early",
        ),
        (secret.to_owned(), "cannot be read"),
    ] {
        let told = read_public(body.as_bytes()).unwrap_err().to_string();
        assert!(told.contains(error) && !told.contains(secret), "{told}");
    }
}

#[test]
fn a_bad_key_is_shown_short_and_escaped() {
    let body = json!({"public": {format!("a\n\u{1b}{}", "é".repeat(99)): {"value": 1}}});
    let BodyError::BadKey(shown) = read_public(body.to_string().as_bytes()).unwrap_err() else {
        panic!("another error");
    };
    assert!(
        shown.starts_with("a\\n\\u{1b}\\u{e9}") && shown.len() < 50,
        "{shown}"
    );
}

#[test]
fn bytes_that_are_no_text_are_no_json() {
    for body in [
        &b"\xff\xfe{}"[..],
        b"{\"public\":{\"\xc3\":{\"value\":1}}}",
        b"\0",
    ] {
        assert!(matches!(read_public(body), Err(BodyError::NotJson(_))));
    }
    let deep = "[".repeat(100_000);
    assert!(read_public(deep.as_bytes()).is_err(), "and no overflow");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(read_public(&body));
    }

    #[test]
    fn what_is_written_is_what_was_said(
        fields in proptest::collection::btree_map("[a-z.]{1,4}", "\\PC{0,8}", 0..6),
    ) {
        let public: serde_json::Map<_, _> = fields
            .iter()
            .map(|(key, value)| (key.clone(), json!({"value": value})))
            .collect();
        let body = written(&json!({"public": public}).to_string());
        prop_assert_eq!(body.len(), fields.len());
        for (key, value) in &fields {
            prop_assert_eq!(body.at("public", key), Some(&json!(value)));
        }
    }
}
