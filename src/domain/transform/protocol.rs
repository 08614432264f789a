//! What is said to an app over HTTP and what is understood of its answer: the platform's transform
//! protocol, `{"namespace":{"key":{"value":…}}}` both ways.
//!
//! An answer that is no answer is refused whole: half of one would be a session that no app meant.
//! Refusals name outputs, lines and kinds, never a value.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::json::{JsonError, Members, kind_of};
use crate::domain::patch::Patch;
use crate::domain::session::limits::deeper_than;
use crate::domain::session::{Body, Field};

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// Bytes that are no text.
    #[error("no UTF-8 text")]
    NotText,
    /// No JSON, or none of the right kind.
    #[error("the answer is {0}")]
    Answer(JsonError),
    /// A namespace of declared outputs holds something else than keys.
    #[error("`{namespace}` is {error}")]
    Namespace {
        /// The namespace.
        namespace: String,
        /// What it is.
        error: JsonError,
    },
    /// A declared output is not wrapped.
    #[error("`{field}` is {error}; an output is written {{\"value\": …}}")]
    Unwrapped {
        /// The output.
        field: Field,
        /// What it is.
        error: JsonError,
    },
    /// A declared output's value is nested too deep.
    #[error("`{field}` is nested more than {most} deep")]
    Depth {
        /// The output.
        field: Field,
        /// How deep a value may be.
        most: usize,
    },
}

/// What an app answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppReply {
    /// Writes to declared outputs; for undeclared fields `null`, so that they are counted.
    pub writes: Patch,
    /// Members that are no field at all. Dropped.
    pub nameless: usize,
}

/// The body of a call: every input that may be told, grouped by namespace.
pub fn write_call(inputs: &Body, tells: impl Fn(&Field) -> bool) -> Vec<u8> {
    let mut namespaces: Map<String, Value> = Map::new();
    for (field, slot) in inputs.iter().filter(|(field, _)| tells(field)) {
        let namespace = namespaces
            .entry(field.namespace())
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(keys) = namespace {
            let wrapped = Map::from_iter([("value".to_owned(), slot.value().clone())]);
            keys.insert(field.key().to_owned(), Value::Object(wrapped));
        }
    }
    Value::Object(namespaces).to_string().into_bytes()
}

/// Reads an answer. `outputs` are what the app declared, `depth` is how deep a value may be nested.
///
/// Nothing at all, and `{}`, write nothing. A key without `value` is left out: that is how a
/// script writes a value that it does not have.
pub fn read_reply(bytes: &[u8], outputs: &[Field], depth: usize) -> Result<AppReply, ReplyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ReplyError::NotText)?;
    let mut reply = AppReply::default();
    if text.trim().is_empty() {
        return Ok(reply);
    }
    let namespaces = Members::read(text).map_err(ReplyError::Answer)?;
    for (namespace, keys) in namespaces.iter() {
        let declared = outputs.iter().any(|field| field.namespace() == namespace);
        match Members::read(keys.get()) {
            Ok(keys) => reply.namespace(namespace, &keys, outputs, depth)?,
            Err(error) if declared => {
                let namespace = namespace.to_owned();
                return Err(ReplyError::Namespace { namespace, error });
            }
            Err(_) => reply.nameless += 1,
        }
    }
    Ok(reply)
}

impl AppReply {
    fn namespace(
        &mut self,
        namespace: &str,
        keys: &Members<'_>,
        outputs: &[Field],
        depth: usize,
    ) -> Result<(), ReplyError> {
        for (key, wrapper) in keys.iter() {
            match Field::new(namespace, key) {
                Ok(field) if outputs.contains(&field) => {
                    if let Some(value) = unwrap(&field, wrapper, depth)? {
                        self.writes.set(field, value);
                    }
                }
                Ok(field) => self.writes.set(field, Value::Null),
                Err(_) => self.nameless += 1,
            }
        }
        Ok(())
    }
}

fn unwrap(field: &Field, wrapper: &RawValue, depth: usize) -> Result<Option<Value>, ReplyError> {
    let unwrapped = |error| ReplyError::Unwrapped {
        field: field.clone(),
        error,
    };
    let members = Members::read(wrapper.get()).map_err(unwrapped)?;
    let Some(value) = members.get("value") else {
        return Ok(None);
    };
    let too_deep = || ReplyError::Depth {
        field: field.clone(),
        most: depth,
    };
    match serde_json::from_str::<Value>(value.get()) {
        Ok(value) if deeper_than(&value, depth) => Err(too_deep()),
        Ok(value) => Ok(Some(value)),
        // The text was found to be JSON: what is left is the parser's own limit of depth, or a
        // number that fits no number.
        Err(_) if kind_of(value.get()) == "a number" => {
            Err(unwrapped(JsonError::Kind("a number out of range")))
        }
        Err(_) => Err(too_deep()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::patch::Edit;
    use crate::domain::session::Slot;
    use crate::domain::session::field::known;
    use proptest::prelude::*;
    use serde_json::json;

    fn outputs() -> [Field; 2] {
        [known("search.facets"), known("public.region")]
    }

    fn set(value: Value) -> Edit {
        Edit::Set(Slot::plain(value))
    }

    fn read(text: &str) -> Result<AppReply, ReplyError> {
        read_reply(text.as_bytes(), &outputs(), 16)
    }

    #[test]
    fn a_call_tells_each_input_wrapped_and_grouped() {
        let inputs: Body = [
            (known("public.b"), json!("")),
            (known("public.a"), json!({"x": [1]})),
            (known("cookie.secret"), json!("token")),
            (known("profile.email"), json!(null)),
        ]
        .into_iter()
        .collect();
        let body = write_call(&inputs, |field| field.namespace() != "cookie");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"profile":{"email":{"value":null}},"public":{"a":{"value":{"x":[1]}},"b":{"value":""}}}"#
        );
        assert_eq!(write_call(&Body::new(), |_| true), b"{}");
    }

    #[test]
    fn writes_are_taken_and_what_is_left_out_is_untouched() {
        for (text, facets, region) in [
            ("", None, None),
            (" \n", None, None),
            ("{}", None, None),
            (r#"{"search":{}}"#, None, None),
            (r#"{"search":{"facets":{}}}"#, None, None),
            (
                r#"{"search":{"facets":{"value":""}}}"#,
                Some(json!("")),
                None,
            ),
            (
                r#"{"search":{"facets":{"value":null}},"public":{"region":{"value":{"a":[1]},"more":2}}}"#,
                Some(json!(null)),
                Some(json!({"a": [1]})),
            ),
        ] {
            let reply = read(text).unwrap();
            for (name, expected) in [("search.facets", facets), ("public.region", region)] {
                let expected = expected.map(set);
                assert!(
                    reply.writes.edit(name) == expected.as_ref(),
                    "{name}: {text}"
                );
            }
            assert_eq!(reply.nameless, 0, "{text}");
        }
    }

    #[test]
    fn what_was_not_declared_is_known_by_name_alone_whatever_its_shape() {
        let reply = read(
            r#"{"search":{"other":"x"},"profile":{"email":{"value":"e"}},"public":{"a b":{}},"x":7}"#,
        )
        .unwrap();
        let fields: Vec<&str> = reply
            .writes
            .iter()
            .map(|(field, _)| field.as_str())
            .collect();
        assert_eq!(fields, ["profile.email", "search.other"]);
        assert!(
            reply
                .writes
                .iter()
                .all(|(_, edit)| *edit == set(Value::Null))
        );
        assert_eq!(reply.nameless, 2);
    }

    #[test]
    fn an_answer_that_is_none_is_refused_whole_without_its_values() {
        let deep = format!(
            r#"{{"search":{{"facets":{{"value":{}1{}}}}}}}"#,
            "[".repeat(17),
            "]".repeat(17)
        );
        let bottomless = format!(
            r#"{{"search":{{"facets":{{"value":{}{}}}}}}}"#,
            "[".repeat(20_000),
            "]".repeat(20_000)
        );
        for (text, said) in [
            ("secret", "the answer is no JSON (line 1, column 1)"),
            ("[]", "the answer is a list, not an object"),
            ("null", "the answer is null, not an object"),
            (
                r#"{"search":{"facets":{"value":"secret"}"#,
                "the answer is no JSON (line 1, column 38)",
            ),
            (
                r#"{"search":"secret"}"#,
                "`search` is a text, not an object",
            ),
            (
                r#"{"search":{"facets":"secret"}}"#,
                "`search.facets` is a text, not an object; an output is written {\"value\": …}",
            ),
            (
                r#"{"search":{},"search":{}}"#,
                "the answer is an object with a name that is written twice",
            ),
            (
                r#"{"search":{"facets":{"value":1},"facets":{"value":2}}}"#,
                "`search` is an object with a name that is written twice",
            ),
            (&deep, "`search.facets` is nested more than 16 deep"),
            (&bottomless, "`search.facets` is nested more than 16 deep"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), said);
        }
        assert_eq!(
            read_reply(&[0xff], &outputs(), 16),
            Err(ReplyError::NotText)
        );
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            drop(read_reply(&bytes, &outputs(), 16));
        }

        #[test]
        fn whatever_has_the_shape_is_read(facets in "\\PC{0,20}", region in any::<i64>()) {
            let answer = json!({"search": {"facets": {"value": facets}}, "public": {"region": {"value": region}}});
            let reply = read(&answer.to_string()).unwrap();
            prop_assert!(reply.writes.edit("search.facets") == Some(&set(json!(facets))));
            prop_assert!(reply.writes.edit("public.region") == Some(&set(json!(region))));
        }
    }
}
