//! The configuration as a tree whose every value knows where it was written.

mod merge;
mod parse;
mod vars;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde_json::Value;

pub(super) use merge::merge;
pub(super) use parse::parse;
pub(super) use vars::{PREFIX, apply as apply_variable};

/// Where something was written: a source, by position, and bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) span: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// A value of a TOML document.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A moment, as it was written. No key takes one.
    Moment(String),
    List(Vec<Node>),
    Table(Table),
    /// A value that was found wrong. It counts as absent, and nothing more is said about it.
    Damaged,
}

/// A table: its keys, each with the place where it was written.
pub(super) type Table = BTreeMap<String, (Place, Node)>;

/// One step from a value to a value within it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The way from the root to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct At(Vec<Step>);

impl At {
    /// The value under a key.
    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    /// An element of a list. Damaged elements do not count.
    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether this is the root itself.
    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last key.
    pub(super) fn last_key(&self) -> &str {
        let keys = self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        keys.unwrap_or_default()
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What lies at a way through the tree.
#[derive(Debug)]
pub(super) enum Found<'t> {
    /// The value.
    Value(&'t Node),
    /// Nothing; this is the place of the nearest table or list around it.
    Around(&'t Place),
    /// Something that was already found wrong.
    Damaged,
}

impl Node {
    /// Follows a way.
    pub(super) fn find(&self, at: &At) -> Found<'_> {
        let mut here = self;
        let mut place = &self.place;
        for step in &at.0 {
            let next = match (step, &here.kind) {
                (Step::Key(key), Kind::Table(table)) => table.get(key),
                (Step::Index(index), Kind::List(items)) => {
                    let mut whole = items
                        .iter()
                        .filter(|item| !matches!(item.kind, Kind::Damaged));
                    match whole.nth(*index) {
                        Some(item) => {
                            (here, place) = (item, &item.place);
                            continue;
                        }
                        None => None,
                    }
                }
                _ => None,
            };
            let Some((key_place, node)) = next else {
                return Found::Around(place);
            };
            // A table written by dotted keys or headers is best shown by its own key.
            here = node;
            place = match node.kind {
                Kind::Table(_) | Kind::List(_) => key_place,
                _ => &node.place,
            };
        }
        match here.kind {
            Kind::Damaged => Found::Damaged,
            _ => Found::Value(here),
        }
    }

    /// The value without its places; damaged parts left out.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Text(text) | Kind::Moment(text) => text.as_str().into(),
            Kind::Integer(number) => (*number).into(),
            Kind::Float(number) => (*number).into(),
            Kind::Boolean(yes) => (*yes).into(),
            Kind::List(items) => items
                .iter()
                .filter(|item| !matches!(item.kind, Kind::Damaged))
                .map(Self::to_json)
                .collect(),
            Kind::Table(table) => Value::Object(
                table
                    .iter()
                    .filter(|(_, (_, node))| !matches!(node.kind, Kind::Damaged))
                    .map(|(key, (_, node))| (key.clone(), node.to_json()))
                    .collect(),
            ),
            Kind::Damaged => Value::Null,
        }
    }

    /// The kind of value, for people.
    pub(super) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Text(_) => "a text",
            Kind::Integer(_) => "a whole number",
            Kind::Float(_) => "a number with a fraction",
            Kind::Boolean(_) => "true or false",
            Kind::Moment(_) => "a date or time",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Damaged => "nothing",
        }
    }

    /// The value in short, for people; starred out where its key names a secret.
    pub(super) fn shown_at(&self, at: &At) -> String {
        let key = at.last_key().to_lowercase();
        let secret = ["secret", "token", "passw", "credential", "app_key"]
            .iter()
            .any(|word| key.contains(word));
        if secret && !key.ends_with("_file") {
            return "\"***\"".to_owned();
        }
        self.shown()
    }

    fn shown(&self) -> String {
        match &self.kind {
            Kind::Text(text) => shorten(&format!("{text:?}")),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            Kind::Boolean(yes) => yes.to_string(),
            Kind::Moment(text) => text.clone(),
            Kind::List(_) | Kind::Table(_) | Kind::Damaged => self.kind_name().to_owned(),
        }
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
