//! Names of what a session holds: `profile.email` is key `email` of namespace `profile`.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// Longest key, in bytes (contract §14).
pub const MAX_KEY_BYTES: usize = 128;
const MAX_NAMESPACE_BYTES: usize = 64;

/// One field's full name. Cheap to clone; ordered and looked up by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(Arc<str>);

/// Why a text names no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// There is no dot between a namespace and a key.
    #[error("a field is written namespace.key")]
    NoNamespace,
    /// The namespace is empty, too long or holds other bytes than letters, digits, `-` and `_`.
    #[error("a namespace has 1 to 64 letters, digits, - or _")]
    BadNamespace,
    /// The key is empty, longer than 128 bytes, or holds a byte outside visible ASCII.
    #[error("a key has 1 to 128 visible ASCII characters and no quote, comma, = or backslash")]
    BadKey,
}

impl Field {
    /// Builds a field of its two parts.
    pub fn new(namespace: &str, key: &str) -> Result<Self, FieldError> {
        check_namespace(namespace)?;
        check_key(key)?;
        Ok(Self([namespace, ".", key].concat().into()))
    }

    /// A name that was a field's before.
    pub(super) fn kept(name: &str) -> Self {
        Self(name.into())
    }

    /// The part before the first dot.
    pub fn namespace(&self) -> &str {
        self.0
            .split_once('.')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The part after the first dot; it may hold dots itself.
    pub fn key(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, key)| key)
    }

    /// Compares the whole name with that of another field's two parts, without building it.
    pub fn compare(&self, namespace: &str, key: &str) -> Ordering {
        let name = self.0.as_bytes();
        let Some((start, rest)) = name.split_at_checked(namespace.len()) else {
            return name.cmp(namespace.as_bytes());
        };
        start
            .cmp(namespace.as_bytes())
            .then_with(|| match rest.split_first() {
                Some((dot, rest)) => dot.cmp(&b'.').then_with(|| rest.cmp(key.as_bytes())),
                None => Ordering::Less,
            })
    }

    /// The whole name, `namespace.key`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text may be a key: 1 to 128 visible ASCII characters without separators.
pub fn is_key(text: &str) -> bool {
    check_key(text).is_ok()
}

fn check_namespace(namespace: &str) -> Result<(), FieldError> {
    let fits = (1..=MAX_NAMESPACE_BYTES).contains(&namespace.len());
    let plain = namespace
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits && plain {
        Ok(())
    } else {
        Err(FieldError::BadNamespace)
    }
}

fn check_key(key: &str) -> Result<(), FieldError> {
    let fits = (1..=MAX_KEY_BYTES).contains(&key.len());
    // Keys come from clients and travel in `items` lists, logs and headers: no separators.
    let plain = key
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b'=' | b'\\'));
    if fits && plain {
        Ok(())
    } else {
        Err(FieldError::BadKey)
    }
}

impl FromStr for Field {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let (namespace, key) = text.split_once('.').ok_or(FieldError::NoNamespace)?;
        Self::new(namespace, key)
    }
}

impl Borrow<str> for Field {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field whose name is written in this program.
///
/// # Panics
/// When the literal is no field: a mistake of the program, found by the first test that runs it.
pub fn known(text: &'static str) -> Field {
    text.parse()
        .expect("field names in the program are well formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_first_dot_separates() {
        let field: Field = "public.a.b".parse().unwrap();
        assert_eq!((field.namespace(), field.key()), ("public", "a.b"));
    }

    #[test]
    fn malformed_names_are_refused_with_their_reason() {
        for (text, reason) in [
            ("public", FieldError::NoNamespace),
            (".sc", FieldError::BadNamespace),
            ("pub lic.sc", FieldError::BadNamespace),
            ("public.", FieldError::BadKey),
            ("public.a,b", FieldError::BadKey),
            ("public.a\nb", FieldError::BadKey),
            ("public.ação", FieldError::BadKey),
        ] {
            assert_eq!(text.parse::<Field>(), Err(reason), "{text:?}");
        }
        assert_eq!(
            Field::new("public", &"k".repeat(129)),
            Err(FieldError::BadKey)
        );
    }

    proptest! {
        #[test]
        fn comparing_with_two_parts_is_comparing_with_the_whole_name(
            field in "[a-c-]{1,3}\\.[a-c.]{1,3}",
            namespace in "[a-c-]{0,3}",
            key in "[a-c.]{0,3}",
        ) {
            let whole = format!("{namespace}.{key}");
            let field: Field = field.parse().unwrap();
            prop_assert_eq!(field.compare(&namespace, &key), field.as_str().cmp(whole.as_str()));
        }

        #[test]
        fn what_parses_prints_the_same(text in "\\PC{0,80}") {
            if let Ok(field) = text.parse::<Field>() {
                prop_assert_eq!(field.to_string(), text);
            }
        }
    }
}
