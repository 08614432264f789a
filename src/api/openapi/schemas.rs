//! The shapes of what comes in and goes out.

use serde_json::{Value, json};

use crate::domain::session::field::MAX_KEY_BYTES;

/// One segment of a path as the edge lets it pass: no separators, no control characters, nothing
/// that is made of dots, and no percent sign that reads as an escape once more.
const PATH_SEGMENT: &str = concat!(
    r"^(?![. ]*\.[. ]*$)",
    r"(?:[^\u0000-\u001f\u007f-\u009f/\\;?#%]|%(?![0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4}))+$",
);

/// Where a schema is found in the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The token that names a session in a path.
pub(super) fn session_token() -> Value {
    json!({
        "name": "token", "in": "path", "required": true,
        "description": "A `sessionToken`. It counts whatever the cookies say; a bad one gives a \
            fresh session. No cookie is set for a session that is named here.",
        "schema": {"type": "string", "pattern": PATH_SEGMENT},
        "example": "invalidToken",
    })
}

/// Every schema by its name; `longest` is how long ago activity may be that a page reports, in
/// milliseconds.
pub(super) fn all(longest: i64) -> Value {
    json!({
        "Value": {
            "type": "object",
            "description": "A value in its wrapper; members beside `value` are kept.",
            "required": ["value"],
            "properties": {"value": {"description": "Any JSON, nested at most 16 deep."}},
        },
        "Writes": writes(),
        "Tokens": {
            "type": "object",
            "required": ["sessionToken", "segmentToken"],
            "properties": {
                "sessionToken": {"type": "string", "description": "Names the session."},
                "segmentToken": {"type": "string", "description": "The segment: base64 of JSON."},
            },
            "additionalProperties": false,
        },
        "Session": session(),
        "Written": {"oneOf": [reference("Tokens"), reference("Session")]},
        "Report": report(longest),
        "Standing": standing(),
        "Segment": segment(),
        "AnySegment": {"type": "object"},
        "Error": error(),
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
            },
        },
    })
}

/// The body of a write.
fn writes() -> Value {
    json!({
        "type": "object",
        "properties": {
            "public": {
                "type": "object",
                "description": "Keys with their wrapped values. `\"\"` and `null` are values.",
                "maxProperties": 256,
                "propertyNames": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_KEY_BYTES,
                    "pattern": "^[!#-+\\-./0-<>-\\[\\]-~]+$",
                },
                "additionalProperties": reference("Value"),
            },
        },
        "example": {"public": {"postalCode": {"value": "20040002"}, "country": {"value": "BRA"}}},
    })
}

/// A session, or the fields of it that were asked for.
fn session() -> Value {
    json!({
        "type": "object",
        "required": ["id", "namespaces"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "namespaces": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": reference("Value"),
                },
            },
        },
        "additionalProperties": false,
    })
}

/// What a page says of its shopper.
fn report(longest: i64) -> Value {
    json!({
        "type": "object",
        "required": ["activeMsAgo"],
        "properties": {
            "activeMsAgo": {
                "type": "integer",
                "minimum": 0,
                "maximum": longest,
                "description": "How many milliseconds ago the shopper last did something. The most \
                    that may be said counts for nothing, and only asks.",
            },
        },
        "example": {"activeMsAgo": 1200},
    })
}

/// What a page is told of its session.
fn standing() -> Value {
    let millis = |said: &str| json!({"type": "integer", "description": said});
    json!({
        "type": "object",
        "required": ["state", "timeoutMs", "lifetimeMs", "refreshBeforeEndMs", "expiresInMs"],
        "properties": {
            "state": {
                "enum": ["live", "expired", "none"],
                "description": "`expired`: the session that the cookie names has ended. `none`: \
                    none is named, or none that is known.",
            },
            "timeoutMs": millis(
                "(lifetime − refresh before its end) − (now − issue of the cookie); 0 where no \
                 session lives.",
            ),
            "lifetimeMs": millis("The account's, for this kind of shopper."),
            "refreshBeforeEndMs": millis("The account's, for this kind of shopper."),
            "expiresInMs": {
                "type": "integer",
                "minimum": 0,
                "description": "Until the idle or the absolute limit, whichever comes first, if \
                    nothing more happens.",
            },
        },
        "additionalProperties": false,
    })
}

/// Why a call was not done.
fn error() -> Value {
    json!({
        "type": "object",
        "required": ["type", "message"],
        "properties": {
            "type": {"type": "string", "enum": [
                "BadRequest", "Unauthorized", "Forbidden", "NotFound", "MethodNotAllowed",
                "Conflict", "PayloadTooLarge", "TooManyRequests", "AppFailed", "Unavailable",
            ]},
            "message": {"type": "string"},
        },
        "additionalProperties": false,
    })
}

fn segment() -> Value {
    let text = || json!({"type": "string"});
    let maybe = || json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "required": [
            "campaigns", "channel", "priceTables", "regionId", "utm_campaign", "utm_source",
            "utmi_campaign", "currencyCode", "currencySymbol", "countryCode", "cultureInfo",
        ],
        "properties": {
            "campaigns": maybe(),
            "channel": maybe(),
            "priceTables": maybe(),
            "regionId": maybe(),
            "utm_campaign": maybe(),
            "utm_source": maybe(),
            "utmi_campaign": maybe(),
            "currencyCode": maybe(),
            "currencySymbol": maybe(),
            "countryCode": maybe(),
            "cultureInfo": maybe(),
            "admin_cultureInfo": text(),
            "channelPrivacy": text(),
            "facets": text(),
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::request::path::NormalPath;

    #[test]
    fn a_token_that_the_pattern_takes_is_one_that_the_edge_lets_pass() {
        let pattern = jsonschema::validator_for(&json!({"pattern": PATH_SEGMENT})).unwrap();
        let agree = |token: &str| {
            let escaped = utf8_percent_encode(token, NON_ALPHANUMERIC);
            let passes = NormalPath::read(&format!("/api/sessions/{escaped}")).is_ok();
            assert_eq!(pattern.is_valid(&json!(token)), passes, "{token:?}");
        };
        for token in [
            "invalidToken",
            "a.b-c_d",
            ".",
            "..",
            ". .",
            " ",
            "a.",
            "..a",
            "%",
            "%4",
            "%4g",
            "%41",
            "%u0041",
            "%u004",
            "%U00e9x",
            "%%41",
            "a/b",
            "a\\b",
            "a;b",
            "a?b",
            "a#b",
            "\u{0}",
            "\u{1f}",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{feff}",
            "é",
            "\u{10ffff}",
        ] {
            agree(token);
        }
        proptest!(|(token in "([. ]|%|u|[0-9a-f]|[/;?#]|\\PC|.){1,6}")| agree(&token));
    }
}
