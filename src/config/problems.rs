//! Collects what is wrong, with its place, while a configuration is walked and checked.

use super::report::{Finding, Location, Severity, Source, locate};
use super::tree::{At, Found, Node, Place};

/// What every syntax error begins with.
const NOT_TOML: &str = "not TOML";

/// One thing that is wrong, before its place is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    message: String,
    found: Option<String>,
    allowed: Option<String>,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    pub(super) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(super) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which key the message is about.
    pub(super) fn with_key(mut self, at: &At) -> Self {
        self.message = format!("`{}` has {}", at.last_key(), self.message);
        self
    }

    /// Adds the nearest of the allowed names, if one is near.
    pub(super) fn did_you_mean(self, written: &str, known: &[&str]) -> Self {
        let near = known
            .iter()
            .map(|name| (strsim::jaro_winkler(&written.to_lowercase(), name), *name))
            .max_by(|left, right| left.0.total_cmp(&right.0));
        match near {
            Some((nearness, name)) if nearness > 0.8 => {
                self.hint(format!("did you mean `{name}`?"))
            }
            _ => self,
        }
    }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Problems<'s> {
    sources: &'s [Source],
    findings: Vec<Finding>,
    /// After a syntax error, what seems absent may stand in what could not be read.
    broken: bool,
}

impl<'s> Problems<'s> {
    pub(super) const fn new(sources: &'s [Source]) -> Self {
        Self {
            sources,
            findings: Vec::new(),
            broken: false,
        }
    }

    /// A syntax error.
    pub(super) fn syntax(&mut self, place: &Place, message: &str) {
        self.broken = true;
        let problem = Problem::new(format!("{NOT_TOML}: {message}"));
        self.push(Severity::Error, place, &At::default(), problem);
    }

    /// A value that does not fit the schema.
    pub(super) fn structural(&mut self, place: &Place, at: &At, problem: Problem) {
        self.push(Severity::Error, place, at, problem);
    }

    /// Something that should be there. Not said where a part of the text could not be read.
    pub(super) fn absence(&mut self, place: &Place, at: &At, problem: Problem) {
        if !self.broken {
            self.push(Severity::Error, place, at, problem);
        }
    }

    /// The whole text of the variable that a place covers, if it lies in one.
    pub(super) fn variable_text(&self, place: &Place) -> Option<String> {
        match self.sources.get(place.source)? {
            Source::Variable { text, .. } if place.span == (0..text.len()) => Some(text.clone()),
            _ => None,
        }
    }

    /// What the tree tells of a value's meaning.
    pub(super) fn meaning<'t>(&'t mut self, tree: &'t Node) -> Meaning<'t, 's> {
        Meaning {
            problems: self,
            tree,
        }
    }

    /// Something could not be read: what seems absent may stand there.
    pub(super) const fn doubt_absence(&mut self) {
        self.broken = true;
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What follows from a syntax error on the same line is no finding of its own.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let line = |finding: &Finding| match &finding.location {
            Location::File {
                path,
                position: Some((line, _)),
            } => Some((path.clone(), *line)),
            _ => None,
        };
        let broken: Vec<_> = (self.findings.iter())
            .filter(|finding| finding.message.starts_with(NOT_TOML))
            .filter_map(line)
            .collect();
        let told = self.findings.into_iter().filter(|finding| {
            finding.message.starts_with(NOT_TOML)
                || line(finding).is_none_or(|line| !broken.contains(&line))
        });
        told.collect()
    }

    fn push(&mut self, severity: Severity, place: &Place, at: &At, problem: Problem) {
        let Some(source) = self.sources.get(place.source) else {
            return;
        };
        let (location, excerpt) = locate(source, &place.span);
        let Problem {
            message,
            found,
            allowed,
            hint,
        } = problem;
        self.findings.push(Finding {
            location,
            severity,
            key: at.to_string(),
            message,
            found,
            allowed,
            hint,
            excerpt,
        });
    }
}

/// Problems of meaning: each is known by its way through the tree.
#[derive(Debug)]
pub(super) struct Meaning<'t, 's> {
    problems: &'t mut Problems<'s>,
    tree: &'t Node,
}

impl Meaning<'_, '_> {
    /// An error. Nothing is said about values that were already found wrong.
    pub(super) fn wrong(&mut self, at: &At, problem: Problem) {
        self.say(Severity::Error, at, problem);
    }

    /// A warning.
    pub(super) fn doubtful(&mut self, at: &At, problem: Problem) {
        self.say(Severity::Warning, at, problem);
    }

    /// An error that lies in what other parts of the text say or leave out.
    pub(super) fn unmatched(&mut self, at: &At, problem: Problem) {
        if !self.problems.is_broken() {
            self.wrong(at, problem);
        }
    }

    /// Reads a value's text into its meaning, or tells why that fails.
    pub(super) fn read<T, E: ToString>(
        &mut self,
        at: &At,
        read: Result<T, E>,
        allowed: &str,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(why) => {
                let message = format!("`{}`: {}", at.last_key(), why.to_string());
                self.wrong(at, Problem::new(message).allowed(allowed));
                None
            }
        }
    }

    /// Whether a value is written somewhere.
    pub(super) fn is_written(&self, at: &At) -> bool {
        matches!(self.tree.find(at), Found::Value(_) | Found::Damaged)
    }

    /// Whether a value came in by a variable.
    pub(super) fn is_variable(&self, at: &At) -> bool {
        let place = self.place(at);
        let source = place.and_then(|place| self.problems.sources.get(place.source));
        matches!(source, Some(Source::Variable { .. }))
    }

    /// A finding with a place of its own.
    pub(super) fn add(&mut self, finding: Finding) {
        self.problems.add(finding);
    }

    /// Where a value is written, or the nearest thing around it.
    pub(super) fn written_at(&self, at: &At) -> Option<String> {
        let place = self.place(at)?;
        let source = self.problems.sources.get(place.source)?;
        Some(locate(source, &place.span).0.to_string())
    }

    fn place(&self, at: &At) -> Option<Place> {
        match self.tree.find(at) {
            Found::Value(node) => Some(node.place.clone()),
            Found::Around(place) => Some(place.clone()),
            Found::Damaged => None,
        }
    }

    fn say(&mut self, severity: Severity, at: &At, mut problem: Problem) {
        let Some(place) = self.place(at) else {
            return;
        };
        if let (Found::Value(node), None) = (self.tree.find(at), &problem.found) {
            problem.found = Some(node.shown_at(at));
        }
        self.problems.push(severity, &place, at, problem);
    }
}
