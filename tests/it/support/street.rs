//! A listener before a shop, over in-memory connections: its own TLS, then the proxy. And clients
//! that speak TLS and HTTP/2.

use std::path::Path;
use std::sync::Arc;

use h2::client::SendRequest;
use http::{HeaderMap, Request};
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::server::configuration::ServerConf;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vestibule::config::values::{CertificateFiles, ListenPlace, Listener, Tls};
use vestibule::edge::Entrance;
use vestibule::edge::door::{Door, Way};
use vestibule::edge::tls::Certificates;

use super::Shop;

/// A listener's way in.
pub(crate) struct Street {
    door: Arc<Door>,
    acceptor: Option<Arc<Acceptor>>,
    certificates: Option<Arc<Certificates>>,
    stop: watch::Sender<bool>,
    /// How many connections there are.
    open: watch::Sender<usize>,
}

impl std::fmt::Debug for Street {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Street")
    }
}

/// A listener that speaks plain HTTP.
pub(crate) fn plain() -> Listener {
    Listener {
        name: "street".to_owned(),
        address: ListenPlace::Tcp(([127, 0, 0, 1], 1).into()),
        insecure_cookies: false,
        h2c: false,
        redirect_https: None,
        connections: None,
        tls: None,
    }
}

/// A listener that shows the certificates of these names in a folder.
pub(crate) fn secure(folder: &Path, names: &[&str]) -> Listener {
    let certificates = names.iter().map(|name| CertificateFiles {
        chain: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
        hosts: Vec::new(),
    });
    let tls = Tls {
        certificates: certificates.collect(),
        http2: true,
        hsts: None,
    };
    Listener {
        tls: Some(tls),
        ..plain()
    }
}

impl Street {
    pub(crate) fn before(shop: &Shop, listener: &Listener) -> Self {
        let shared = Arc::clone(&shop.shared);
        let metrics = shared.telemetry.certificates().clone();
        let (now, name) = (shared.flow.now(), &listener.name);
        let certificates = listener.tls.as_ref().map(|tls| {
            let read = Certificates::read(name, tls, now, metrics);
            Arc::new(read.unwrap_or_else(|error| panic!("{error}")))
        });
        let http2 = listener.tls.as_ref().is_some_and(|tls| tls.http2);
        let acceptor = certificates.clone().map(|certificates| {
            let settings = certificates.settings(http2).unwrap();
            Arc::new(settings.build())
        });
        let way = Way {
            entrance: Entrance::of(listener),
            h2c: listener.h2c,
            connections: listener.connections,
        };
        let door = Door::new(
            &Arc::new(ServerConf::default()),
            &shared,
            way,
            Arc::default(),
        );
        Self {
            door: Arc::new(door),
            acceptor,
            certificates,
            stop: watch::channel(false).0,
            open: watch::channel(0).0,
        }
    }

    /// A connection as it is before anything is said.
    pub(crate) fn connect(&self) -> DuplexStream {
        self.connect_through(1 << 20)
    }

    /// The same, on which so many bytes may be under way.
    pub(crate) fn connect_through(&self, room: usize) -> DuplexStream {
        let (client, server) = tokio::io::duplex(room);
        let (door, stop) = (Arc::clone(&self.door), self.stop.subscribe());
        let acceptor = self.acceptor.clone();
        let open = self.open.clone();
        open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            match acceptor {
                None => drop(door.process_new(Box::new(server), &stop).await),
                Some(acceptor) => {
                    // A client that does not like the certificate goes away.
                    if let Ok(secured) = acceptor.tls_handshake(server).await {
                        drop(door.process_new(Box::new(secured), &stop).await);
                    }
                }
            }
            open.send_modify(|open| *open -= 1);
        });
        client
    }

    /// Waits until no connection is served any more but so many.
    pub(crate) async fn down_to(&self, count: usize) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open <= count).await.unwrap();
    }

    /// Waits until no connection is served any more.
    pub(crate) async fn idle(&self) {
        self.down_to(0).await;
    }

    /// A connection with TLS, for a host.
    pub(crate) async fn secured(
        &self,
        client: ClientConfig,
        host: &str,
    ) -> TlsStream<DuplexStream> {
        handshake(self.connect(), client, host).await
    }

    /// A connection with TLS and HTTP/2.
    pub(crate) async fn http2(&self, folder: &Path) -> Http2 {
        let wire = self
            .secured(trusting(folder, &["h2"]), "shop.example")
            .await;
        assert_eq!(wire.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Http2::over(wire).await
    }

    /// Has the certificates' files looked at.
    pub(crate) fn look(&self, shop: &Shop) {
        let certificates = self.certificates.as_ref().unwrap();
        certificates.look(shop.shared.flow.now());
    }

    /// The process was told to stop.
    pub(crate) fn drain(&self) {
        self.stop.send(true).unwrap();
    }
}

/// Speaks TLS over a connection.
pub(crate) async fn handshake<W: AsyncRead + AsyncWrite + Unpin>(
    wire: W,
    client: ClientConfig,
    host: &str,
) -> TlsStream<W> {
    let host = ServerName::try_from(host.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    connector.connect(host, wire).await.unwrap()
}

/// A client that believes the authority of a folder.
pub(crate) fn trusting(folder: &Path, protocols: &[&str]) -> ClientConfig {
    let mut config = of_versions(folder, rustls::DEFAULT_VERSIONS);
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = names.collect();
    config
}

/// The same, speaking these versions of TLS alone.
pub(crate) fn of_versions(
    folder: &Path,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions).unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

/// A client that takes whatever is shown, to see what it is.
pub(crate) fn curious() -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let verifier = Arc::new(TakesAll);
    let config = config
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    config.with_no_client_auth()
}

/// The certificate that was shown, as it lies in a file.
pub(crate) fn shown<W>(wire: &TlsStream<W>) -> Vec<u8> {
    wire.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// The certificate of a name in a folder.
pub(crate) fn certificate(folder: &Path, name: &str) -> Vec<u8> {
    let file = folder.join(format!("{name}.pem"));
    CertificateDer::from_pem_file(file).unwrap().to_vec()
}

#[derive(Debug)]
struct TakesAll;

impl ServerCertVerifier for TakesAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// A client of HTTP/2.
#[derive(Debug)]
pub(crate) struct Http2 {
    pub requests: SendRequest<bytes::Bytes>,
    pub connection: JoinHandle<Result<(), h2::Error>>,
}

/// An answer over HTTP/2.
#[derive(Debug)]
pub(crate) struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Http2 {
    pub(crate) async fn over<W>(wire: W) -> Self
    where
        W: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = h2::client::handshake(wire).await.unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    /// Asks without a body.
    pub(crate) async fn ask(&self, request: Request<()>) -> Answered {
        self.send(request, None).await
    }

    /// Asks with a body, and what comes after it.
    pub(crate) async fn send(
        &self,
        request: Request<()>,
        body: Option<(&'static [u8], HeaderMap)>,
    ) -> Answered {
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (answer, mut upload) = requests.send_request(request, body.is_none()).unwrap();
        if let Some((content, trailers)) = body {
            upload.send_data(content.into(), false).unwrap();
            upload.send_trailers(trailers).unwrap();
        }
        let (head, mut content) = answer.await.unwrap().into_parts();
        let mut body = Vec::new();
        while let Some(chunk) = content.data().await {
            let chunk = chunk.unwrap();
            content
                .flow_control()
                .release_capacity(chunk.len())
                .unwrap();
            body.extend_from_slice(&chunk);
        }
        Answered {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }
}
