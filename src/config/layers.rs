//! What a configuration is made of: a file, an overlay for one environment, and variables.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::{Finding, Location, Severity, Source};
use super::tree::PREFIX;

/// The variable that names the environment where the command line does not.
pub const ENVIRONMENT: &str = "VESTIBULE_ENV";

/// The texts of a configuration, the weaker first, and what could not be read of them.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    pub(super) sources: Vec<Source>,
    pub(super) base: PathBuf,
    pub(super) files: Vec<PathBuf>,
    pub(super) unread: Vec<Finding>,
}

impl Layers {
    /// Reads `file`; the overlay `STEM.ENV.toml` beside it, for the environment that is named or
    /// that `VESTIBULE_ENV` names; and the variables `VESTIBULE__SECTION__KEY`.
    pub fn read(
        file: &Path,
        environment: Option<&str>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let variables: Vec<_> = variables.into_iter().collect();
        let named = variables.iter().find(|(name, _)| name == ENVIRONMENT);
        let named = named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty());
        let mut layers = Self {
            base: file.parent().map(Path::to_owned).unwrap_or_default(),
            ..Self::default()
        };
        layers.read_file(file);
        if let Some(environment) = environment.or(named) {
            match overlay(file, environment) {
                Some(path) => layers.read_file(&path),
                None => layers.fail(
                    file,
                    format!("`{environment}` is no name of an environment"),
                ),
            }
        }
        layers.with_variables(variables)
    }

    /// A configuration that is at hand as text; relative file names in it begin at `base`.
    pub fn text(name: &str, text: &str, base: &Path) -> Self {
        Self {
            sources: vec![Source::File {
                path: name.into(),
                text: text.to_owned(),
            }],
            base: base.to_owned(),
            ..Self::default()
        }
    }

    /// Lays variables on top. Those of other names are left alone.
    #[must_use]
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut ours: Vec<_> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        // A process's variables have no order; the shorter names first, so that the finer win.
        ours.sort();
        let sources = ours
            .into_iter()
            .map(|(name, text)| Source::Variable { name, text });
        self.sources.extend(sources);
        self
    }

    fn read_file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.fail(path, format!("the file cannot be read: {error}")),
        };
        match String::from_utf8(bytes) {
            Ok(text) => self.sources.push(Source::File {
                path: path.to_owned(),
                text,
            }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let before =
                    String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or_default());
                let line = before.matches('\n').count() + 1;
                self.fail(
                    path,
                    format!("the file is no UTF-8 text, from line {line} on"),
                );
            }
        }
    }

    fn fail(&mut self, path: &Path, message: String) {
        self.unread.push(Finding {
            location: Location::File {
                path: path.to_owned(),
                position: None,
            },
            severity: Severity::Error,
            key: String::new(),
            message,
            found: None,
            allowed: None,
            hint: None,
            excerpt: None,
        });
    }
}

/// `conf/shop.toml` for `test` is `conf/shop.test.toml`.
fn overlay(file: &Path, environment: &str) -> Option<PathBuf> {
    let plain = environment
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if environment.is_empty() || !plain {
        return None;
    }
    let stem = file.file_stem()?.to_str()?;
    Some(file.with_file_name(format!("{stem}.{environment}.toml")))
}
