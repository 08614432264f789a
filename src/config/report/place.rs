//! Bytes of a source into line, column and the line itself.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

use super::{Excerpt, Location};

/// Longest line that is shown.
const SHOWN_CHARACTERS: usize = 160;

/// A line whose key names a secret, and where its value begins. Names of files are no secrets.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)^[^=#]*(?:secret|token|passw|credential|private|signing)[^=#]*=\s*["']"#)
        .expect("the expression is fixed")
});

/// A text that was read, and where it came from.
#[derive(Clone, Debug)]
pub(in crate::config) enum Source {
    File { path: PathBuf, text: String },
    Variable { name: String, text: String },
}

/// Where bytes of a source lie, and their line.
pub(in crate::config) fn locate(
    source: &Source,
    span: &Range<usize>,
) -> (Location, Option<Excerpt>) {
    match source {
        Source::File { path, text } => {
            let (position, excerpt) = position(text, span);
            let location = Location::File {
                path: path.clone(),
                position: Some(position),
            };
            (location, Some(excerpt))
        }
        Source::Variable { name, .. } => (Location::Variable { name: name.clone() }, None),
    }
}

fn position(text: &str, span: &Range<usize>) -> ((usize, usize), Excerpt) {
    let start = floor(text, span.start);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(line_start..).unwrap_or_default();
    let line = line.lines().next().unwrap_or_default();
    let column = text
        .get(line_start..start)
        .unwrap_or_default()
        .chars()
        .count();
    let end = floor(text, span.end).clamp(start, line_start + line.len().max(start - line_start));
    let width = text.get(start..end).unwrap_or_default().chars().count();
    let excerpt = Excerpt {
        line: presentable(line),
        marked: (
            column.min(SHOWN_CHARACTERS),
            width.clamp(1, SHOWN_CHARACTERS),
        ),
    };
    let number = before.matches('\n').count() + 1;
    ((number, column + 1), excerpt)
}

/// The nearest start of a character at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// One line, without secrets and control characters, character for character.
fn presentable(line: &str) -> String {
    let secret_from = match SECRET.find(line) {
        Some(found) if !found.as_str().contains("_file") => line
            .get(..found.end())
            .map_or(0, |before| before.chars().count()),
        _ => usize::MAX,
    };
    let shown = line
        .chars()
        .enumerate()
        .map(|(at, character)| match character {
            _ if at >= secret_from && !matches!(character, '"' | '\'') => '*',
            control if control.is_control() => ' ',
            other => other,
        });
    shown.take(SHOWN_CHARACTERS).collect()
}
