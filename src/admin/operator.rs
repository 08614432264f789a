//! Who acts on the admin listener, as the audit log names them. A certificate's own words are never
//! taken as they are: a name that is no plain one may be an e-mail, or made to look like another line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::domain::time::Millis;

/// The longest name that is told as it is, in bytes.
const LONGEST: usize = 64;

/// By what somebody showed that they may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// A certificate of their own: its name.
    Certificate(Arc<str>),
    /// The token.
    Token,
    /// A login at the console.
    Login,
    /// Being on this machine.
    Loopback,
}

impl Operator {
    /// The word of the audit log.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Certificate(name) => name,
            Self::Token => "token",
            Self::Login => "login",
            Self::Loopback => "loopback",
        }
    }
}

/// A certificate that was verified in the handshake of a connection.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    name: Arc<str>,
    ends: Millis,
    /// Whether the authorities that it was verified by are still believed.
    believed: Arc<AtomicBool>,
}

impl Certified {
    /// Reads a certificate that was verified; none where it cannot be understood.
    pub(super) fn read(der: &[u8], believed: &Arc<AtomicBool>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            name: name_of(&certificate, der).into(),
            ends: Millis::from_secs(certificate.validity().not_after.timestamp()),
            believed: Arc::clone(believed),
        })
    }

    /// The operator's name, as long as the certificate holds: a connection may outlive it.
    pub(super) fn name(&self, now: Millis) -> Option<&Arc<str>> {
        (now <= self.ends && self.believed.load(Ordering::Acquire)).then_some(&self.name)
    }
}

/// `cn:` and the one common name of the subject where that is a plain name, or `sha256:` and the
/// certificate's fingerprint.
fn name_of(certificate: &X509Certificate<'_>, der: &[u8]) -> String {
    let mut names = certificate.subject().iter_common_name();
    let name = names.next().and_then(|name| name.as_str().ok());
    match (name, names.next()) {
        (Some(name), None) if is_plain(name) => format!("cn:{name}"),
        _ => format!("sha256:{:x}", Sha256::digest(der)),
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_told_as_it_is() {
        for plain in ["ana", "ops-3", "ana.lima", "A_1"] {
            assert!(is_plain(plain), "{plain}");
        }
        let long = "a".repeat(LONGEST + 1);
        for other in [
            "",
            "ana@example.com",
            "ana lima",
            "a\nb",
            "cn:ana",
            "\"",
            &long,
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_nobody() {
        let believed = Arc::new(AtomicBool::new(true));
        assert!(Certified::read(b"nonsense", &believed).is_none());
    }

    #[test]
    fn a_certificate_counts_to_its_last_moment_and_while_its_authority_is_believed() {
        let ends = Millis::from_secs(1_700_000_000);
        let believed = Arc::new(AtomicBool::new(true));
        let certified = Certified {
            name: "cn:ana".into(),
            ends,
            believed: Arc::clone(&believed),
        };
        assert_eq!(certified.name(ends).map(|name| &**name), Some("cn:ana"));
        let later = ends.plus(std::time::Duration::from_millis(1));
        assert_eq!(certified.name(later), None);
        believed.store(false, Ordering::Release);
        assert_eq!(certified.name(ends), None);
    }
}
