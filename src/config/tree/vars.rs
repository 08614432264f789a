//! Environment variables as the topmost layer: `VESTIBULE__SECTION__KEY`.

use std::collections::BTreeMap;

use super::merge::{identity, merge};
use super::parse::parse_value;
use super::{Kind, Node, Place};

/// What the name of a variable begins with.
pub(in crate::config) const PREFIX: &str = "VESTIBULE__";

/// Lays one variable over the tree. `name` is without the prefix. Fails, with the reason, where
/// the name leads nowhere.
pub(in crate::config) fn apply(
    root: &mut Node,
    name: &str,
    value: &str,
    source: usize,
) -> Result<(), String> {
    let steps: Vec<&str> = name.split("__").collect();
    if steps.iter().any(|step| step.is_empty()) {
        return Err("a part of the variable's name is empty".to_owned());
    }
    descend(root, "", &steps, parse_value(value, source))
}

fn descend(here: &mut Node, name: &str, steps: &[&str], value: Node) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        merge(name, here, value);
        return Ok(());
    };
    let place = value.place.clone();
    match &mut here.kind {
        Kind::Table(table) => {
            let key = step.to_ascii_lowercase();
            let (_, next) = table
                .entry(key.clone())
                .or_insert_with(|| (place.clone(), empty(place)));
            descend(next, &key, rest, value)
        }
        Kind::List(entries) if identity(name).is_some() => {
            let by = identity(name).unwrap_or_default();
            let known: Vec<String> = entries
                .iter()
                .filter_map(|entry| entry.text(by).map(str::to_owned))
                .collect();
            let entry = entries.iter_mut().find(|entry| {
                entry
                    .text(by)
                    .is_some_and(|text| plain(text) == plain(step))
            });
            let entry = entry.ok_or_else(|| {
                format!(
                    "no {name} is called `{step}`; there is {}",
                    known.join(", ")
                )
            })?;
            descend(entry, "", rest, value)
        }
        _ => Err(format!(
            "`{name}` is {}, and has no `{step}`",
            here.kind_name()
        )),
    }
}

fn empty(place: Place) -> Node {
    Node {
        kind: Kind::Table(BTreeMap::new()),
        place,
    }
}

/// Names as a variable can write them: lower case, every other character as `_`.
fn plain(name: &str) -> String {
    let plain = name.chars().map(|character| {
        if character.is_ascii_alphanumeric() {
            character.to_ascii_lowercase()
        } else {
            '_'
        }
    });
    plain.collect()
}
