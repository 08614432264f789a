//! A walk through a TOML document whose every value knows its place.
//!
//! Whatever is wrong is noted and reading goes on, so that all mistakes are told at once.

use std::cell::RefCell;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Longest text of a directory file, in characters.
const MAX_TEXT: usize = 256;
/// Longest id, in bytes.
const MAX_ID: usize = 128;

/// A mistake in a directory file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct FileError {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong there, and what is allowed.
    pub message: String,
}

/// The mistakes found so far, by byte offset.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<(usize, String)>>);

impl Mistakes {
    pub(super) fn add(&self, at: usize, message: impl Into<String>) {
        self.0.borrow_mut().push((at, message.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The mistakes with their lines in `text`, in the order of the file.
    pub(super) fn locate(self, text: &str) -> Vec<FileError> {
        let mut errors: Vec<FileError> = self
            .0
            .into_inner()
            .into_iter()
            .map(|(at, message)| {
                let before = text.get(..at).unwrap_or(text);
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                FileError {
                    line: before.matches('\n').count() + 1,
                    column: before.chars().count()
                        - before.get(..line_start).unwrap_or_default().chars().count()
                        + 1,
                    message,
                }
            })
            .collect();
        errors.sort();
        errors
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// A table of the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'d> {
    table: &'d DeTable<'d>,
    pub(super) at: usize,
    mistakes: &'d Mistakes,
}

impl<'d> Entry<'d> {
    /// Begins to read a table; keys other than `allowed` are mistakes.
    pub(super) fn open(
        table: &'d DeTable<'d>,
        at: usize,
        allowed: &[&str],
        mistakes: &'d Mistakes,
    ) -> Self {
        for key in table.keys() {
            if !allowed.contains(&&**key.get_ref()) {
                let (key, at) = (key.get_ref(), key.span().start);
                let allowed = allowed.join(", ");
                mistakes.add(at, format!("unknown key `{key}`; allowed are {allowed}"));
            }
        }
        Self {
            table,
            at,
            mistakes,
        }
    }

    /// Notes a mistake.
    pub(super) fn wrong(&self, at: usize, message: impl Into<String>) {
        self.mistakes.add(at, message);
    }

    /// Whether the key was written at all, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The place of an empty list under the key.
    pub(super) fn empty_list(&self, key: &str) -> Option<usize> {
        let value = self.table.get(key)?;
        let empty = value.get_ref().as_array()?.is_empty();
        empty.then(|| value.span().start)
    }

    /// A text, if there is one.
    pub(super) fn text(&self, key: &str) -> Option<Written<&'d str>> {
        let value = self.table.get(key)?;
        self.as_text(key, value)
    }

    /// A text that must be there.
    pub(super) fn require_text(&self, key: &str) -> Option<Written<&'d str>> {
        if !self.has(key) {
            self.wrong(self.at, format!("`{key}` is missing"));
        }
        self.text(key)
    }

    /// An id that must be there. Ids travel in comma-separated lists and in headers.
    pub(super) fn require_id(&self, key: &str) -> Option<Written<&'d str>> {
        self.require_text(key).filter(|id| self.is_id(key, *id))
    }

    /// Three capital letters, as countries (ISO 3166) and currencies (ISO 4217) have them.
    pub(super) fn require_capitals(&self, key: &str) -> Option<String> {
        let text = self.require_text(key)?;
        if text.value.len() != 3 || !text.value.bytes().all(|b| b.is_ascii_uppercase()) {
            self.wrong(text.at, format!("`{key}` has three capital letters"));
        }
        Some(text.value.to_owned())
    }

    /// Ids, each of them well formed.
    pub(super) fn ids(&self, key: &str) -> Vec<Written<&'d str>> {
        let mut ids = self.texts(key);
        ids.retain(|id| self.is_id(key, *id));
        ids
    }

    fn is_id(&self, key: &str, id: Written<&str>) -> bool {
        let plain = id.value.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        let fits = plain && id.value.len() <= MAX_ID;
        if !fits {
            let rule = format!("`{key}` has 1 to {MAX_ID} visible ASCII characters and no comma");
            self.wrong(id.at, rule);
        }
        fits
    }

    /// A list of texts; an absent one has none.
    pub(super) fn texts(&self, key: &str) -> Vec<Written<&'d str>> {
        let values = self.list(key);
        values
            .filter_map(|value| self.as_text(key, value))
            .collect()
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        let Some(value) = self.table.get(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong(value.span().start, format!("`{key}` is true or false"));
            default
        })
    }

    /// A finite number between two bounds that must be there.
    pub(super) fn require_number(&self, key: &str, least: f64, most: f64) -> Option<f64> {
        let Some(value) = self.table.get(key) else {
            self.wrong(self.at, format!("`{key}` is missing"));
            return None;
        };
        let digits = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => "",
        };
        let number = digits.parse().ok();
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let rule = format!("`{key}` is a number from {least} to {most}");
            self.wrong(value.span().start, rule);
        }
        number
    }

    /// The tables of a list; an absent list has none.
    pub(super) fn entries(&self, key: &str, allowed: &[&str]) -> Vec<Self> {
        let values = self.list(key);
        values
            .filter_map(|value| self.as_entry(key, value, allowed))
            .collect()
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &'d Spanned<DeValue<'d>>> + use<'d> {
        let value = self.table.get(key);
        let list = value.and_then(|value| value.get_ref().as_array());
        if let Some(value) = value.filter(|_| list.is_none()) {
            self.wrong(value.span().start, format!("`{key}` is a list"));
        }
        list.into_iter().flat_map(|list| list.iter())
    }

    fn as_text(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Option<Written<&'d str>> {
        let at = value.span().start;
        let text = value.get_ref().as_str().filter(|text| {
            (1..=MAX_TEXT).contains(&text.chars().count()) && !text.contains(char::is_control)
        });
        if text.is_none() {
            let rule = format!("`{key}` is a text of 1 to {MAX_TEXT} characters, none of control");
            self.wrong(at, rule);
        }
        text.map(|value| Written { value, at })
    }

    fn as_entry(
        &self,
        key: &str,
        value: &'d Spanned<DeValue<'d>>,
        allowed: &[&str],
    ) -> Option<Self> {
        let at = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(at, format!("`{key}` is a table"));
            return None;
        };
        Some(Self::open(table, at, allowed, self.mistakes))
    }
}
