//! The shapes of what comes in and goes out.

use serde_json::{Value, json};

use crate::domain::session::field::MAX_KEY_BYTES;

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
        "schema": {"type": "string", "minLength": 1},
    })
}

/// Every schema by its name.
pub(super) fn all() -> Value {
    json!({
        "Value": {
            "type": "object",
            "description": "A value in its wrapper; members beside `value` are kept.",
            "required": ["value"],
            "properties": {"value": {"description": "Any JSON, nested at most 16 deep."}},
        },
        "Writes": {
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
        },
        "Tokens": {
            "type": "object",
            "required": ["sessionToken", "segmentToken"],
            "properties": {
                "sessionToken": {"type": "string", "description": "Names the session."},
                "segmentToken": {"type": "string", "description": "The segment: base64 of JSON."},
            },
            "additionalProperties": false,
        },
        "Session": {
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
        },
        "Written": {"oneOf": [reference("Tokens"), reference("Session")]},
        "Segment": segment(),
        "AnySegment": {"type": "object"},
        "Error": {
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
        },
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
