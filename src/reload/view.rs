//! The configuration in force as it is told to people: with secrets hidden, and what was last read.

use std::sync::Arc;

use serde_json::Value;

use crate::config::{Config, Effective, Loaded, Report, Severity};
use crate::domain::time::Millis;

/// What is told of the configuration.
#[derive(Clone, Debug)]
pub struct View {
    /// What it says, defaults filled in, secrets hidden.
    pub effective: Arc<Effective>,
    /// Where each of its values was written, in the same shape; what is not in it is a default.
    pub origins: Arc<Value>,
    /// What it means.
    pub config: Arc<Config>,
    /// Since when it is in force.
    pub loaded_at: Millis,
    /// What came of the last time that it was read again.
    pub last: Option<LastReload>,
}

/// What came of reading it again.
#[derive(Clone, Debug, PartialEq)]
pub struct LastReload {
    /// When.
    pub at: Millis,
    /// Whether what was read is in force, or was so already.
    pub ok: bool,
    /// Why it was refused, point by point.
    pub problems: Vec<String>,
    /// What it changed.
    pub changed: Vec<Change>,
}

/// One key whose value another reading changed. Secrets are hidden on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The key, or a file that was named and has other content now.
    pub path: String,
    /// What was said; none: nothing, or a file's content, which is not told.
    pub before: Option<Value>,
    /// What is said.
    pub after: Option<Value>,
}

impl View {
    pub(super) fn of(loaded: &Loaded, now: Millis) -> Self {
        Self {
            effective: Arc::new(loaded.effective.clone()),
            origins: Arc::new(loaded.origins.clone()),
            config: Arc::new(loaded.config.clone()),
            loaded_at: now,
            last: None,
        }
    }
}

/// The changes at these keys.
pub(super) fn changes(paths: &[String], old: &Effective, new: &Effective) -> Vec<Change> {
    let changes = paths.iter().map(|path| Change {
        path: path.clone(),
        before: old.at(path).cloned(),
        after: new.at(path).cloned(),
    });
    changes.collect()
}

/// Every mistake of a report, each in a line.
pub(super) fn problems(report: &Report) -> Vec<String> {
    let findings = report.findings().iter();
    let errors = findings.filter(|finding| finding.severity == Severity::Error);
    let told = errors.map(|finding| {
        let key = if finding.key.is_empty() {
            String::new()
        } else {
            format!("{}: ", finding.key)
        };
        let allowed = finding.allowed.as_ref();
        let allowed = allowed.map(|allowed| format!(" (allowed: {allowed})"));
        let place = &finding.location;
        format!(
            "{place}: {key}{}{}",
            finding.message,
            allowed.unwrap_or_default()
        )
    });
    told.collect()
}
