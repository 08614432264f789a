//! The body of a write: `{"public":{KEY:{"value":ANY}}}`, read whole or refused.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::patch::Patch;
use crate::domain::session::field::is_key;
use crate::domain::session::{Field, Slot};

/// Longest part of a bad key that an error repeats, in characters.
const SHOWN: usize = 40;

/// Why a body cannot be written. Says what was found and what is allowed, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// Its outermost value is something else than an object.
    #[error(
        "the body must be a JSON object such as {{\"public\":{{\"key\":{{\"value\":\"v\"}}}}}}, not {0}"
    )]
    NotAnObject(&'static str),
    /// `public` is something else than an object.
    #[error("`public` must be an object of keys, not {0}")]
    PublicNotAnObject(&'static str),
    /// A key that can name no field.
    #[error(
        "`{0}` is no key: 1 to 128 visible ASCII characters without quotes, commas, = and backslashes"
    )]
    BadKey(String),
    /// A key's value is not wrapped.
    #[error("`public.{key}` must be wrapped, {{\"value\": …}}, and is {found}")]
    NotWrapped {
        /// The key.
        key: String,
        /// What was found.
        found: &'static str,
    },
    /// A wrapper has no `value`.
    #[error("`public.{0}` has no member `value`")]
    NoValue(String),
}

/// Reads what a body writes. Empty ones, `{}` and whatever stands outside `public` write nothing.
pub fn read_public(body: &[u8]) -> Result<Patch, BodyError> {
    let mut patch = Patch::new();
    if body.trim_ascii().is_empty() {
        return Ok(patch);
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let Value::Object(mut members) = value else {
        return Err(BodyError::NotAnObject(kind(&value)));
    };
    let public = match members.remove("public") {
        None => return Ok(patch),
        Some(Value::Object(public)) => public,
        Some(other) => return Err(BodyError::PublicNotAnObject(kind(&other))),
    };
    for (key, wrapper) in public {
        let slot = unwrap(&key, wrapper)?;
        let field = Field::new("public", &key).map_err(|_| BodyError::BadKey(shown(&key)))?;
        patch.put(field, slot);
    }
    Ok(patch)
}

/// The parser's words without the text that it stumbled over.
pub(super) fn not_json(error: &serde_json::Error) -> BodyError {
    let (line, column) = (error.line(), error.column());
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it cannot be read",
    };
    BodyError::NotJson(format!("{what} at line {line}, column {column}"))
}

fn unwrap(key: &str, wrapper: Value) -> Result<Slot, BodyError> {
    if !is_key(key) {
        return Err(BodyError::BadKey(shown(key)));
    }
    let Value::Object(mut members) = wrapper else {
        let found = kind(&wrapper);
        let key = shown(key);
        return Err(BodyError::NotWrapped { key, found });
    };
    let value = take(&mut members, "value").ok_or_else(|| BodyError::NoValue(shown(key)))?;
    Ok(Slot::with_beside(value, members))
}

/// Takes a member out and leaves the others in their order.
fn take(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    members.shift_remove(name)
}

fn shown(key: &str) -> String {
    let mut letters = key.chars().flat_map(char::escape_default);
    let shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        format!("{shown}…")
    } else {
        shown
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
