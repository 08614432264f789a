//! Files as they lie on disk, read by those who will use them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::{FileChecks, FileFault, FileKind};
use crate::domain::token::KeyRing;

/// Shortest bearer token: 16 characters cannot be guessed over a network.
const LEAST_TOKEN: usize = 16;

/// Reads the files and has them parsed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnDisk;

impl FileChecks for OnDisk {
    fn check(&self, path: &Path, kind: FileKind) -> Vec<FileFault> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound && is_made_at_start(kind) => {
                return Vec::new();
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", what(kind));
                return vec![FileFault::error(None, message)];
            }
        };
        match text {
            Ok(text) => parse(&text, kind),
            Err(_) => vec![FileFault::error(None, format!("{} is no text", what(kind)))],
        }
    }
}

const fn is_made_at_start(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::KeyRing { created: true } | FileKind::LocalKey
    )
}

const fn what(kind: FileKind) -> &'static str {
    match kind {
        FileKind::KeyRing { .. } => "the key ring",
        FileKind::Jwks => "the JWKS file",
        FileKind::LocalKey => "the local key",
        FileKind::Directory => "the directory",
        FileKind::AdminToken => "the token file",
    }
}

fn parse(text: &str, kind: FileKind) -> Vec<FileFault> {
    match kind {
        FileKind::KeyRing { .. } => match KeyRing::parse(text) {
            Ok(_) => Vec::new(),
            Err(error) => vec![FileFault::error(None, format!("the key ring: {error}"))],
        },
        FileKind::Jwks | FileKind::LocalKey | FileKind::Directory => {
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(_) => Vec::new(),
                Err(error) => {
                    let position = (error.line() > 0).then(|| (error.line(), error.column()));
                    let message = format!("{} is no JSON", what(kind));
                    vec![FileFault::error(position, message)]
                }
            }
        }
        FileKind::AdminToken if text.trim().chars().count() < LEAST_TOKEN => {
            let message = format!("the token has less than {LEAST_TOKEN} characters");
            vec![FileFault::error(None, message)]
        }
        FileKind::AdminToken => Vec::new(),
    }
}
