//! TOML text into the tree, with every syntax error.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Kind, Node, Place};

/// A syntax error: its bytes in the text, and the parser's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct SyntaxError {
    pub(in crate::config) span: Range<usize>,
    pub(in crate::config) message: String,
}

/// Parses a whole document. What could be understood beside the errors is in the tree.
pub(in crate::config) fn parse(text: &str, source: usize) -> (Node, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut errors: Vec<SyntaxError> = errors.iter().map(syntax_error).collect();
    let mut reader = Reader {
        source,
        errors: &mut errors,
    };
    let place = reader.place(0..0);
    let kind = Kind::Table(reader.table(table.get_ref()));
    (Node { kind, place }, errors)
}

/// Parses one value; text that is no TOML value is taken as it is.
pub(super) fn parse_value(text: &str, source: usize) -> Node {
    let place = Place {
        source,
        span: 0..text.len(),
    };
    let mut errors = Vec::new();
    let mut reader = Reader {
        source,
        errors: &mut errors,
    };
    let parsed = DeValue::parse(text).ok().map(|value| reader.node(&value));
    let node = parsed.filter(|_| errors.is_empty());
    node.unwrap_or_else(|| Node {
        kind: Kind::Text(text.to_owned()),
        place,
    })
}

fn syntax_error(error: &toml::de::Error) -> SyntaxError {
    SyntaxError {
        span: error.span().unwrap_or(0..0),
        message: error.message().to_owned(),
    }
}

struct Reader<'e> {
    source: usize,
    errors: &'e mut Vec<SyntaxError>,
}

impl Reader<'_> {
    const fn place(&self, span: Range<usize>) -> Place {
        Place {
            source: self.source,
            span,
        }
    }

    fn table(&mut self, table: &DeTable<'_>) -> super::Table {
        let entries = table.iter().map(|(key, value)| {
            let place = self.place(key.span());
            (key.get_ref().to_string(), (place, self.node(value)))
        });
        entries.collect()
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(value.span());
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| self.too_large(value.span()), Kind::Integer),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or_else(|_| self.too_large(value.span()), Kind::Float),
            DeValue::Boolean(yes) => Kind::Boolean(*yes),
            DeValue::Datetime(moment) => Kind::Moment(moment.to_string()),
            DeValue::Array(items) => Kind::List(items.iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table)),
        };
        Node { kind, place }
    }

    fn too_large(&mut self, span: Range<usize>) -> Kind {
        self.errors.push(SyntaxError {
            span,
            message: "the number does not fit into 64 bits".to_owned(),
        });
        Kind::Damaged
    }
}
