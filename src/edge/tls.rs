//! The certificates of a listener: chosen by the host that a client asks for, and swapped when their
//! files change. A connection keeps what it began with.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora::listeners::ALPN;
use pingora::listeners::tls::TlsSettings;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::config::values::{CertificateFiles, HostPattern, Tls};
use crate::domain::time::Millis;
use crate::telemetry::CertificateMetrics;

mod pair;

pub use pair::{Chain, PairError, Shown, Term, read_authorities, read_key};

/// Why a listener has no certificate to show.
#[derive(Debug, Error)]
#[error("{path}: {why}")]
pub struct CertificateError {
    /// The file.
    pub path: String,
    /// Why.
    pub why: PairError,
}

/// All certificates of one listener.
pub struct Certificates {
    listener: String,
    /// By host, as they are shown now.
    by_host: ArcSwap<ByHost>,
    files: Mutex<Vec<Watched>>,
    metrics: CertificateMetrics,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// A certificate, and what its files held when they were last read.
struct Watched {
    files: CertificateFiles,
    shown: Shown,
    last: Fingerprint,
}

/// What files held, or why they could not be read, as a hash: a key is kept in one place alone.
type Fingerprint = [u8; 32];

impl Certificates {
    /// Reads the certificates of a listener.
    pub fn read(
        listener: &str,
        tls: &Tls,
        now: Millis,
        metrics: CertificateMetrics,
    ) -> Result<Self, CertificateError> {
        let mut watched = Vec::new();
        for files in &tls.certificates {
            let (last, shown) = read_pair(files);
            let shown = shown?;
            metrics.shows(listener, &name_of(files), shown.term.ends);
            if let Some(why) = shown.term.untimely(now) {
                let certificate = name_of(files);
                tracing::warn!(listener, certificate, %why, "A certificate is shown out of its time.");
            }
            watched.push(Watched {
                files: files.clone(),
                shown,
                last,
            });
        }
        Ok(Self {
            listener: listener.to_owned(),
            by_host: ArcSwap::from_pointee(ByHost::of(&watched)),
            files: Mutex::new(watched),
            metrics,
        })
    }

    /// Looks at the files. What changed and is good is shown to connections that begin from now on;
    /// what is bad is told, once, and the old one is kept. Reads files: not for a runtime's thread.
    pub fn look(&self, now: Millis) {
        let mut files = self.files.lock();
        let mut changed = false;
        for one in files.iter_mut() {
            let (held, shown) = read_pair(&one.files);
            if held == one.last {
                continue;
            }
            one.last = held;
            let (listener, certificate) = (self.listener.as_str(), name_of(&one.files));
            match shown {
                Ok(shown) => {
                    let untimely = shown.term.untimely(now);
                    self.metrics
                        .swapped(listener, &certificate, shown.term.ends);
                    tracing::info!(
                        listener,
                        certificate,
                        untimely,
                        "A certificate was read anew."
                    );
                    one.shown = shown;
                    changed = true;
                }
                Err(error) => {
                    self.metrics.refused(listener, &certificate);
                    tracing::error!(listener, certificate, %error, "A changed certificate cannot be shown; the old one is kept.");
                }
            }
        }
        if changed {
            self.by_host.store(Arc::new(ByHost::of(&files)));
        }
    }

    /// What pingora needs to speak TLS with these.
    pub fn settings(self: Arc<Self>, http2: bool) -> pingora::Result<TlsSettings> {
        // The files are ours to read: pingora's own way ends the process where one is bad.
        let mut settings = TlsSettings::intermediate("", "")?;
        settings.set_cert_resolver(self);
        settings.set_alpn(if http2 { ALPN::H2H1 } else { ALPN::H1 });
        Ok(settings)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_host = self.by_host.load();
        let candidates = by_host.find(hello.server_name());
        // One host may have a certificate for old clients beside the usual one.
        let schemes = hello.signature_schemes();
        let fits = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(schemes).is_some();
        let chosen = candidates.iter().find(fits).or(candidates.first());
        chosen.cloned()
    }
}

/// Certificates by the hosts that they are shown for.
#[derive(Debug, Default)]
struct ByHost {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows the first label (RFC 9525 §6.3): a wildcard stands for one label.
    below: HashMap<String, Vec<Arc<CertifiedKey>>>,
    usual: Vec<Arc<CertifiedKey>>,
}

impl ByHost {
    fn of(watched: &[Watched]) -> Self {
        let mut by_host = Self::default();
        for one in watched {
            let key = &one.shown.key;
            if by_host.usual.is_empty() {
                by_host.usual.push(Arc::clone(key));
            }
            for host in &one.files.hosts {
                match host {
                    HostPattern::Exact(host) => by_host.add(host, key),
                    HostPattern::Below(host) => by_host.add(&format!("*.{host}"), key),
                }
            }
            if one.files.hosts.is_empty() {
                for name in &one.shown.names {
                    by_host.add(name, key);
                }
            }
        }
        by_host
    }

    fn add(&mut self, name: &str, key: &Arc<CertifiedKey>) {
        let shown = match name.strip_prefix("*.") {
            Some(host) => self.below.entry(host.to_ascii_lowercase()),
            None => self.exact.entry(name.to_ascii_lowercase()),
        };
        shown.or_default().push(Arc::clone(key));
    }

    fn find(&self, host: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(host) = host.map(str::to_ascii_lowercase) else {
            return &self.usual;
        };
        let wild = || self.below.get(host.split_once('.')?.1);
        self.exact.get(&host).or_else(wild).unwrap_or(&self.usual)
    }
}

fn name_of(files: &CertificateFiles) -> String {
    files.chain.display().to_string()
}

fn read_pair(files: &CertificateFiles) -> (Fingerprint, Result<Shown, CertificateError>) {
    let mut hash = Sha256::new();
    let mut read = |path: &Path| {
        let content = std::fs::read(path);
        match &content {
            Ok(bytes) => hash.update(bytes),
            Err(error) => hash.update(error.to_string()),
        }
        hash.update([0]);
        content.map_err(PairError::Unreadable)
    };
    let (chain, key) = (read(&files.chain), read(&files.key));
    let of = |path: &Path| {
        let path = path.display().to_string();
        |why| CertificateError { path, why }
    };
    let shown = || {
        let chain = chain
            .and_then(|pem| Chain::read(&pem))
            .map_err(of(&files.chain))?;
        let key = key.and_then(|pem| read_key(&pem)).map_err(of(&files.key))?;
        chain.with(key).map_err(of(&files.key))
    };
    let shown = shown();
    (hash.finalize().into(), shown)
}
