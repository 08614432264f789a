//! A certificate and its key: read from PEM, and held against each other.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, RootCertStore};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::domain::time::Millis;

/// Why a certificate cannot be shown. Says nothing of a file's content.
#[derive(Debug, Error)]
pub enum PairError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// There is none in the file, or what is there is broken.
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    /// The first one is none.
    #[error("its first certificate cannot be understood")]
    Malformed,
    /// There is no key in the file, or what is there is broken.
    #[error("it holds no private key in PEM")]
    NoKey,
    /// The key needs a passphrase.
    #[error("its key is encrypted, and nobody is there to give the passphrase")]
    Encrypted,
    /// No such key can sign a handshake.
    #[error("its key is of no kind that TLS can use here (RSA, ECDSA P-256 and P-384, Ed25519)")]
    KeyKind,
    /// One of several certificates is none.
    #[error("one of its certificates cannot be understood")]
    MalformedAuthority,
    /// The key is another certificate's.
    #[error("the key does not fit the certificate")]
    Mismatch,
}

/// A certificate, with those that vouch for it.
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    names: Vec<String>,
    /// When it holds.
    pub term: Term,
}

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    begins: Millis,
    /// The last moment.
    pub ends: Millis,
}

impl Term {
    /// Why a certificate does not hold at this time; none: it does.
    pub fn untimely(&self, now: Millis) -> Option<String> {
        if now < self.begins {
            return Some(format!("it does not hold before {}", self.begins.written()));
        }
        (now > self.ends).then(|| format!("it ended at {}", self.ends.written()))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// Reads a chain, the own certificate first.
    pub fn read(pem: &[u8]) -> Result<Self, PairError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|_| PairError::NoCertificate)?;
        let own = certificates.first().ok_or(PairError::NoCertificate)?;
        let (_, own) = X509Certificate::from_der(own).map_err(|_| PairError::Malformed)?;
        let names = own.subject_alternative_name();
        let names = names.map_err(|_| PairError::Malformed)?;
        let names = names.map_or_else(Vec::new, |names| {
            let names = names.value.general_names.iter();
            let hosts = names.filter_map(|name| match name {
                GeneralName::DNSName(host) => Some((*host).to_owned()),
                _ => None,
            });
            hosts.collect()
        });
        let validity = own.validity();
        let moment = |time: ASN1Time| Millis::from_secs(time.timestamp());
        let term = Term {
            begins: moment(validity.not_before),
            ends: moment(validity.not_after),
        };
        Ok(Self {
            certificates,
            names,
            term,
        })
    }

    /// The chain with its key.
    pub fn with(self, key: Arc<dyn SigningKey>) -> Result<Shown, PairError> {
        let key = CertifiedKey::new(self.certificates, key);
        match key.keys_match() {
            // A key that cannot tell its public half is believed, as rustls does.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(PairError::Mismatch),
        }
        Ok(Shown {
            key: Arc::new(key),
            names: self.names,
            term: self.term,
        })
    }
}

/// A certificate that can be shown.
#[derive(Debug)]
pub struct Shown {
    /// Itself, with its key.
    pub key: Arc<CertifiedKey>,
    /// The hosts that it names.
    pub names: Vec<String>,
    /// When it holds.
    pub term: Term,
}

/// Reads a private key.
pub fn read_key(pem: &[u8]) -> Result<Arc<dyn SigningKey>, PairError> {
    let encrypted = pem.windows(9).any(|word| word == b"ENCRYPTED");
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        if encrypted {
            PairError::Encrypted
        } else {
            PairError::NoKey
        }
    })?;
    any_supported_type(&key).map_err(|_| PairError::KeyKind)
}

/// Reads the certificates of authorities that vouch for clients.
pub fn read_authorities(pem: &[u8]) -> Result<RootCertStore, PairError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| PairError::NoCertificate)?;
    let mut authorities = RootCertStore::empty();
    for certificate in certificates {
        let added = authorities.add(certificate);
        added.map_err(|_| PairError::MalformedAuthority)?;
    }
    if authorities.is_empty() {
        return Err(PairError::NoCertificate);
    }
    Ok(authorities)
}
