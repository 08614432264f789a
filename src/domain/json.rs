//! One object of a JSON text, member by member, each with its place in the text.
//!
//! A name that is written twice is refused: two readers would see two different objects.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a text is no object. Quotes nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It does not parse.
    #[error("no JSON (line {line}, column {column})")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is JSON of another kind.
    #[error("{0}, not an object")]
    Kind(&'static str),
    /// A name is written twice.
    #[error("an object with a name that is written twice")]
    Repeated,
}

/// The members of an object, in the order of the text.
#[derive(Clone, Debug)]
pub struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Members<'t> {
    /// Reads a text that holds one object and nothing else.
    pub fn read(text: &'t str) -> Result<Self, JsonError> {
        let error = match serde_json::from_str(text) {
            Ok(members) => return Ok(members),
            Err(error) => error,
        };
        if error.is_data() {
            let kind = kind_of(text);
            return Err(if kind == OBJECT {
                JsonError::Repeated
            } else {
                JsonError::Kind(kind)
            });
        }
        Err(JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        })
    }

    /// Each name with the text of its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'t RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// The text of a member's value.
    pub fn get(&self, name: &str) -> Option<&'t RawValue> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }
}

const OBJECT: &str = "an object";

/// What a JSON text holds, for people.
pub fn kind_of(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => OBJECT,
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose names differ")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom("a name twice"));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A name, borrowed where it is written without escapes.
struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Borrowing)
    }
}

/// Line and column of a part of a text, both from 1; columns count characters.
pub fn position_of(text: &str, part: &RawValue) -> (usize, usize) {
    let offset = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_read_in_order_with_their_places() {
        let text = "{\n \"a\": 1, \"b\\u0021\": {\"c\": [2]}\n}";
        let members = Members::read(text).unwrap();
        let names: Vec<&str> = members.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b!"]);
        let value = members.get("b!").unwrap();
        assert_eq!(value.get(), "{\"c\": [2]}");
        assert_eq!(position_of(text, value), (2, 21));
    }

    #[test]
    fn what_is_no_object_is_told_by_kind_and_place() {
        for (text, error) in [
            ("", JsonError::Syntax { line: 1, column: 0 }),
            ("{\n\"a\": }", JsonError::Syntax { line: 2, column: 6 }),
            ("{} {}", JsonError::Syntax { line: 1, column: 4 }),
            ("[1]", JsonError::Kind("a list")),
            ("\"x\"", JsonError::Kind("a text")),
            ("null", JsonError::Kind("null")),
            ("7", JsonError::Kind("a number")),
            (r#"{"a": 1, "\u0061": 2}"#, JsonError::Repeated),
        ] {
            assert_eq!(Members::read(text).unwrap_err(), error, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[{}\\[\\]\":,a1\\\\ \n]{0,40}|\\PC{0,40}") {
            if let Ok(members) = Members::read(&text) {
                for (_, value) in members.iter() {
                    let (line, column) = position_of(&text, value);
                    prop_assert!(line >= 1 && column >= 1);
                }
            }
        }
    }
}
