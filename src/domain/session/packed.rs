//! A body that is not being changed: all its texts in one, and where each begins.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use serde_json::{Map, Value};

use super::{Body, Field, Slot};

/// Hexadecimal digits of the length of what stands beside a value.
const LENGTH_DIGITS: usize = 8;

/// The fields of a body, sorted by name, in two allocations for all of them.
///
/// A [`Body`] takes some 250 bytes for a field beside its texts; this takes eight. It can be read as
/// it is, and becomes a body again to be changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed {
    /// Of each field its name, its value and what stands beside it.
    texts: Box<str>,
    places: Box<[Place]>,
}

/// Where a field's texts begin, and what they are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    start: u32,
    /// The length of the name: at most 193.
    name: u8,
    /// Whether the value is a text and written as it is; anything else is JSON.
    is_text: bool,
    /// Whether members stand beside the value: they follow it as JSON, and then their length does.
    has_beside: bool,
}

/// In as few steps as there are fields: a body is looked for at each first visit.
impl Hash for Packed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.texts.hash(state);
        for place in &self.places {
            let flags = u64::from(place.is_text) << 1 | u64::from(place.has_beside);
            state.write_u64(u64::from(place.start) << 32 | u64::from(place.name) << 8 | flags);
        }
    }
}

/// One field as it lies there.
#[derive(Clone, Copy)]
pub struct PackedField<'a> {
    /// The whole name.
    pub name: &'a str,
    value: &'a str,
    is_text: bool,
    beside: &'a str,
}

impl<'a> PackedField<'a> {
    /// The value, where it is a text.
    pub const fn text(&self) -> Option<&'a str> {
        if self.is_text { Some(self.value) } else { None }
    }

    /// The value as JSON.
    pub fn json(&self) -> String {
        if self.is_text {
            Value::from(self.value).to_string()
        } else {
            self.value.to_owned()
        }
    }

    /// The object of the members beside the value as JSON; empty where there are none.
    pub const fn beside(&self) -> &'a str {
        self.beside
    }

    fn slot(&self) -> Slot {
        // Written by this module from values: it always parses.
        let value = if self.is_text {
            Value::from(self.value)
        } else {
            serde_json::from_str(self.value).unwrap_or_default()
        };
        let beside: Map<String, Value> = if self.beside.is_empty() {
            Map::new()
        } else {
            serde_json::from_str(self.beside).unwrap_or_default()
        };
        Slot::with_beside(value, beside)
    }
}

/// A run of neighbouring fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    from: u32,
    to: u32,
}

impl Packed {
    /// Packs a body.
    pub fn of(body: &Body) -> Self {
        let mut texts = String::new();
        let mut places = Vec::with_capacity(body.len());
        for (field, slot) in body.iter() {
            let start = short(texts.len());
            texts.push_str(field.as_str());
            let text = slot.value().as_str();
            match text {
                Some(text) => texts.push_str(text),
                None => texts.push_str(&slot.value().to_string()),
            }
            if let Some(beside) = slot.beside() {
                let from = texts.len();
                // Only serialising what is no JSON fails, and a map of values is.
                texts.push_str(&serde_json::to_string(beside).unwrap_or_default());
                let length = format!("{:0LENGTH_DIGITS$x}", texts.len() - from);
                texts.push_str(&length);
            }
            places.push(Place {
                start,
                name: u8::try_from(field.as_str().len()).unwrap_or(u8::MAX),
                is_text: text.is_some(),
                has_beside: !slot.is_plain(),
            });
        }
        Self {
            texts: texts.into(),
            places: places.into(),
        }
    }

    /// The body again, to be changed.
    pub fn unpack(&self) -> Body {
        let fields = self.iter();
        Body::of_sorted(fields.map(|field| (Field::kept(field.name), field.slot())))
    }

    /// Every field, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = PackedField<'_>> {
        self.among(0..self.places.len())
    }

    /// The text of a field that holds a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(self.find(name)?)?.text()
    }

    /// The text of a field that holds a string other than `""`.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The run of the fields whose names begin so.
    pub fn beginning(&self, start: &str) -> Run {
        let from = self
            .places
            .partition_point(|place| self.name(*place) < start);
        let rest = self.places.get(from..).unwrap_or_default();
        let many = rest.partition_point(|place| self.name(*place).starts_with(start));
        Run {
            from: short(from),
            to: short(from + many),
        }
    }

    /// The fields of a run, sorted by name.
    pub fn run(&self, run: Run) -> impl Iterator<Item = PackedField<'_>> {
        self.among(long(run.from)..long(run.to))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What it takes in memory beside itself, in bytes.
    pub fn weight(&self) -> usize {
        self.texts.len() + size_of_val(&*self.places)
    }

    fn among(&self, places: Range<usize>) -> impl Iterator<Item = PackedField<'_>> {
        places.filter_map(|at| self.field(at))
    }

    fn find(&self, name: &str) -> Option<usize> {
        let found = self
            .places
            .binary_search_by(|place| self.name(*place).cmp(name));
        found.ok()
    }

    fn name(&self, place: Place) -> &str {
        let start = long(place.start);
        let name = self.texts.get(start..start + usize::from(place.name));
        name.unwrap_or_default()
    }

    fn field(&self, at: usize) -> Option<PackedField<'_>> {
        let place = self.places.get(at)?;
        let next = self.places.get(at + 1);
        let end = next.map_or(self.texts.len(), |next| long(next.start));
        let all = self.texts.get(long(place.start)..end)?;
        let (name, mut value) = all.split_at_checked(usize::from(place.name))?;
        let mut beside = "";
        if place.has_beside {
            let (rest, digits) = value.split_at_checked(value.len().checked_sub(LENGTH_DIGITS)?)?;
            let length = usize::from_str_radix(digits, 16).ok()?;
            (value, beside) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
        }
        Some(PackedField {
            name,
            value,
            is_text: place.is_text,
            beside,
        })
    }
}

/// Four gigabytes of one session are beyond every limit; what lay past them would not be found.
fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn long(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The fields' names alone.
impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|field| field.name))
            .finish()
    }
}

/// Never the value: it may be a shopper's own.
impl fmt::Debug for PackedField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde_json::json;

    fn values() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,6}|[\"\\\\\0-\u{1f}]{0,3}".prop_map(Value::from),
        ];
        plain.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..3).prop_map(Value::from),
                btree_map("\\PC{0,3}", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn bodies() -> impl Strategy<Value = Body> {
        let slot = (values(), btree_map("[a-c]", values(), 0..2));
        let fields = btree_map("(public|public-x|cookie)\\.[a-c.]{1,2}", slot, 0..8);
        fields.prop_map(|fields| {
            let mut body = Body::new();
            for (name, (value, beside)) in fields {
                let slot = Slot::with_beside(value, beside.into_iter().collect());
                body.put(name.parse().unwrap(), slot);
            }
            body
        })
    }

    #[test]
    fn a_field_takes_eight_bytes_beside_its_texts() {
        assert_eq!(size_of::<Place>(), 8);
    }

    #[test]
    fn a_text_is_told_from_the_json_that_reads_the_same() {
        let one =
            |value: Value| Packed::of(&[(Field::kept("public.x"), value)].into_iter().collect());
        assert_eq!(one(json!("1")).text("public.x"), Some("1"));
        assert_eq!(one(json!(1)).text("public.x"), None);
        assert_ne!(one(json!("1")), one(json!(1)));
    }

    proptest! {
        #[test]
        fn what_is_packed_and_unpacked_is_the_same(body in bodies()) {
            let packed = Packed::of(&body);
            prop_assert_eq!(packed.unpack().to_json().to_string(), body.to_json().to_string());
            prop_assert_eq!(packed.unpack(), body);
        }

        #[test]
        fn packed_fields_say_what_the_body_says(body in bodies()) {
            let packed = Packed::of(&body);
            for (field, slot) in body.iter() {
                prop_assert_eq!(packed.text(field.as_str()), slot.value().as_str());
                prop_assert_eq!(packed.filled(field.as_str()), body.filled(field.as_str()));
            }
            prop_assert_eq!(packed.text("public"), None);
            for namespace in ["public", "cookie", "profile"] {
                let run = packed.beginning(&format!("{namespace}."));
                let names: Vec<&str> = packed.run(run).map(|field| field.name).collect();
                let fields = body.namespace(namespace);
                let expected: Vec<&str> = fields.map(|(field, _)| field.as_str()).collect();
                prop_assert_eq!(names, expected);
            }
        }
    }
}
