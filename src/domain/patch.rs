//! A patch: sets and unsets over a session's body.

use std::collections::{BTreeMap, btree_map};
use std::fmt;

use serde_json::Value;

use super::session::{Body, Field, Slot};

/// What a patch does to one field.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Edit {
    /// Write this value (`""` and `null` are values too). Members beside it are written with it;
    /// where there are none, what stands beside the field's value stays.
    Set(Slot),
    /// Remove the field.
    Unset,
}

impl Edit {
    /// Does it to a field of a body. Returns whether anything changed.
    pub fn apply(&self, field: &Field, body: &mut Body) -> bool {
        match self {
            Self::Set(slot) if slot.is_plain() => body.set(field.clone(), slot.value().clone()),
            Self::Set(slot) => body.put(field.clone(), slot.clone()),
            Self::Unset => body.unset(field.as_str()),
        }
    }

    /// Whether a body would be another one, were this done to a field of it.
    pub fn changes(&self, field: &str, body: &Body) -> bool {
        match self {
            Self::Set(slot) if slot.is_plain() => body.value(field) != Some(slot.value()),
            Self::Set(slot) => body.slot(field) != Some(slot),
            Self::Unset => body.slot(field).is_some(),
        }
    }
}

/// Never the value: it may be a shopper's own.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set(_) => "Set(..)",
            Self::Unset => "Unset",
        })
    }
}

/// Edits by field. At most one edit a field: the last one said wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patch {
    edits: BTreeMap<Field, Edit>,
}

impl Patch {
    /// A patch that changes nothing.
    pub const fn new() -> Self {
        Self {
            edits: BTreeMap::new(),
        }
    }

    /// The patch that makes `after` of `before`.
    pub fn diff(before: &Body, after: &Body) -> Self {
        let mut patch = Self::new();
        for (field, slot) in after.iter() {
            if before.value(field.as_str()) != Some(slot.value()) {
                patch.set(field.clone(), slot.value().clone());
            }
        }
        for (field, _) in before.iter() {
            if after.slot(field.as_str()).is_none() {
                patch.unset(field.clone());
            }
        }
        patch
    }

    /// Writes a value.
    pub fn set(&mut self, field: Field, value: Value) {
        self.put(field, Slot::plain(value));
    }

    /// Writes a value with what stands beside it.
    pub fn put(&mut self, field: Field, slot: Slot) {
        self.edits.insert(field, Edit::Set(slot));
    }

    /// Removes a field.
    pub fn unset(&mut self, field: Field) {
        self.edits.insert(field, Edit::Unset);
    }

    /// Adds another patch's edits; where both edit a field, `later` wins.
    pub fn merge(&mut self, later: Self) {
        self.edits.extend(later.edits);
    }

    /// Applies every edit. Returns the fields whose value is another one now, sorted.
    pub fn apply(&self, body: &mut Body) -> Vec<Field> {
        let mut changed = Vec::new();
        for (field, edit) in &self.edits {
            if edit.apply(field, body) {
                changed.push(field.clone());
            }
        }
        changed
    }

    /// Whether applying it would change this body.
    pub fn changes(&self, body: &Body) -> bool {
        let mut edits = self.edits.iter();
        edits.any(|(field, edit)| edit.changes(field.as_str(), body))
    }

    /// What it does to a field, if anything.
    pub fn edit(&self, name: &str) -> Option<&Edit> {
        self.edits.get(name)
    }

    /// Does one edit more; whatever was to be done to the field before is not.
    pub fn edit_by(&mut self, field: Field, edit: Edit) {
        self.edits.insert(field, edit);
    }

    /// Takes out the edits of fields that are wanted.
    #[must_use]
    pub fn split_off(&mut self, wanted: impl Fn(&Field) -> bool) -> Self {
        let edits = std::mem::take(&mut self.edits).into_iter();
        let (edits, kept) = edits.partition(|(field, _)| wanted(field));
        self.edits = kept;
        Self { edits }
    }

    /// Keeps the edits of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&Field, &Edit) -> bool) {
        self.edits.retain(|field, edit| keep(field, edit));
    }

    /// Every edit, sorted by field.
    pub fn iter(&self) -> impl Iterator<Item = (&Field, &Edit)> {
        self.edits.iter()
    }

    /// What it takes in memory, in bytes, roughly.
    pub fn weight(&self) -> usize {
        let one = |(field, edit): (&Field, &Edit)| match edit {
            Edit::Set(slot) => 96 + field.as_str().len() + slot.value().to_string().len(),
            Edit::Unset => 96 + field.as_str().len(),
        };
        self.edits.iter().map(one).sum()
    }

    /// How many fields it edits.
    pub fn len(&self) -> usize {
        self.edits.len()
    }

    /// Whether it edits nothing.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

impl IntoIterator for Patch {
    type Item = (Field, Edit);
    type IntoIter = btree_map::IntoIter<Field, Edit>;

    fn into_iter(self) -> Self::IntoIter {
        self.edits.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    fn bodies() -> impl Strategy<Value = Body> {
        btree_map("[a-c]", 0..4u8, 0..4).prop_map(|fields| {
            fields
                .into_iter()
                .map(|(key, value)| (Field::new("public", &key).unwrap(), Value::from(value)))
                .collect()
        })
    }

    fn patches() -> impl Strategy<Value = Patch> {
        btree_map("[a-c]", proptest::option::of(0..4u8), 0..4).prop_map(|edits| {
            let mut patch = Patch::new();
            for (key, value) in edits {
                let field = Field::new("public", &key).unwrap();
                match value {
                    Some(value) => patch.set(field, Value::from(value)),
                    None => patch.unset(field),
                }
            }
            patch
        })
    }

    proptest! {
        #[test]
        fn the_difference_of_two_bodies_makes_the_second_of_the_first(a in bodies(), b in bodies()) {
            let mut made = a.clone();
            Patch::diff(&a, &b).apply(&mut made);
            prop_assert_eq!(made, b);
        }

        #[test]
        fn merging_is_applying_in_order(body in bodies(), first in patches(), second in patches()) {
            let (mut merged, mut one_by_one) = (body.clone(), body);
            first.apply(&mut one_by_one);
            second.apply(&mut one_by_one);
            let mut both = first;
            both.merge(second);
            both.apply(&mut merged);
            prop_assert_eq!(merged, one_by_one);
        }

        #[test]
        fn merging_is_associative(a in patches(), b in patches(), c in patches()) {
            let mut left = a.clone();
            left.merge(b.clone());
            left.merge(c.clone());
            let mut right_tail = b;
            right_tail.merge(c);
            let mut right = a;
            right.merge(right_tail);
            prop_assert_eq!(left, right);
        }

        #[test]
        fn a_patch_says_beforehand_whether_it_changes(body in bodies(), patch in patches()) {
            let mut after = body.clone();
            let changed = !patch.apply(&mut after).is_empty();
            prop_assert_eq!(patch.changes(&body), changed);
            prop_assert_eq!(after != body, changed);
        }
    }
}
