//! How errors are said.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::api::{ApiError, ReportError};
use crate::domain::session::limits::LimitError;

fn all() -> Vec<ApiError> {
    vec![
        ApiError::TooLarge(65_536),
        ApiError::Report(ReportError::NotAnObject),
        ApiError::Report(ReportError::Missing),
        ApiError::Report(ReportError::NotWhole),
        ApiError::Report(ReportError::OutOfRange(1_800_000)),
        ApiError::Limit(LimitError::Bytes(65_536)),
        ApiError::Limit(LimitError::PublicKeys(256)),
        ApiError::Limit(LimitError::Depth(16)),
        ApiError::NoItems,
        ApiError::BadSegment,
        ApiError::DeniedAnonymous,
        ApiError::Denied,
        ApiError::ForeignOrigin,
        ApiError::ForeignToken,
        ApiError::NotFound,
        ApiError::Method("GET"),
        ApiError::Replaced,
        ApiError::Ambiguous,
        ApiError::CreationLimited,
        ApiError::WritesLimited {
            wait: Duration::from_secs(3),
        },
        ApiError::Busy,
        ApiError::App("app x failed".to_owned()),
        ApiError::Unavailable,
    ]
}

#[test]
fn every_error_is_a_type_and_a_sentence() {
    for error in all() {
        let said: Value = serde_json::from_str(&error.to_json()).unwrap();
        let message = said["message"].as_str().unwrap();
        assert!(message.ends_with('.') && message.len() > 10, "{message}");
        let first = message.chars().next().unwrap();
        assert!(!first.is_lowercase(), "{message}");
        assert_eq!(said["type"], error.kind());
        assert!((400..600).contains(&error.status()), "{error:?}");
    }
}

#[test]
fn refusals_have_the_platforms_types() {
    let said: Value = serde_json::from_str(&ApiError::DeniedAnonymous.to_json()).unwrap();
    assert_eq!(
        said,
        json!({
            "type": "Unauthorized",
            "message": "This trade policy is open only to shoppers who are logged in.",
        })
    );
    assert_eq!(ApiError::Denied.kind(), "Forbidden");
}

#[test]
fn who_may_come_again_is_told_when() {
    for error in all() {
        let retried = matches!(error.status(), 429 | 503);
        assert_eq!(error.retry_after().is_some(), retried, "{error:?}");
    }
}
