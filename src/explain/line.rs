//! A line of an explanation: its name, what there is to say in words, and the raw value where that is
//! more than the words. Tokens are in none.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) said: String,
    /// As a program has it: a number, a formula, a word of a log.
    pub(super) raw: Option<String>,
}

pub(super) fn line(name: impl Into<String>, said: impl Into<String>) -> Line {
    Line {
        name: name.into(),
        said: said.into(),
        raw: None,
    }
}

impl Line {
    /// The same with its raw value.
    pub(super) fn raw(self, raw: impl Into<String>) -> Self {
        Self {
            raw: Some(raw.into()),
            ..self
        }
    }
}

/// As two texts, or three.
impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = [Some(&self.name), Some(&self.said), self.raw.as_ref()];
        let mut told = serializer.serialize_seq(None)?;
        for text in texts.into_iter().flatten() {
            told.serialize_element(text)?;
        }
        told.end()
    }
}
