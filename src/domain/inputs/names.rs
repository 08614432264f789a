//! Sets of names: whole ones, beginnings, and regular expressions where nothing less will do.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Compiled size of one pattern: names are short, so a pattern that needs more is a mistake.
const PATTERN_BYTES: usize = 64 * 1024;

/// Which names are meant; most names are told apart by their first byte.
#[derive(Clone)]
pub(super) struct Names {
    first: [bool; 256],
    exact: Vec<Box<str>>,
    beginnings: Vec<Box<str>>,
    patterns: Vec<Pattern>,
}

/// A regular expression, and what every name that it matches begins with.
#[derive(Clone, Debug)]
struct Pattern {
    beginning: Box<str>,
    regex: Regex,
}

/// How a name is in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// As itself.
    Exact,
    /// By a beginning or a pattern.
    Wild,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            first: [false; 256],
            exact: Vec::new(),
            beginnings: Vec::new(),
            patterns: Vec::new(),
        }
    }

    pub(super) fn add_exact(&mut self, name: &str) {
        self.allow_first(name);
        self.exact.push(name.into());
    }

    pub(super) fn add_beginning(&mut self, beginning: &str) {
        self.allow_first(beginning);
        self.beginnings.push(beginning.into());
    }

    /// Adds an anchored regular expression, as something cheaper where it says no more than that.
    pub(super) fn add_pattern(&mut self, pattern: &str) -> Result<(), regex::Error> {
        // Alone first: `a)|(b` would compile inside of the anchors, and mean something else.
        Regex::new(pattern)?;
        let body = pattern.strip_prefix('^').unwrap_or(pattern);
        let (literal, rest) = split_literal(body);
        match rest {
            "" | "$" => self.add_exact(&literal),
            ".*" | ".*$" => self.add_beginning(&literal),
            _ => {
                let regex = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
                    .size_limit(PATTERN_BYTES)
                    .build()?;
                self.allow_first(&literal);
                let beginning = literal.into();
                self.patterns.push(Pattern { beginning, regex });
            }
        }
        Ok(())
    }

    /// Whether any name with this first byte is meant.
    pub(super) fn may_begin_with(&self, byte: u8) -> bool {
        self.first.get(usize::from(byte)).is_some_and(|&may| may)
    }

    pub(super) fn find(&self, name: &str) -> Option<Match> {
        if !self.may_begin_with(*name.as_bytes().first()?) {
            return None;
        }
        if self.exact.iter().any(|exact| **exact == *name) {
            return Some(Match::Exact);
        }
        let begins = |beginning: &str| name.starts_with(beginning);
        let wild = self.beginnings.iter().any(|start| begins(start))
            || self
                .patterns
                .iter()
                .any(|pattern| begins(&pattern.beginning) && pattern.regex.is_match(name));
        wild.then_some(Match::Wild)
    }

    fn allow_first(&mut self, beginning: &str) {
        match beginning.as_bytes().first() {
            Some(&byte) => {
                if let Some(may) = self.first.get_mut(usize::from(byte)) {
                    *may = true;
                }
            }
            None => self.first = [true; 256],
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("exact", &self.exact)
            .field("beginnings", &self.beginnings)
            .field("patterns", &self.patterns)
            .finish_non_exhaustive()
    }
}

/// Splits a regular expression into the literal text that all its matches begin with, and the
/// rest. The literal is empty where alternatives could do without it.
fn split_literal(pattern: &str) -> (String, &str) {
    let mut literal = String::new();
    let mut rest = pattern;
    if pattern.contains('|') {
        return (literal, rest);
    }
    while let Some((letter, after)) = next_literal(rest) {
        // A quantifier takes the letter before it with it.
        if after.starts_with(['?', '*', '+', '{']) {
            break;
        }
        literal.push(letter);
        rest = after;
    }
    (literal, rest)
}

fn next_literal(pattern: &str) -> Option<(char, &str)> {
    let mut letters = pattern.chars();
    let letter = match letters.next()? {
        '\\' => letters.next().filter(char::is_ascii_punctuation)?,
        '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
        other => other,
    };
    Some((letter, letters.as_str()))
}
