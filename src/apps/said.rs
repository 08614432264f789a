//! What clients say in `public.*`, read leniently, and how answers are written.

use std::borrow::Cow;

use serde_json::Value;

use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::Call;

/// The text that an input holds. Scripts write numbers where a text is meant; anything else, and
/// `""`, says nothing.
pub(super) fn said<'c>(call: &'c Call, name: &str) -> Option<Cow<'c, str>> {
    match call.value(name)? {
        Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Writes an output, or removes it where there is no value.
pub(super) fn write(writes: &mut Patch, output: &'static str, value: Option<&str>) {
    match value {
        Some(value) => writes.set(known(output), value.into()),
        None => writes.unset(known(output)),
    }
}

/// The session's spelling of a truth.
pub(super) const fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
