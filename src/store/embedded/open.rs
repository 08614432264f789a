//! Opening the files: what is damaged is set aside, and the start goes on with what can be read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::engine::Engine;
use crate::domain::time::Millis;

/// Why a store on disk cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{folder}: another process uses this store; every instance needs a folder of its own")]
    Locked {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The folder cannot be read or written.
    #[error("{folder}: the store of sessions cannot be read and written: {error}")]
    Io {
        /// The store's folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its format is of another version of the engine.
    #[error("{folder}: the store of sessions has a format that this Vestibule does not know")]
    Format {
        /// The store's folder.
        folder: PathBuf,
    },
    /// Nothing of it can be read, and it cannot be moved away.
    #[error("{folder}: the store of sessions is damaged: {error}")]
    Damaged {
        /// The store's folder.
        folder: PathBuf,
        /// Why.
        error: String,
    },
}

/// Opens the files; tells how many were set aside.
pub(super) fn open(folder: &Path, now: Millis) -> Result<(Engine, usize), OpenError> {
    let error = match Engine::open(folder) {
        Ok(engine) => return Ok((engine, 0)),
        Err(error) => refuse(folder, error)?,
    };
    // What was written last lies in the journals; tables are older and more. So these go first.
    let aside = folder.with_extension(format!("damaged-{}", now.as_millis()));
    let damaged = |error: io::Error| OpenError::Damaged {
        folder: folder.to_owned(),
        error: error.to_string(),
    };
    let journals = set_journals_aside(folder, &aside).map_err(damaged)?;
    tell(folder, &aside, &error, journals);
    if journals > 0 {
        match Engine::open(folder) {
            Ok(engine) => return Ok((engine, journals)),
            Err(error) => drop(refuse(folder, error)?),
        }
    }
    let rest = aside.join("rest");
    fs::create_dir_all(&aside).map_err(damaged)?;
    fs::rename(folder, &rest).map_err(damaged)?;
    tracing::error!(folder = %folder.display(), kept = %rest.display(), "Nothing of the store could be read: it begins empty, and shoppers get new sessions.");
    let engine = Engine::open(folder).map_err(|error| OpenError::Damaged {
        folder: folder.to_owned(),
        error: error.to_string(),
    })?;
    Ok((engine, journals + 1))
}

fn tell(folder: &Path, aside: &Path, error: &str, files: usize) {
    tracing::error!(folder = %folder.display(), kept = %aside.display(), files, error, "The store of sessions is damaged. What was written last is set aside; the rest is read.");
}

/// Errors that are not damage: nothing is moved for them.
pub(super) fn refuse(folder: &Path, error: fjall::Error) -> Result<String, OpenError> {
    let folder = folder.to_owned();
    let told = error.to_string();
    let io = match error {
        fjall::Error::Locked => return Err(OpenError::Locked { folder }),
        fjall::Error::InvalidVersion(Some(_)) => return Err(OpenError::Format { folder }),
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => error,
        _ => return Ok(told),
    };
    match io.kind() {
        // Files that end too soon, hold nonsense, or are gone.
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::Other
        | io::ErrorKind::NotFound => Ok(told),
        _ => Err(OpenError::Io { folder, error: io }),
    }
}

fn set_journals_aside(folder: &Path, aside: &Path) -> io::Result<usize> {
    let mut moved = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let (Some(name), Some(extension)) = (path.file_name(), path.extension()) else {
            continue;
        };
        if extension == "jnl" {
            fs::create_dir_all(aside)?;
            fs::rename(&path, aside.join(name))?;
            moved += 1;
        }
    }
    Ok(moved)
}
