//! How much a session may hold (contract §14).

use serde_json::Value;
use thiserror::Error;

use super::Body;

/// The limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Bytes of its document as JSON.
    pub bytes: usize,
    /// Keys in `public`.
    pub public_keys: usize,
    /// Nesting of a value.
    pub depth: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024,
            public_keys: 256,
            depth: 16,
        }
    }
}

/// Which limit a session would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LimitError {
    /// The document is too large.
    #[error("the session would be larger than {0} bytes")]
    Bytes(usize),
    /// There are too many keys in `public`.
    #[error("the session would hold more than {0} public keys")]
    PublicKeys(usize),
    /// A value is nested too deeply.
    #[error("a value is nested more than {0} deep")]
    Depth(usize),
}

impl SessionLimits {
    /// Whether a body keeps within them.
    pub fn check(&self, body: &Body) -> Result<(), LimitError> {
        if body.namespace("public").count() > self.public_keys {
            return Err(LimitError::PublicKeys(self.public_keys));
        }
        if body
            .iter()
            .any(|(_, slot)| deeper_than(slot.value(), self.depth))
        {
            return Err(LimitError::Depth(self.depth));
        }
        let bytes: usize = body
            .iter()
            .map(|(field, slot)| field.as_str().len() + written_bytes(slot.value()) + 16)
            .sum();
        if bytes > self.bytes {
            return Err(LimitError::Bytes(self.bytes));
        }
        Ok(())
    }
}

/// How long a value is in JSON, in bytes. A text, as most values are, is not written for it.
fn written_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => {
            let longer = text.bytes().map(|byte| match byte {
                b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
                // As `\u001f`.
                0..0x20 => 5,
                _ => 0,
            });
            2 + text.len() + longer.sum::<usize>()
        }
        other => other.to_string().len(),
    }
}

/// Whether a value nests deeper than `levels` (a plain value is level 0). Stops where it knows.
pub(crate) fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => {
            levels == 0 || items.iter().any(|item| deeper_than(item, levels - 1))
        }
        Value::Object(members) => {
            levels == 0
                || members
                    .values()
                    .any(|member| deeper_than(member, levels - 1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::Field;
    use crate::domain::session::field::known;
    use proptest::prelude::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, _| json!([value]))
    }

    proptest! {
        #[test]
        fn a_text_is_as_long_as_it_is_written(text in "(?s).{0,40}|[\\x00-\\x30\"\\\\\u{7f}é]{0,40}") {
            let value = Value::from(text);
            prop_assert_eq!(written_bytes(&value), value.to_string().len());
        }
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        let limits = SessionLimits::default();
        let one = |value: Value| [(known("public.x"), value)].into_iter().collect::<Body>();
        assert_eq!(limits.check(&one(nested(16))), Ok(()));
        assert_eq!(limits.check(&one(nested(17))), Err(LimitError::Depth(16)));
        assert_eq!(limits.check(&one(json!("x".repeat(65_000)))), Ok(()));
        assert_eq!(
            limits.check(&one(json!("x".repeat(65_536)))),
            Err(LimitError::Bytes(65_536))
        );
        let keys = |count: usize| -> Body {
            (0..count)
                .map(|at| (Field::new("public", &format!("k{at}")).unwrap(), json!("")))
                .collect()
        };
        assert_eq!(limits.check(&keys(256)), Ok(()));
        assert_eq!(limits.check(&keys(257)), Err(LimitError::PublicKeys(256)));
    }
}
