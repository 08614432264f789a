//! The files that a configuration names: key rings, JWKS, directories, tokens, apps.
//!
//! Who understands a kind of file says what is wrong with it; nothing of its content is told.

mod error;
mod on_disk;

use std::fmt;
use std::io;
use std::path::Path;

pub use error::NamedFileError;
pub use on_disk::OnDisk;

use super::report::{Finding, Location, Severity};
use super::tree::At;

/// What a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The keys that sign cookies.
    KeyRing {
        /// Whether a missing one is made at start.
        created: bool,
        /// Whether it has to sign contexts for backends.
        contexts: bool,
    },
    /// Public keys of a login.
    Jwks,
    /// A private key of a login of one's own; made at start where it is missing.
    LocalKey,
    /// A store's data.
    Directory,
    /// A store's data without its trade policies, which are looked up elsewhere.
    PartOfDirectory,
    /// One half of the credentials of a platform.
    Credential,
    /// The folder of what a directory keeps for the next start.
    DirectoryFolder,
    /// The bearer token of the admin address.
    AdminToken,
    /// The bearer token that an app over HTTP is shown.
    AppToken,
    /// The folder of a store of sessions.
    StoreFolder,
    /// The password of a shared store's user.
    StorePassword,
    /// Certificates of the authorities that vouch for the servers of a shared store or an upstream.
    StoreAuthorities,
    /// The certificate that is shown to them.
    StoreCertificate,
    /// Its key.
    StoreKey,
    /// The certificate that a listener shows, with those that vouch for it.
    ListenerCertificate,
    /// Its key.
    ListenerKey,
    /// Certificates of the authorities that vouch for operators.
    OperatorAuthorities,
}

impl FileKind {
    /// Whether it is a folder of this program's own.
    pub const fn is_folder(self) -> bool {
        matches!(self, Self::StoreFolder | Self::DirectoryFolder)
    }

    /// Whether who uses it reads it again by itself when it changes.
    pub const fn is_looked_after(self) -> bool {
        matches!(
            self,
            Self::Jwks | Self::ListenerCertificate | Self::ListenerKey | Self::OperatorAuthorities
        )
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// How grave.
    pub severity: Severity,
    /// Line and column, from 1, where known.
    pub position: Option<(usize, usize)>,
    /// What, without anything of a secret.
    pub message: String,
}

/// Looks into files that a configuration names.
pub trait FileChecks: fmt::Debug {
    /// Everything that is wrong with a file.
    fn check(&self, path: &Path, kind: FileKind) -> Vec<FileFault>;
    /// The text of a file whose content belongs to the configuration; none where files are not
    /// looked into.
    fn text(&self, path: &Path) -> Option<io::Result<String>>;
    /// The hosts that a certificate names, or why it cannot be shown with this key; none where the
    /// files are not looked into, or where one alone is wrong already.
    fn names(&self, _chain: &Path, _key: &Path) -> Option<Result<Vec<String>, String>> {
        None
    }
}

/// Takes every file as good without looking at it: for checking a text alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl FileChecks for Unseen {
    fn check(&self, _: &Path, _: FileKind) -> Vec<FileFault> {
        Vec::new()
    }

    fn text(&self, _: &Path) -> Option<io::Result<String>> {
        None
    }
}

impl FileFault {
    /// Something doubtful somewhere in a file.
    pub fn warning(position: Option<(usize, usize)>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(position, message)
        }
    }

    /// An error somewhere in a file.
    pub fn error(position: Option<(usize, usize)>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position,
            message: message.into(),
        }
    }

    /// The finding: the file's own line is its place, the key that names it is a hint.
    pub(super) fn into_finding(self, path: &Path, at: &At, named_at: Option<&str>) -> Finding {
        Finding {
            location: Location::File {
                path: path.to_owned(),
                position: self.position,
            },
            severity: self.severity,
            key: at.to_string(),
            message: self.message,
            found: None,
            allowed: None,
            hint: named_at.map(|place| format!("the file is named by `{at}` ({place})")),
            excerpt: None,
        }
    }
}
