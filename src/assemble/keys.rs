//! The keys that accounts name: read from their files, and made where one may be missing.

use std::path::Path;

use super::{AssembleError, Ports, read};
use crate::apps::authentication::KeyFile;
use crate::cli::secret_file::create_secret;
use crate::config::{NamedFileError, values};
use crate::domain::token::{KeyRing, TokenAlgorithm};
use crate::domain::vtexid::{LoginKey, VtexIdKeys, draw_login_key};

/// What becomes of keys that are made because their file is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKeys {
    /// They are written there, for the next start.
    #[default]
    Kept,
    /// They end with this process; nothing is written.
    Forgotten,
}

/// Reads a key ring, or makes one where the configuration says so and none is there.
pub(super) fn open_ring(keys: &values::Keys, ports: &Ports) -> Result<KeyRing, AssembleError> {
    let make = || {
        let mut draw = || ports.entropy.bits();
        KeyRing::generate(TokenAlgorithm::Hs256, ports.clock.now(), &mut draw).to_json()
    };
    let text = if keys.create {
        read_or_make(&keys.file, ports, make)?
    } else {
        read(&keys.file)?
    };
    let ring =
        KeyRing::parse(&text).map_err(|error| NamedFileError::content(&keys.file, &error))?;
    Ok(ring.with_sign_after(keys.sign_after))
}

/// Reads the keys that login tokens are verified with: this process's own, and those of files. A local
/// key that is missing is made.
pub(super) fn open_login_keys(
    authentication: &values::Authentication,
    ports: &Ports,
) -> Result<(VtexIdKeys, Vec<KeyFile>), AssembleError> {
    let mut files = Vec::new();
    for path in &authentication.jwks {
        let (parsed, warnings) = VtexIdKeys::parse(&read(path)?)
            .map_err(|error| NamedFileError::content(path, &error))?;
        for warning in warnings {
            tracing::warn!(file = %path.display(), %warning, "A login key is left out.");
        }
        files.push(KeyFile {
            path: path.clone(),
            keys: parsed,
        });
    }
    let mut own = VtexIdKeys::none();
    if let Some(path) = &authentication.local_key {
        let make = || draw_login_key(&mut || ports.entropy.bits());
        let text = read_or_make(path, ports, make)?;
        let key = LoginKey::parse(&text).map_err(|error| NamedFileError::content(path, &error))?;
        own = key.public_keys();
    }
    Ok((own, files))
}

fn read_or_make(
    path: &Path,
    ports: &Ports,
    make: impl FnOnce() -> String,
) -> Result<String, NamedFileError> {
    if path.exists() {
        return read(path);
    }
    let text = make();
    if ports.new_keys == NewKeys::Kept {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| NamedFileError::io(folder, error))?;
        }
        create_secret(path, &text).map_err(|error| NamedFileError::content(path, &error))?;
    }
    Ok(text)
}
