//! What pages say of their shoppers.

use std::time::Duration;

use proptest::prelude::*;

use crate::domain::api::{ApiError, BodyError, ReportError, read_report};

const LIFETIME: Duration = Duration::from_mins(30);

fn read(body: &str) -> Result<u128, ApiError> {
    read_report(body.as_bytes(), LIFETIME).map(|ago| ago.as_millis())
}

#[test]
fn a_report_is_a_whole_number_of_milliseconds_within_the_lifetime() {
    for (body, ago) in [
        (r#"{"activeMsAgo":0}"#, 0),
        (r#" { "activeMsAgo" : 1200 } "#, 1200),
        (r#"{"activeMsAgo":1800000}"#, 1_800_000),
        (r#"{"activeMsAgo":5,"more":[1]}"#, 5),
        (r#"{"activeMsAgo":818.0}"#, 818),
        (r#"{"activeMsAgo":1.8e6}"#, 1_800_000),
        (r#"{"activeMsAgo":-0.0}"#, 0),
    ] {
        assert_eq!(read(body), Ok(ago), "{body}");
    }
}

#[test]
fn whatever_else_is_refused_with_what_would_be_right() {
    let limit = ReportError::OutOfRange(1_800_000);
    for (body, error) in [
        ("", ReportError::Missing),
        ("{}", ReportError::Missing),
        ("[]", ReportError::NotAnObject),
        ("1200", ReportError::NotAnObject),
        (r#"{"activeMsAgo":null}"#, ReportError::NotWhole),
        (r#"{"activeMsAgo":"1200"}"#, ReportError::NotWhole),
        (r#"{"activeMsAgo":1.5}"#, ReportError::NotWhole),
        (r#"{"activeMsAgo":-1}"#, limit.clone()),
        (r#"{"activeMsAgo":-818.0}"#, limit.clone()),
        (r#"{"activeMsAgo":1e300}"#, limit.clone()),
        (r#"{"activeMsAgo":1800001}"#, limit.clone()),
        (r#"{"activeMsAgo":18446744073709551615}"#, limit),
    ] {
        assert_eq!(read(body), Err(ApiError::Report(error)), "{body}");
    }
    for body in [
        "{",
        "activeMsAgo=5",
        r#"{"activeMsAgo":NaN}"#,
        r#"{"activeMsAgo":1e400}"#,
    ] {
        let error = read(body).unwrap_err();
        assert!(
            matches!(error, ApiError::Body(BodyError::NotJson(_))),
            "{body}: {error:?}"
        );
        assert_eq!(error.status(), 400);
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(read_report(&body, LIFETIME));
    }

    #[test]
    fn what_is_read_is_within_the_lifetime(said in any::<i64>()) {
        let ago = read(&format!("{{\"activeMsAgo\":{said}}}"));
        prop_assert_eq!(ago.is_ok(), (0..=1_800_000).contains(&said));
    }
}
