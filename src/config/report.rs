//! What is wrong or doubtful in a configuration, each with its place, as text and as JSON.
//!
//! No secret is ever in a report: values under keys that name one are starred out.

mod place;
mod text;

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

pub(super) use place::{Source, locate};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

/// Where a finding lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In a file.
    File {
        /// The file.
        path: PathBuf,
        /// Line and column, both from 1; none: the file as a whole.
        position: Option<(usize, usize)>,
    },
    /// In an environment variable.
    Variable {
        /// Its name.
        name: String,
    },
}

/// The line of a finding, for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Excerpt {
    pub(super) line: String,
    /// Characters before what is pointed at, and characters pointed at.
    pub(super) marked: (usize, usize),
}

/// One thing that is wrong or doubtful.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub location: Location,
    /// How grave.
    pub severity: Severity,
    /// The configuration's key, `account[0].lifetime.idle`.
    pub key: String,
    /// What.
    pub message: String,
    /// What was found there.
    pub found: Option<String>,
    /// What is allowed there.
    pub allowed: Option<String>,
    /// What may help.
    pub hint: Option<String>,
    pub(super) excerpt: Option<Excerpt>,
}

/// All findings of one configuration, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup();
        Self { findings }
    }

    /// The findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings there are of one kind.
    pub fn count(&self, severity: Severity) -> usize {
        let counted = self.findings.iter();
        counted
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        json!({
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "findings": self.findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Finding {
    fn to_json(&self) -> Value {
        let (file, position, variable) = match &self.location {
            Location::File { path, position } => (Some(path.display()), *position, None),
            Location::Variable { name } => (None, None, Some(name)),
        };
        json!({
            "severity": self.severity.to_string(),
            "file": file.map(|file| file.to_string()),
            "line": position.map(|(line, _)| line),
            "column": position.map(|(_, column)| column),
            "variable": variable,
            "key": self.key,
            "message": self.message,
            "found": self.found,
            "allowed": self.allowed,
            "hint": self.hint,
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl std::error::Error for Report {}
