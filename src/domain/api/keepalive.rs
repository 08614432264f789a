//! What a page says of its shopper: how long ago they last did something.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::body::not_json;
use super::error::ApiError;
use crate::domain::time::span_millis;

/// The one member of a report that is read.
const MEMBER: &str = "activeMsAgo";

/// Why a report says nothing. Tells what is allowed, never what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReportError {
    /// Its outermost value is something else than an object.
    #[error("the body must be a JSON object such as {{\"activeMsAgo\":1200}}")]
    NotAnObject,
    /// The member is not there.
    #[error(
        "`activeMsAgo` is missing: how many milliseconds ago the shopper last did something, such as \
         {{\"activeMsAgo\":1200}}"
    )]
    Missing,
    /// The member is something else than a whole number.
    #[error("`activeMsAgo` must be a whole number of milliseconds")]
    NotWhole,
    /// The member is a number that no living session could have been used before.
    #[error("`activeMsAgo` must be from 0 to {0}, the lifetime of a session in milliseconds")]
    OutOfRange(i64),
}

/// Reads how long ago a shopper was active, at most `longest`. Members beside it are ignored.
pub fn read_report(body: &[u8], longest: Duration) -> Result<Duration, ApiError> {
    if body.trim_ascii().is_empty() {
        return Err(ReportError::Missing.into());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let Value::Object(members) = value else {
        return Err(ReportError::NotAnObject.into());
    };
    let Some(Value::Number(said)) = members.get(MEMBER) else {
        let there = members.contains_key(MEMBER);
        let error = if there {
            ReportError::NotWhole
        } else {
            ReportError::Missing
        };
        return Err(error.into());
    };
    let out_of_range = ReportError::OutOfRange(span_millis(longest));
    let ago = match (said.as_u64(), said.as_f64()) {
        (Some(millis), _) => Duration::from_millis(millis),
        // JSON has one kind of number: 818.0 is as whole as 818. What no span is, is out of range.
        (None, Some(millis)) if millis.fract() == 0.0 => {
            Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| out_of_range.clone())?
        }
        _ => return Err(ReportError::NotWhole.into()),
    };
    if ago > longest {
        Err(out_of_range.into())
    } else {
        Ok(ago)
    }
}
