//! A look through a store that no process has: every record is read, and nothing of the store is changed.
//!
//! The engine cannot open files without writing: it cuts journals to their last whole entry, begins new
//! ones, and tidies tables up. So it opens a copy beside the store. Tables are never written again once
//! they are there: the copy has them by another name (hard links); the rest is little, and copied.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::engine::{Engine, Space};
use super::open::{OpenError, refuse};
use super::reckoning::{Beside, Findings, reckon};
use crate::domain::time::Millis;

/// The engine's own names.
const LOCK: &str = "lock";
const VERSION: &str = "version";
const TABLES: &str = "tables";
const JOURNAL: &str = "jnl";
/// Records read at once.
const STEP: usize = 1024;

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was found.
    pub findings: Findings,
    /// Bytes of all files, as much as is written of them.
    pub on_disk: u64,
}

/// Looks through the store in a folder. `scratch` is where a copy is made for as long as it takes, on
/// the same file system if it is to be small; `progress` hears how many records were read.
///
/// # Errors
/// Where there is no store, a process has it open, or it cannot be copied or read.
pub fn check(
    folder: &Path,
    scratch: Option<&Path>,
    now: Millis,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, OpenError> {
    let failed = |error: io::Error| OpenError::Io {
        folder: folder.to_owned(),
        error,
    };
    let _lock = lock(folder)?;
    let copy = Twin::make(folder, scratch).map_err(failed)?;
    let on_disk = size(folder).map_err(failed)?;
    let mut findings = Findings::default();
    if let Some(engine) = open(folder, &copy, &mut findings)? {
        look(&engine, &mut findings, now, progress);
    }
    Ok(Checked { findings, on_disk })
}

/// Holds the engine's lock for as long as the file is open, so that no process begins meanwhile.
fn lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |error| OpenError::Io {
        folder: folder.to_owned(),
        error,
    };
    if !folder.join(VERSION).is_file() {
        let said = "there is no store in this folder";
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, said)));
    }
    let file = File::open(folder.join(LOCK)).map_err(failed)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Opens the copy, without its journals where they cannot be read; none where nothing can be.
fn open(folder: &Path, copy: &Twin, findings: &mut Findings) -> Result<Option<Engine>, OpenError> {
    match Engine::open(&copy.0) {
        Ok(engine) => return Ok(Some(engine)),
        Err(error) => drop(refuse(folder, error)?),
    }
    let failed = |error| OpenError::Io {
        folder: folder.to_owned(),
        error,
    };
    findings.journals = copy.without_journals().map_err(failed)?;
    match Engine::open(&copy.0) {
        Ok(engine) => Ok(Some(engine)),
        Err(error) => {
            drop(refuse(folder, error)?);
            for space in Space::ALL {
                findings.unreadable.insert(space.name(), 1);
            }
            Ok(None)
        }
    }
}

impl Beside for Engine {
    /// What cannot be read is told where it lies.
    fn get(&self, space: Space, key: &[u8]) -> Option<Vec<u8>> {
        Self::get(self, space, key).ok().flatten()
    }
}

fn look(engine: &Engine, findings: &mut Findings, now: Millis, progress: &mut dyn FnMut(u64)) {
    let mut read = 0;
    for space in Space::ALL {
        let mut next = Vec::new();
        loop {
            let Ok(records) = engine.from(space, &next, STEP) else {
                *findings.unreadable.entry(space.name()).or_default() += 1;
                // Keys are random, so a two hundred and fifty-sixth at a time.
                let first = next.first().copied().unwrap_or(0).checked_add(1);
                let Some(first) = first else { break };
                next = vec![first];
                continue;
            };
            for (key, value) in &records {
                reckon(findings, engine, (space, key, value), now);
            }
            read += records.len() as u64;
            progress(read);
            match records.last() {
                Some((key, _)) if records.len() == STEP => next = [key.as_slice(), &[0]].concat(),
                _ => break,
            }
        }
    }
}

/// A copy of a store, gone when dropped.
struct Twin(PathBuf);

impl Twin {
    fn make(folder: &Path, scratch: Option<&Path>) -> io::Result<Self> {
        let name = format!("check-{}", std::process::id());
        let place = match scratch {
            Some(scratch) => scratch.join(name),
            None => folder.with_extension(name),
        };
        // Shoppers' fields lie there: nobody else's to read.
        fs::DirBuilder::new().mode(0o700).create(&place)?;
        let copy = Self(place);
        fill(folder, &copy.0)?;
        Ok(copy)
    }

    /// Removes the journals; tells how many there were.
    fn without_journals(&self) -> io::Result<u64> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == JOURNAL) {
                fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "A copy of a store is left behind.");
        }
    }
}

fn fill(from: &Path, to: &Path) -> io::Result<()> {
    let tables = from.file_name().is_some_and(|name| name == TABLES);
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (there, here) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&here)?;
            fill(&there, &here)?;
        } else if !(tables && fs::hard_link(&there, &here).is_ok()) {
            fs::copy(&there, &here)?;
        }
    }
    Ok(())
}

/// Bytes of the files below a folder, as much as is written of them.
fn size(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    /// The unit of `st_blocks`, whatever the file system's own is.
    const BLOCK: u64 = 512;
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        all += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.blocks() * BLOCK
        };
    }
    Ok(all)
}
