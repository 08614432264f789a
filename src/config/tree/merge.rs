//! One layer laid over another.

use super::{Kind, Node};

/// The key by which entries of a list of tables are told apart, where the list has one.
pub(super) fn identity(list: &str) -> Option<&'static str> {
    match list {
        "account" | "app" | "upstream" | "listener" => Some("name"),
        "route" => Some("path"),
        _ => None,
    }
}

/// Lays `over` on `base`, both of the key `name`: tables merge, lists of tables merge by name,
/// all else is replaced.
pub(in crate::config) fn merge(name: &str, base: &mut Node, over: Node) {
    match (&mut base.kind, over.kind) {
        (Kind::Table(below), Kind::Table(above)) => {
            for (key, (place, node)) in above {
                if let Some((_, present)) = below.get_mut(&key) {
                    merge(&key, present, node);
                } else {
                    below.insert(key, (place, node));
                }
            }
        }
        (Kind::List(below), Kind::List(above)) if identity(name).is_some() => {
            let by = identity(name).unwrap_or_default();
            for entry in above {
                let same = below.iter_mut().find(|present| {
                    present.text(by).is_some() && present.text(by) == entry.text(by)
                });
                match same {
                    Some(present) => merge("", present, entry),
                    None => below.push(entry),
                }
            }
        }
        (_, kind) => {
            *base = Node {
                kind,
                place: over.place,
            };
        }
    }
}

impl Node {
    /// The text under a key of this table.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.kind {
            Kind::Table(table) => match &table.get(key)?.1.kind {
                Kind::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}
