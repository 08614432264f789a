//! The campaign audiences on disk, for a start while their source is away.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::time::Millis;

/// The file of one account.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    fetched_at_ms: i64,
    audiences: Box<RawValue>,
}

impl Shelf {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept, and when it was fetched. None where nothing was.
    pub(super) fn load(&self) -> io::Result<Option<(String, Millis)>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kept: OnDisk = serde_json::from_str(&text)?;
        let at = Millis::from_millis(kept.fetched_at_ms);
        Ok(Some((kept.audiences.get().to_owned(), at)))
    }

    /// Keeps an answer: the file is the old one or the new one, never half of either.
    pub(super) fn keep(&self, audiences: &str, at: Millis) -> io::Result<()> {
        let kept = OnDisk {
            fetched_at_ms: at.as_millis(),
            audiences: RawValue::from_string(audiences.to_owned())?,
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string(&kept)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("deep/shop.json"));
        assert_eq!(shelf.load().unwrap(), None);
        for (text, second) in [(r#"[{"id":"a"}]"#, 5), ("[]", 9)] {
            shelf.keep(text, Millis::from_secs(second)).unwrap();
            let expected = (text.to_owned(), Millis::from_secs(second));
            assert_eq!(shelf.load().unwrap(), Some(expected));
        }
        fs::write(shelf.path(), "{\"fetched").unwrap();
        assert!(shelf.load().is_err());
    }
}
