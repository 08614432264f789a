//! How deep a JSON value is, counted apart from the product.

use serde_json::Value;

/// Of what is neither a list nor an object it is nothing.
pub(crate) fn depth_of(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth_of).max(),
        Value::Object(members) => members.values().map(depth_of).max(),
        _ => return 0,
    };
    below.unwrap_or(0) + 1
}
