//! Files that hold secrets: written whole or not at all, readable by their owner alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Owner reads and writes.
const SECRET_MODE: u32 = 0o600;
/// Everybody reads.
const PUBLIC_MODE: u32 = 0o644;
/// What a secret file that is there may keep: its group may have been let in on purpose.
const KEPT_MODE: u32 = 0o640;

/// What could not be done with a file. Never shows what is in it.
#[derive(Debug, Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A new file was asked for, and there is one.
    #[error("{} is there already; it is never overwritten", .0.display())]
    Exists(PathBuf),
    /// Another command writes the file now, or one was killed while it did.
    #[error("{} is there: another command is writing, or was interrupted; then remove it", .0.display())]
    Busy(PathBuf),
}

fn refused(path: &Path, cause: io::Error) -> FileError {
    FileError::Refused {
        path: path.to_owned(),
        cause,
    }
}

/// Reads a text file.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|cause| refused(path, cause))
}

/// Writes a new file of mode 0600; never overwrites.
pub fn create_secret(path: &Path, text: &str) -> Result<(), FileError> {
    Draft::begin(path, SECRET_MODE)?.create(text)
}

/// Writes a new file of mode 0644; never overwrites.
pub fn create_public(path: &Path, text: &str) -> Result<(), FileError> {
    Draft::begin(path, PUBLIC_MODE)?.create(text)
}

/// A file in the making, beside the one that it will be. While it is there, nobody else can begin.
#[derive(Debug)]
pub struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: File,
    moved: bool,
}

impl Draft {
    fn begin(target: &Path, mode: u32) -> Result<Self, FileError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".new");
        let path = target.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(|cause| match cause.kind() {
                io::ErrorKind::AlreadyExists => FileError::Busy(path.clone()),
                _ => refused(target, cause),
            })?;
        Ok(Self {
            target: target.to_owned(),
            path,
            file,
            moved: false,
        })
    }

    /// Begins to replace a secret file: same owner and group, no more readers than before.
    /// Symbolic links stay; what they lead to is replaced.
    pub fn of_existing(target: &Path) -> Result<Self, FileError> {
        let target = fs::canonicalize(target).map_err(|cause| refused(target, cause))?;
        let draft = Self::begin(&target, SECRET_MODE)?;
        draft
            .take_after()
            .map_err(|cause| refused(&target, cause))?;
        Ok(draft)
    }

    fn take_after(&self) -> io::Result<()> {
        let old = fs::metadata(&self.target)?;
        let new = self.file.metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()))?;
        }
        self.file
            .set_permissions(Permissions::from_mode(old.mode() & KEPT_MODE))
    }

    /// Becomes the new file.
    fn create(mut self, text: &str) -> Result<(), FileError> {
        self.write(text)?;
        // A link, unlike a rename, fails where a file of that name has come up meanwhile.
        fs::hard_link(&self.path, &self.target).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(self.target.clone()),
            _ => refused(&self.target, cause),
        })?;
        self.sync_folder()
    }

    /// Takes the old file's place in one step.
    pub fn replace(mut self, text: &str) -> Result<(), FileError> {
        self.write(text)?;
        fs::rename(&self.path, &self.target).map_err(|cause| refused(&self.target, cause))?;
        self.moved = true;
        self.sync_folder()
    }

    fn write(&mut self, text: &str) -> Result<(), FileError> {
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(|cause| refused(&self.target, cause))
    }

    fn sync_folder(&self) -> Result<(), FileError> {
        let folder = match self.target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|cause| refused(folder, cause))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once moved, the name is free, and a draft under it is somebody else's.
        if !self.moved {
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_whole_private_and_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        create_secret(&path, "one").unwrap();
        assert_eq!(
            (read_text(&path).unwrap().as_str(), mode(&path)),
            ("one", 0o600)
        );
        let again = create_secret(&path, "two").unwrap_err();
        assert!(matches!(again, FileError::Exists(_)), "{again}");
        assert_eq!(read_text(&path).unwrap(), "one");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_replaced_file_keeps_its_group_and_loses_the_rest_of_its_readers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        for (before, after) in [(0o600, 0o600), (0o640, 0o640), (0o666, 0o640)] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            Draft::of_existing(&path).unwrap().replace("new").unwrap();
            assert_eq!(
                (read_text(&path).unwrap().as_str(), mode(&path)),
                ("new", after)
            );
        }
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Draft::of_existing(&link).unwrap().replace("new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(read_text(&path).unwrap(), "new");
    }

    #[test]
    fn two_cannot_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        fs::write(&path, "old").unwrap();
        let first = Draft::of_existing(&path).unwrap();
        assert!(matches!(Draft::of_existing(&path), Err(FileError::Busy(_))));
        drop(first);
        assert!(Draft::of_existing(&path).is_ok());
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no").join("keys.json");
        for error in [
            read_text(&missing).unwrap_err(),
            create_secret(&missing, "x").unwrap_err(),
            Draft::of_existing(&missing).unwrap_err(),
        ] {
            assert!(error.to_string().contains("keys.json"), "{error}");
        }
    }
}
