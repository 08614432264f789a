//! A session's document as the API answers it, written once a body and cut to what is asked for.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde_json::Value;

use super::{Body, Field, SessionId};

/// Captured cookies are never part of it (contract §10).
const HIDDEN: &str = "cookie";

/// Longest query that is remembered with what it asked for, in bytes.
const LONGEST_QUERY: usize = 256;

/// The `namespaces` of a body as JSON, and where each field's part of it lies.
///
/// Making it is the only serialisation of a body; every answer is pieces of it put together.
pub struct Document {
    json: Box<str>,
    /// Sorted by field, as the body is.
    parts: Box<[(Field, Range<usize>)]>,
    /// What was asked for last: the pages of a store ask for the same again and again.
    last: ArcSwapOption<Asked>,
}

/// A query, and all that it asked for.
struct Asked {
    query: Box<str>,
    namespaces: Box<str>,
}

impl Document {
    /// Writes the document of a body, cookies left out.
    pub fn of(body: &Body) -> Self {
        Self::write(body, |field| field.namespace() != HIDDEN)
    }

    /// The same with cookies, for accounts that want them seen.
    pub fn with_cookies(body: &Body) -> Self {
        Self::write(body, |_| true)
    }

    fn write(body: &Body, is_shown: impl Fn(&Field) -> bool) -> Self {
        let mut writing = Writing::after(String::new());
        let mut parts = Vec::with_capacity(body.len());
        for (field, slot) in body.iter().filter(|(field, _)| is_shown(field)) {
            writing.begin(field.namespace());
            let from = writing.json.len();
            write_text(&mut writing.json, field.key());
            writing.json.push(':');
            writing.json.push_str(&slot.to_json().to_string());
            parts.push((field.clone(), from..writing.json.len()));
        }
        Self {
            json: writing.close().into(),
            parts: parts.into(),
            last: ArcSwapOption::empty(),
        }
    }

    /// `{"id", "namespaces"}` with everything.
    pub fn whole(&self, id: SessionId) -> String {
        named(id, &self.json)
    }

    /// The same with the fields for which `asked` holds; what is missing is left out, and so is a
    /// namespace of which nothing is left.
    pub fn part(&self, id: SessionId, asked: impl Fn(&Field) -> bool) -> String {
        let mut json = self.cut(head(id, 256), asked);
        json.push('}');
        json
    }

    /// The same for a query, all of which `asked` stands for; it is remembered.
    pub fn part_of(&self, id: SessionId, query: &str, asked: impl Fn(&Field) -> bool) -> String {
        if query.len() > LONGEST_QUERY {
            return self.part(id, asked);
        }
        if let Some(json) = self.remembered(id, query) {
            return json;
        }
        let namespaces: Box<str> = self.cut(String::new(), asked).into();
        let json = named(id, &namespaces);
        let query = query.into();
        self.last.store(Some(Arc::new(Asked { query, namespaces })));
        json
    }

    /// The answer to a query that is the last one's, byte for byte.
    pub fn remembered(&self, id: SessionId, query: &str) -> Option<String> {
        let last = self.last.load();
        let asked = last.as_ref().filter(|asked| *asked.query == *query)?;
        Some(named(id, &asked.namespaces))
    }

    fn cut(&self, before: String, asked: impl Fn(&Field) -> bool) -> String {
        let mut writing = Writing::after(before);
        for (field, range) in self.parts.iter().filter(|(field, _)| asked(field)) {
            writing.begin(field.namespace());
            let part = self.json.get(range.clone()).unwrap_or_default();
            writing.json.push_str(part);
        }
        writing.close()
    }
}

/// A whole document of these namespaces.
fn named(id: SessionId, namespaces: &str) -> String {
    let mut json = head(id, namespaces.len());
    json.push_str(namespaces);
    json.push('}');
    json
}

/// An object of namespaces being written; fields come sorted, so each namespace comes once.
struct Writing<'a> {
    json: String,
    open: Option<&'a str>,
}

impl<'a> Writing<'a> {
    fn after(mut json: String) -> Self {
        json.push('{');
        Self { json, open: None }
    }

    /// Writes what stands before the next field.
    fn begin(&mut self, namespace: &'a str) {
        if self.open == Some(namespace) {
            self.json.push(',');
            return;
        }
        if self.open.is_some() {
            self.json.push_str("},");
        }
        // Letters, digits, - and _: nothing to escape.
        self.json.push('"');
        self.json.push_str(namespace);
        self.json.push_str("\":{");
        self.open = Some(namespace);
    }

    fn close(mut self) -> String {
        self.json
            .push_str(if self.open.is_some() { "}}" } else { "}" });
        self.json
    }
}

/// Fields only: values are a shopper's own.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.parts.iter().map(|(field, _)| field))
            .finish()
    }
}

fn head(id: SessionId, room: usize) -> String {
    let mut json = String::with_capacity(72 + room);
    json.push_str("{\"id\":\"");
    json.push_str(&id.to_string());
    json.push_str("\",\"namespaces\":");
    json
}

fn write_text(json: &mut String, text: &str) {
    json.push_str(&Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use serde_json::json;

    fn id() -> SessionId {
        SessionId::from_random(7)
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn captured_cookies_are_no_part_of_a_document() {
        let body: Body = [
            (known("cookie.VtexIdclientAutCookie"), json!("hash")),
            (known("public.sc"), json!("1")),
        ]
        .into_iter()
        .collect();
        let document = Document::of(&body);
        for text in [document.whole(id()), document.part(id(), |_| true)] {
            assert_eq!(
                parsed(&text)["namespaces"],
                json!({"public": {"sc": {"value": "1"}}})
            );
        }
    }

    #[test]
    fn a_body_without_fields_is_an_empty_object() {
        let document = Document::of(&Body::new());
        assert_eq!(parsed(&document.whole(id()))["namespaces"], json!({}));
        assert_eq!(
            parsed(&document.part(id(), |_| true))["namespaces"],
            json!({})
        );
    }

    proptest! {
        #[test]
        fn every_part_of_a_document_is_what_the_body_says(
            fields in btree_map("(public|store|a-b)\\.[a-c.*]{1,3}", "\\PC{0,6}", 0..9),
            asked in "[a-c.*]{1,3}",
        ) {
            let body: Body = fields
                .into_iter()
                .map(|(name, value)| (name.parse::<Field>().unwrap(), json!(value)))
                .collect();
            let document = Document::of(&body);
            prop_assert_eq!(&parsed(&document.whole(id()))["namespaces"], &body.to_json());
            let kept = |field: &Field| field.key() == asked;
            let part: Body = body
                .iter()
                .filter(|(field, _)| kept(field))
                .map(|(field, slot)| (field.clone(), slot.value().clone()))
                .collect();
            prop_assert_eq!(
                &parsed(&document.part(id(), kept))["namespaces"],
                &part.to_json()
            );
            prop_assert_eq!(document.remembered(id(), &asked), None);
            let answer = document.part_of(id(), &asked, kept);
            prop_assert_eq!(&answer, &document.part(id(), kept));
            prop_assert_eq!(document.remembered(id(), &asked), Some(answer));
            let longer = format!("{asked}&");
            prop_assert_eq!(document.remembered(id(), &longer), None);
        }
    }
}
