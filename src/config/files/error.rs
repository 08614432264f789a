//! Why a file that was good when it was checked cannot be used after all.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that the configuration names has changed or vanished since the check.
#[derive(Debug, Error)]
pub enum NamedFileError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its content cannot be used.
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl NamedFileError {
    /// A file that cannot be read or written.
    pub fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, error }
    }

    /// A file whose content cannot be used.
    pub fn content(path: &Path, problem: &impl ToString) -> Self {
        Self::Content {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}
