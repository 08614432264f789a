//! TLS on the admin listener, and the certificates by which operators are known there.
//!
//! A handshake never keeps anybody else waiting. Nothing is resumed: whoever comes again shows their
//! certificate again, to the authorities of that moment.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use parking_lot::Mutex;
use rustls::crypto::ring::default_provider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::{CertificateError as Refused, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::operator::Certified;
use crate::config::values::{AdminTls, Tls};
use crate::domain::time::Millis;
use crate::edge::Shared;
use crate::edge::tls::{CertificateError, Certificates, PairError, read_authorities};

/// The listener's name where certificates are told of.
const NAME: &str = "admin";
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes under way at once; who comes then waits in the socket. Files are for shoppers.
const MOST: usize = 256;

/// What files held, as a hash.
type Fingerprint = [u8; 32];

/// What the admin listener shows, and whom it believes.
pub struct Secured {
    certificates: Arc<Certificates>,
    clients: Option<Mutex<Clients>>,
    terms: ArcSwap<Terms>,
}

/// The file of the authorities of operators, and what it held when it was last read.
struct Clients {
    file: PathBuf,
    last: Fingerprint,
}

/// What connections that begin now are held to.
struct Terms {
    config: Arc<ServerConfig>,
    /// Whether these still are the terms.
    believed: Arc<AtomicBool>,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}

impl Secured {
    /// Reads the certificate and the authorities.
    ///
    /// # Errors
    /// Where a file cannot be read or used.
    pub fn read(tls: &AdminTls, shared: &Shared) -> Result<Self, CertificateError> {
        let shown = Tls {
            certificates: vec![tls.certificate.clone()],
            http2: false,
            hsts: None,
        };
        let metrics = shared.telemetry.certificates().clone();
        let certificates = Certificates::read(NAME, &shown, shared.flow.now(), metrics)?;
        let certificates = Arc::new(certificates);
        let (clients, authorities) = match &tls.client_ca {
            None => (None, None),
            Some(file) => {
                let (last, authorities) = read_clients(file);
                let authorities = authorities.map_err(|why| CertificateError {
                    path: file.display().to_string(),
                    why,
                })?;
                let file = file.clone();
                (Some(Mutex::new(Clients { file, last })), Some(authorities))
            }
        };
        let terms = Terms::of(&certificates, authorities);
        Ok(Self {
            certificates,
            clients,
            terms: ArcSwap::from_pointee(terms),
        })
    }

    /// Looks at the files. What changed and is good holds for connections that begin from now on, and
    /// nobody counts as known any more who was vouched for by authorities of before; what is bad is
    /// told, once, and the old one is kept. Reads files: not for a runtime's thread.
    pub fn look(&self, now: Millis) {
        self.certificates.look(now);
        let Some(clients) = &self.clients else {
            return;
        };
        let mut clients = clients.lock();
        let (held, authorities) = read_clients(&clients.file);
        if held == clients.last {
            return;
        }
        clients.last = held;
        let file = clients.file.display().to_string();
        match authorities {
            Ok(authorities) => {
                let next = Terms::of(&self.certificates, Some(authorities));
                let before = self.terms.swap(Arc::new(next));
                before.believed.store(false, Ordering::Release);
                tracing::info!(
                    file,
                    "The authorities of operators were read anew; whoever they vouch for shows their certificate again."
                );
            }
            Err(error) => {
                tracing::error!(file, %error, "Changed authorities of operators cannot be used; the old ones are kept.");
            }
        }
    }
}

impl Terms {
    fn of(certificates: &Arc<Certificates>, authorities: Option<RootCertStore>) -> Self {
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3");
        let config = match authorities {
            None => config.with_no_client_auth(),
            Some(authorities) => {
                let authorities = Arc::new(authorities);
                // Health is for everybody, and the token may stand in a certificate's place.
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider)
                    .allow_unauthenticated()
                    .build()
                    .expect("there is an authority, and no list of revoked certificates");
                config.with_client_cert_verifier(verifier)
            }
        };
        let certificates: Arc<dyn ResolvesServerCert> = Arc::<Certificates>::clone(certificates);
        let mut config = config.with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed connection would be known by a certificate that nobody has verified since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self {
            config: Arc::new(config),
            believed: Arc::new(AtomicBool::new(true)),
        }
    }
}

fn read_clients(file: &Path) -> (Fingerprint, Result<RootCertStore, PairError>) {
    let content = std::fs::read(file);
    let held = match &content {
        Ok(bytes) => Sha256::digest(bytes),
        Err(error) => Sha256::digest(error.to_string()),
    };
    let authorities = content
        .map_err(PairError::Unreadable)
        .and_then(|pem| read_authorities(&pem));
    (held.into(), authorities)
}

/// Whoever is at the other end of a connection, by what they showed in its handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer(Option<Certified>);

impl Peer {
    /// The name of the operator, as long as what they showed holds.
    pub(super) fn operator(&self, now: Millis) -> Option<&Arc<str>> {
        self.0.as_ref().and_then(|shown| shown.name(now))
    }

    /// Whether something was shown that holds no longer, so that they have to come again.
    pub(super) fn is_stale(&self, now: Millis) -> bool {
        self.0.is_some() && self.operator(now).is_none()
    }
}

impl Connected<IncomingStream<'_, Handshakes>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Handshakes>) -> Self {
        stream.remote_addr().clone()
    }
}

/// The admin listener's socket, which gives out connections whose handshake is over.
pub(super) struct Handshakes {
    socket: TcpListener,
    secured: Arc<Secured>,
    shared: Arc<Shared>,
    under_way: JoinSet<Option<(TlsStream<TcpStream>, Peer)>>,
}

impl Handshakes {
    pub(super) fn at(socket: TcpListener, secured: Arc<Secured>, shared: Arc<Shared>) -> Self {
        Self {
            socket,
            secured,
            shared,
            under_way: JoinSet::new(),
        }
    }
}

impl Listener for Handshakes {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, from) = Listener::accept(&mut self.socket), if self.under_way.len() < MOST => {
                    let (terms, shared) = (self.secured.terms.load_full(), Arc::clone(&self.shared));
                    self.under_way.spawn(shake(stream, from, terms, shared));
                }
                Some(over) = self.under_way.join_next() => {
                    if let Ok(Some(come)) = over {
                        return come;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer::default())
    }
}

/// A handshake, and who was at the other end. Why a certificate is not accepted is told: its owner
/// sees little of it.
async fn shake(
    stream: TcpStream,
    from: SocketAddr,
    terms: Arc<Terms>,
    shared: Arc<Shared>,
) -> Option<(TlsStream<TcpStream>, Peer)> {
    let acceptor = TlsAcceptor::from(Arc::clone(&terms.config));
    let shaken = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await;
    match shaken.ok()? {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates();
            let shown = shown.and_then(|chain| chain.first());
            let peer = Peer(shown.and_then(|own| Certified::read(own, &terms.believed)));
            Some((stream, peer))
        }
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
            if let Some(rustls::Error::InvalidCertificate(cause)) = cause {
                let client = from.ip().to_canonical().to_string();
                shared.telemetry.operator_refused(reason(cause), &client);
            }
            None
        }
    }
}

/// Why a certificate is not accepted: a word of a closed set.
const fn reason(refused: &Refused) -> &'static str {
    match refused {
        Refused::Expired | Refused::ExpiredContext { .. } => "expired",
        Refused::NotValidYet | Refused::NotValidYetContext { .. } => "not_yet_valid",
        Refused::UnknownIssuer | Refused::BadSignature => "unknown_issuer",
        Refused::InvalidPurpose | Refused::InvalidPurposeContext { .. } => "wrong_purpose",
        _ => "invalid",
    }
}
