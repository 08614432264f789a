//! How the servers of an upstream are reached: plain or encrypted, by HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use crate::config::NamedFileError;
use crate::config::values::{self, UpstreamProtocol, UpstreamTls};

/// Requests that share one connection of HTTP/2. Servers usually allow 100 or more.
const STREAMS: usize = 100;

/// A way to servers, with everything read that it needs.
pub struct Transport {
    tls: Option<Tls>,
    http2: bool,
    /// Connections are shared by those who connect in the very same way. pingora's own key leaves
    /// out authorities and protocol, so that without this an upstream could be given a connection
    /// whose server another one trusts.
    group: u64,
}

struct Tls {
    /// None: the system's.
    authorities: Option<Arc<CaType>>,
    server_name: Option<String>,
    verify: bool,
    client: Option<Arc<CertKey>>,
}

impl Transport {
    /// Reads what the settings name.
    pub fn read(settings: &values::Upstream) -> Result<Self, NamedFileError> {
        let mut hash = Sha256::new();
        let http2 = settings.protocol == UpstreamProtocol::Http2;
        hash.update([u8::from(http2), u8::from(settings.tls.is_some())]);
        let tls = match &settings.tls {
            Some(tls) => Some(Tls::read(tls, &mut hash)?),
            None => None,
        };
        let digest: [u8; 32] = hash.finalize().into();
        let group = digest.first_chunk().copied().map(u64::from_le_bytes);
        Ok(Self {
            tls,
            http2,
            group: group.unwrap_or_default(),
        })
    }

    /// A peer at an address with every timeout set; `host` is how the address is written.
    pub(super) fn peer(
        &self,
        address: SocketAddr,
        host: &str,
        timeouts: &values::UpstreamTimeouts,
    ) -> HttpPeer {
        let name = self.tls.as_ref().map(|tls| {
            let own = tls.server_name.clone();
            own.unwrap_or_else(|| host.to_owned())
        });
        // An address, never a name: pingora resolves names on the spot and panics on failure. And
        // never TLS without a name: pingora verifies nothing then.
        let mut peer = HttpPeer::new(address, name.is_some(), name.unwrap_or_default());
        peer.group_key = self.group;
        let options = &mut peer.options;
        options.connection_timeout = Some(timeouts.connect);
        options.total_connection_timeout = Some(timeouts.connect);
        options.read_timeout = Some(timeouts.read);
        options.write_timeout = Some(timeouts.write);
        options.idle_timeout = Some(timeouts.idle);
        if self.http2 {
            options.set_http_version(2, 2);
            options.max_h2_streams = STREAMS;
        }
        if let Some(tls) = &self.tls {
            options.verify_cert = tls.verify;
            options.verify_hostname = tls.verify;
            options.ca.clone_from(&tls.authorities);
            peer.client_cert_key.clone_from(&tls.client);
        }
        peer
    }
}

impl Tls {
    fn read(settings: &UpstreamTls, hash: &mut Sha256) -> Result<Self, NamedFileError> {
        let UpstreamTls {
            ca_file,
            server_name,
            verify,
            client,
        } = settings;
        let mut read = |path: &Path| {
            let content = std::fs::read(path).map_err(|error| NamedFileError::io(path, error))?;
            hash.update(Sha256::digest(&content));
            Ok(content)
        };
        let authorities = match ca_file {
            Some(path) => Some(authorities(path, &read(path)?)?),
            None => None,
        };
        let client = match client {
            Some((certificate, key)) => {
                let (chain, secret) = (read(certificate)?, read(key)?);
                Some(Arc::new(shown((certificate, &chain), (key, &secret))?))
            }
            None => None,
        };
        // Which of the files are there; their hashes alone would not tell one from another.
        hash.update([
            u8::from(authorities.is_some()),
            u8::from(client.is_some()),
            u8::from(*verify),
        ]);
        Ok(Self {
            authorities,
            server_name: server_name.clone(),
            verify: *verify,
            client,
        })
    }
}

fn certificates(
    path: &Path,
    content: &[u8],
) -> Result<Vec<CertificateDer<'static>>, NamedFileError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let all = all.map_err(|error| NamedFileError::content(path, &error))?;
    if all.is_empty() {
        return Err(NamedFileError::content(
            path,
            &"it holds no certificate in PEM",
        ));
    }
    Ok(all)
}

/// pingora panics where it is given a certificate that is none; each is parsed here first.
fn authorities(path: &Path, content: &[u8]) -> Result<Arc<CaType>, NamedFileError> {
    let mut known = RootCertStore::empty();
    let mut all = Vec::new();
    for certificate in certificates(path, content)? {
        let raw = certificate.to_vec();
        let added = known.add(certificate);
        added.map_err(|error| NamedFileError::content(path, &error))?;
        all.push(WrappedX509::new(raw, parse_x509));
    }
    Ok(all.into())
}

fn shown(
    (chain_path, chain): (&Path, &[u8]),
    (key_path, key): (&Path, &[u8]),
) -> Result<CertKey, NamedFileError> {
    let chain = certificates(chain_path, chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| NamedFileError::content(key_path, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NamedFileError::content(chain_path, &error))?
        .with_root_certificates(RootCertStore::empty());
    let tried = config.with_client_auth_cert(chain.clone(), key.clone_key());
    tried.map_err(|error| NamedFileError::content(chain_path, &error))?;
    let chain = chain.iter().map(|one| one.to_vec()).collect();
    Ok(CertKey::new(chain, key.secret_der().to_vec()))
}

/// Never keys.
impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("tls", &self.tls.is_some())
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}
