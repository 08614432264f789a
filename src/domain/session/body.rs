//! A session's body: its fields and their values, in one sorted list.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Field;

/// What a field takes beside its texts: its place, and the heads of two allocations.
const ENTRY_BYTES: usize = size_of::<(Field, Slot)>() + 32;

/// One value with whatever else its wrapper carried.
///
/// The platform writes `{"value": …}`; members beside `value` (such as `keepAlive`) are kept as
/// they came (contract §4).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    value: Value,
    beside: Option<Arc<Map<String, Value>>>,
}

impl Slot {
    /// A slot with nothing beside the value.
    pub fn plain(value: Value) -> Self {
        Self {
            value,
            beside: None,
        }
    }

    /// A slot whose wrapper has further members.
    pub fn with_beside(value: Value, beside: Map<String, Value>) -> Self {
        let beside = (!beside.is_empty()).then(|| Arc::new(beside));
        Self { value, beside }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// What stands beside the value.
    pub fn beside(&self) -> Option<&Map<String, Value>> {
        self.beside.as_deref()
    }

    /// Whether nothing stands beside the value.
    pub fn is_plain(&self) -> bool {
        self.beside.is_none()
    }

    /// The wrapped form, `{"value": …}` first, then what stood beside it.
    pub fn to_json(&self) -> Value {
        let mut wrapper = Map::new();
        wrapper.insert("value".to_owned(), self.value.clone());
        if let Some(beside) = &self.beside {
            wrapper.extend(
                beside
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        Value::Object(wrapper)
    }
}

/// The fields of a session. Fields are sorted by name, so equal contents are equal bodies.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Body {
    entries: Vec<(Field, Slot)>,
}

impl Body {
    /// A body without fields.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(field, _)| field.as_str().cmp(name))
    }

    /// The slot of a field, by its full name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        let at = self.position(name).ok()?;
        self.entries.get(at).map(|(_, slot)| slot)
    }

    /// The value of a field, by its full name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.slot(name).map(Slot::value)
    }

    /// The value of a field, by the two parts of its name: no full name needs to be built.
    pub fn at(&self, namespace: &str, key: &str) -> Option<&Value> {
        let at = self
            .entries
            .binary_search_by(|(field, _)| field.compare(namespace, key));
        self.entries.get(at.ok()?).map(|(_, slot)| slot.value())
    }

    /// The text of a field that holds a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// The text of a field that holds a string other than `""`.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// Writes a field's value and keeps what stands beside it. Returns whether anything changed.
    pub fn set(&mut self, field: Field, value: Value) -> bool {
        match self.position(field.as_str()) {
            Ok(at) => match self.entries.get_mut(at) {
                Some((_, slot)) if slot.value != value => {
                    slot.value = value;
                    true
                }
                _ => false,
            },
            Err(at) => {
                self.entries.insert(at, (field, Slot::plain(value)));
                true
            }
        }
    }

    /// Writes a whole slot. Returns whether anything changed.
    pub fn put(&mut self, field: Field, slot: Slot) -> bool {
        match self.position(field.as_str()) {
            Ok(at) => match self.entries.get_mut(at) {
                Some((_, old)) if *old != slot => {
                    *old = slot;
                    true
                }
                _ => false,
            },
            Err(at) => {
                self.entries.insert(at, (field, slot));
                true
            }
        }
    }

    /// Removes a field. Returns whether it was there.
    pub fn unset(&mut self, name: &str) -> bool {
        match self.position(name) {
            Ok(at) => {
                self.entries.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// Every field with its slot, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Field, &Slot)> {
        self.entries.iter().map(|(field, slot)| (field, slot))
    }

    /// The fields of one namespace, sorted by key.
    pub fn namespace<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Field, &'a Slot)> {
        // Sorted by name, a namespace is one run of fields; no key sorts before the empty one.
        let start = self
            .entries
            .partition_point(|(field, _)| field.compare(namespace, "").is_lt());
        let run = self.entries.get(start..).unwrap_or_default().iter();
        run.take_while(move |(field, _)| field.namespace() == namespace)
            .map(|(field, slot)| (field, slot))
    }

    /// What it takes in memory, in bytes, roughly.
    pub fn weight(&self) -> usize {
        let text = |value: &Value| match value {
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => value.to_string().len() * 2,
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        };
        self.iter()
            .map(|(field, slot)| ENTRY_BYTES + field.as_str().len() + text(slot.value()))
            .sum()
    }

    /// A body of fields that come sorted by name, each once.
    pub(super) fn of_sorted(fields: impl Iterator<Item = (Field, Slot)>) -> Self {
        Self {
            entries: fields.collect(),
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The `namespaces` object of the session document (contract §4).
    pub fn to_json(&self) -> Value {
        let mut namespaces = Map::new();
        for (field, slot) in self.iter() {
            let namespace = namespaces
                .entry(field.namespace())
                .or_insert_with(|| json!({}));
            if let Some(namespace) = namespace.as_object_mut() {
                namespace.insert(field.key().to_owned(), slot.to_json());
            }
        }
        Value::Object(namespaces)
    }
}

/// Never the value: it may be a shopper's own.
impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot(..)")
    }
}

/// The fields' names alone.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.entries.iter().map(|(field, _)| field))
            .finish()
    }
}

impl FromIterator<(Field, Value)> for Body {
    fn from_iter<I: IntoIterator<Item = (Field, Value)>>(fields: I) -> Self {
        let mut body = Self::new();
        for (field, value) in fields {
            body.set(field, value);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;

    #[test]
    fn writing_an_equal_value_changes_nothing() {
        let mut body = Body::new();
        assert!(body.set(known("public.sc"), json!("1")));
        assert!(!body.set(known("public.sc"), json!("1")));
        assert!(body.set(known("public.sc"), json!("2")));
        assert!(body.unset("public.sc"));
        assert!(!body.unset("public.sc"));
    }

    #[test]
    fn a_field_is_found_by_its_two_parts_too() {
        let body: Body = [
            (known("public.a.b"), json!(1)),
            (known("public-x.a"), json!(2)),
        ]
        .into_iter()
        .collect();
        assert_eq!(body.at("public", "a.b"), Some(&json!(1)));
        assert_eq!(body.at("public-x", "a"), Some(&json!(2)));
        assert_eq!(
            (body.at("public", "a"), body.at("pub", "lic.a")),
            (None, None)
        );
    }

    #[test]
    fn wrapper_members_survive_a_write_of_the_value() {
        let mut body = Body::new();
        let beside = json!({"keepAlive": true}).as_object().unwrap().clone();
        body.put(known("account.id"), Slot::with_beside(json!("a"), beside));
        body.set(known("account.id"), json!("b"));
        assert_eq!(
            body.to_json(),
            json!({"account": {"id": {"value": "b", "keepAlive": true}}})
        );
    }

    #[test]
    fn namespaces_are_kept_apart_even_where_names_share_a_beginning() {
        let body: Body = [
            (known("public.postal"), json!("1")),
            (known("public.postalCode"), json!("2")),
            (known("public-x.postal"), json!("3")),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            body.to_json(),
            json!({
                "public": {"postal": {"value": "1"}, "postalCode": {"value": "2"}},
                "public-x": {"postal": {"value": "3"}},
            })
        );
        assert_eq!(body.namespace("public").count(), 2);
    }
}
