//! Files as they lie on disk, read by those who will use them.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::Access;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{FileChecks, FileFault, FileKind};
use crate::clock::SystemClock;
use crate::config::report::Severity;
use crate::directory::embedded::{Embedded, FileError};
use crate::domain::token::KeyRing;
use crate::domain::vtexid::{KeyWarning, LoginKey, VtexIdKeys};
use crate::edge::tls::{self, Chain};
use crate::ports::Clock as _;

/// Shortest bearer token: 16 characters cannot be guessed over a network.
const LEAST_TOKEN: usize = 16;

/// What a route that sends the signed context needs; `keys` makes it.
const CONTEXT_KEY: &str = "ES256 or EdDSA key, which a route with `send_context` needs";

/// Reads the files and has them parsed.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnDisk;

impl FileChecks for OnDisk {
    fn check(&self, path: &Path, kind: FileKind) -> Vec<FileFault> {
        if kind.is_folder() {
            return own_folder(path, kind);
        }
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound && is_made_at_start(kind) => {
                return made_at_start(kind);
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

    fn text(&self, path: &Path) -> Option<io::Result<String>> {
        Some(fs::read_to_string(path))
    }

    fn names(&self, chain: &Path, key: &Path) -> Option<Result<Vec<String>, String>> {
        let chain = Chain::read(&fs::read(chain).ok()?).ok()?;
        let key = tls::read_key(&fs::read(key).ok()?).ok()?;
        let shown = chain.with(key).map_err(|error| error.to_string());
        Some(shown.map(|shown| shown.names))
    }
}

const fn is_made_at_start(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::KeyRing { created: true, .. } | FileKind::LocalKey
    )
}

/// What will be wrong with a file that is made at start.
fn made_at_start(kind: FileKind) -> Vec<FileFault> {
    match kind {
        FileKind::KeyRing { contexts: true, .. } => vec![FileFault::error(
            None,
            format!("the key ring is missing, and one made at start holds no {CONTEXT_KEY}"),
        )],
        _ => Vec::new(),
    }
}

const fn what(kind: FileKind) -> &'static str {
    match kind {
        FileKind::KeyRing { .. } => "the key ring",
        FileKind::Jwks => "the JWKS file",
        FileKind::LocalKey => "the local key",
        FileKind::Directory | FileKind::PartOfDirectory => "the directory",
        FileKind::Credential => "the credential's file",
        FileKind::DirectoryFolder => "the directory's folder",
        FileKind::AdminToken | FileKind::AppToken => "the token file",
        FileKind::StoreFolder => "the store's folder",
        FileKind::StorePassword => "the password file",
        FileKind::StoreAuthorities | FileKind::OperatorAuthorities => "the authorities' file",
        FileKind::StoreCertificate | FileKind::ListenerCertificate => "the certificate",
        FileKind::StoreKey | FileKind::ListenerKey => "the certificate's key",
    }
}

/// A folder of ours, or the one in which it will be made, has to take files. Nothing is written.
fn own_folder(path: &Path, kind: FileKind) -> Vec<FileFault> {
    let is_there = path.ancestors().find(|folder| folder.exists());
    let folder = match is_there {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("."),
    };
    let what = what(kind);
    let problem = if folder.is_dir() {
        let needed = Access::WRITE_OK | Access::EXEC_OK;
        let error = rustix::fs::access(folder, needed).err();
        error.map(|error| io::Error::from(error).to_string())
    } else {
        Some(format!("{} is no folder", folder.display()))
    };
    let fault =
        problem.map(|why| FileFault::error(None, format!("{what} cannot be written: {why}")));
    fault.into_iter().collect()
}

/// Has a file parsed by whoever will use it. A message never quotes the file: it may be secret.
fn parse(text: &str, kind: FileKind) -> Vec<FileFault> {
    let unusable = |why: String| vec![FileFault::error(None, format!("{}: {why}", what(kind)))];
    match kind {
        FileKind::KeyRing { contexts, .. } => match KeyRing::parse(text) {
            Ok(ring) if contexts && !ring.signs_contexts() => {
                unusable(format!("it holds no {CONTEXT_KEY}"))
            }
            Ok(_) => Vec::new(),
            Err(error) => unusable(error.to_string()),
        },
        FileKind::Jwks => match VtexIdKeys::parse(text) {
            Ok((_, warnings)) => warnings.iter().map(left_out).collect(),
            Err(error) => unusable(error.to_string()),
        },
        FileKind::LocalKey => match LoginKey::parse(text) {
            Ok(_) => Vec::new(),
            Err(error) => unusable(error.to_string()),
        },
        FileKind::AdminToken | FileKind::AppToken if text.trim().chars().count() < LEAST_TOKEN => {
            unusable(format!("it has less than {LEAST_TOKEN} characters"))
        }
        FileKind::Credential | FileKind::StorePassword if text.trim().is_empty() => {
            unusable("it is empty".to_owned())
        }
        FileKind::AppToken | FileKind::Credential if !is_visible(text.trim()) => {
            unusable("it holds more than visible ASCII on one line".to_owned())
        }
        FileKind::StorePassword if text.trim().lines().count() > 1 => {
            unusable("it has more than one line".to_owned())
        }
        FileKind::StoreAuthorities | FileKind::StoreCertificate if !holds_certificates(text) => {
            unusable("it holds no certificate in PEM".to_owned())
        }
        FileKind::StoreKey if PrivateKeyDer::from_pem_slice(text.as_bytes()).is_err() => {
            unusable("it holds no private key in PEM".to_owned())
        }
        FileKind::ListenerCertificate => match Chain::read(text.as_bytes()) {
            Ok(chain) => out_of_time(&chain),
            Err(error) => unusable(error.to_string()),
        },
        FileKind::ListenerKey => match tls::read_key(text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(error) => unusable(error.to_string()),
        },
        FileKind::OperatorAuthorities => match tls::read_authorities(text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(error) => unusable(error.to_string()),
        },
        // A folder is never read as a text.
        FileKind::AdminToken
        | FileKind::AppToken
        | FileKind::Credential
        | FileKind::DirectoryFolder
        | FileKind::StoreFolder
        | FileKind::StorePassword
        | FileKind::StoreAuthorities
        | FileKind::StoreCertificate
        | FileKind::StoreKey => Vec::new(),
        FileKind::Directory => in_directory(Embedded::parse(text)),
        FileKind::PartOfDirectory => in_directory(Embedded::parse_part(text)),
    }
}

/// A certificate that has ended is shown all the same: browsers tell their people, and some go on.
fn out_of_time(chain: &Chain) -> Vec<FileFault> {
    let why = chain.term.untimely(SystemClock::start().now());
    let fault = why.map(|why| FileFault::warning(None, format!("the certificate: {why}")));
    fault.into_iter().collect()
}

/// Whether a text holds one certificate or more, and nothing broken.
fn holds_certificates(text: &str) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    certificates.is_ok_and(|certificates| !certificates.is_empty())
}

/// Whether a text can be a header's value as it is.
fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn in_directory(parsed: Result<Embedded, Vec<FileError>>) -> Vec<FileFault> {
    let mistakes = parsed.err().unwrap_or_default();
    let fault = |mistake: &FileError| {
        let position = (mistake.line, mistake.column);
        let message = format!("the directory: {}", mistake.message);
        FileFault::error(Some(position), message)
    };
    mistakes.iter().map(fault).collect()
}

fn left_out(warning: &KeyWarning) -> FileFault {
    FileFault {
        severity: Severity::Warning,
        position: None,
        message: format!("the JWKS file: {warning}"),
    }
}
