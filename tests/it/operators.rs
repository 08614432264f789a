//! The admin listener over TLS: whose certificate stands in the place of the token, whose does not, and
//! what the audit log says of who acted.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vestibule::admin::{Access, Beside, Desk, Secured, router_of, serve_to_the_end};
use vestibule::config::values::{AdminTls, CertificateFiles};

use crate::support::kept::exchange;
use crate::support::origin::Origin;
use crate::support::program::{Running, free_ports, program, write};
use crate::support::shop::full;
use crate::support::street::{handshake, trusting};
use crate::support::tls::Authority;
use crate::support::{Reply, Shop};

const TOKEN: &str = "the-token-of-operators";
const HOST: &str = "admin.example";
const OVERVIEW: &str = "GET /api/overview HTTP/1.1\r\nHost: admin.example\r\n";
const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: admin.example\r\n";
const HEALTH: &str = "GET /health/live HTTP/1.1\r\nHost: admin.example\r\n";
const BEARER: &str = "Authorization: Bearer the-token-of-operators\r\n";
/// Nobody is waited for so long, of which they would say nothing.
const STUCK: usize = 40;
const TRIES: usize = 5;

/// Certificates: of the listener, of operators, and of people whom nobody here vouches for.
struct Files {
    ours: TempDir,
    theirs: TempDir,
}

impl Files {
    fn made() -> Self {
        let [ours, theirs] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let authority = Authority::new(ours.path());
        authority.vouches_for(HOST);
        authority.vouches_for("ana");
        authority.vouched_for("former");
        Authority::new(theirs.path()).vouches_for("mallory");
        Self { ours, theirs }
    }

    fn folder(&self) -> &Path {
        self.ours.path()
    }

    fn settings(&self) -> AdminTls {
        let file = |name: &str| self.folder().join(name);
        AdminTls {
            certificate: CertificateFiles {
                chain: file("admin.example.pem"),
                key: file("admin.example.key"),
                hosts: Vec::new(),
            },
            client_ca: Some(file("ca.pem")),
        }
    }

    /// Somebody who believes our authority and shows nothing.
    fn nobody(&self) -> ClientConfig {
        trusting(self.folder(), &[])
    }

    /// The same with a certificate.
    fn shows(&self, name: &str) -> ClientConfig {
        let folder = if name == "mallory" {
            self.theirs.path()
        } else {
            self.folder()
        };
        client(self.folder(), (folder, name))
    }
}

/// A client that believes the authority of a folder and shows a certificate of a folder.
fn client(believed: &Path, (folder, name): (&Path, &str)) -> ClientConfig {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let chain = vec![CertificateDer::from_pem_file(file("pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(believed.join("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    config.with_client_auth_cert(chain, key).unwrap()
}

/// The answer to a request over a connection of its own, if the handshake is accepted at all.
async fn ask(port: u16, client: ClientConfig, lines: &str) -> io::Result<Reply> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    let host = ServerName::try_from(HOST).unwrap();
    let mut wire = TlsConnector::from(Arc::new(client))
        .connect(host, tcp)
        .await?;
    let request = format!("{lines}Connection: close\r\n\r\n");
    wire.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    wire.read_to_end(&mut answer).await?;
    Ok(Reply::parse(&answer))
}

/// The admin listener of a shop, on a port that the system chose.
struct Listening {
    port: u16,
    secured: Arc<Secured>,
    shop: Arc<Shop>,
    _ends: watch::Sender<bool>,
}

impl Listening {
    async fn begin(files: &Files, access: Access) -> Self {
        let shop = Shop::start().await;
        let secured = Secured::read(&files.settings(), &shop.shared);
        let secured = Arc::new(secured.unwrap_or_else(|error| panic!("{error}")));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let (ends, ended) = watch::channel(false);
        let desk = Desk::with(Arc::clone(&shop.shared), access, Beside::default());
        tokio::spawn(serve_to_the_end(
            (socket, Some(Arc::clone(&secured))),
            router_of(desk),
            Arc::clone(&shop.shared),
            (ended, || true),
        ));
        Self {
            port,
            secured,
            shop,
            _ends: ends,
        }
    }

    fn look(&self) {
        self.secured.look(self.shop.shared.flow.now());
    }

    async fn status(&self, client: ClientConfig, lines: &str) -> u16 {
        let reply = ask(self.port, client, lines).await;
        reply.unwrap_or_else(|error| panic!("{error}")).status
    }

    /// A connection that stays open.
    async fn open(&self, client: ClientConfig) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        handshake(tcp, client, HOST).await
    }

    /// Why is told to whoever runs the listener; here the alert may be lost with the connection.
    async fn refuses(&self, client: ClientConfig) {
        let answer = ask(self.port, client, HEALTH).await;
        assert!(answer.is_err(), "{answer:?}");
    }
}

/// Whoever came by a certificate that counts no longer is to show another in a new handshake.
async fn is_sent_away(open: &mut TlsStream<TcpStream>) {
    let reply = exchange(open, format!("{OVERVIEW}\r\n").as_bytes()).await;
    assert_eq!(
        (reply.status, reply.header("connection")),
        (401, Some("close"))
    );
}

#[tokio::test]
async fn a_certificate_of_ours_or_the_token_is_needed_and_either_will_do() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Token(TOKEN.into())).await;
    let by_token = format!("{OVERVIEW}{BEARER}");
    for (client, lines, status) in [
        (files.shows("ana"), OVERVIEW, 200),
        (files.shows("ana"), METRICS, 200),
        (files.nobody(), by_token.as_str(), 200),
        (files.shows("ana"), &by_token, 200),
        (files.nobody(), OVERVIEW, 401),
        (files.nobody(), METRICS, 401),
        (files.nobody(), HEALTH, 200),
    ] {
        assert_eq!(listening.status(client, lines).await, status, "{lines}");
    }
}

#[tokio::test]
async fn without_a_token_certificates_alone_count() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Certificate).await;
    let local = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n";
    for (client, lines, status) in [
        (files.shows("ana"), OVERVIEW, 200),
        (files.nobody(), local, 401),
        (files.nobody(), &format!("{OVERVIEW}{BEARER}"), 401),
        (files.nobody(), HEALTH, 200),
    ] {
        assert_eq!(listening.status(client, lines).await, status, "{lines}");
    }
}

#[tokio::test]
async fn a_strangers_or_an_ended_certificate_is_no_way_in_not_even_beside_the_token() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Token(TOKEN.into())).await;
    for name in ["mallory", "former"] {
        listening.refuses(files.shows(name)).await;
    }
    assert_eq!(listening.status(files.shows("ana"), OVERVIEW).await, 200);
}

#[tokio::test]
async fn whoever_never_ends_a_handshake_keeps_nobody_waiting() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Certificate).await;
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        let mut tcp = TcpStream::connect(("127.0.0.1", listening.port))
            .await
            .unwrap();
        // The head of a ClientHello that never comes.
        tcp.write_all(&[22, 3, 1, 0, 200, 1]).await.unwrap();
        stuck.push(tcp);
    }
    assert_eq!(listening.status(files.shows("ana"), OVERVIEW).await, 200);
    assert_eq!(stuck.len(), STUCK);
}

#[tokio::test]
async fn a_certificate_counts_on_an_open_connection_until_it_ends() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Certificate).await;
    let mut open = listening.open(files.shows("ana")).await;
    let request = format!("{OVERVIEW}\r\n");
    assert_eq!(exchange(&mut open, request.as_bytes()).await.status, 200);
    listening
        .shop
        .clock
        .advance(Duration::from_hours(24 * 365 * 40));
    is_sent_away(&mut open).await;
}

#[tokio::test]
async fn other_authorities_count_from_the_look_on_and_bad_ones_never() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Certificate).await;
    let mut open = listening.open(files.shows("ana")).await;
    let request = format!("{OVERVIEW}\r\n");
    assert_eq!(exchange(&mut open, request.as_bytes()).await.status, 200);

    let (ana, mallory, nobody) = (files.shows("ana"), files.shows("mallory"), files.nobody());
    let authorities = files.folder().join("ca.pem");
    std::fs::write(&authorities, "nonsense").unwrap();
    listening.look();
    assert_eq!(listening.status(ana.clone(), OVERVIEW).await, 200);
    assert_eq!(exchange(&mut open, request.as_bytes()).await.status, 200);

    std::fs::copy(files.theirs.path().join("ca.pem"), &authorities).unwrap();
    listening.look();
    assert_eq!(listening.status(mallory, OVERVIEW).await, 200);
    listening.refuses(ana).await;
    assert_eq!(listening.status(nobody, HEALTH).await, 200);
    is_sent_away(&mut open).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_nothing_is_resumed() {
    let files = Files::made();
    let listening = Listening::begin(&files, Access::Certificate).await;
    let client = files.shows("ana");
    for _ in 0..2 {
        let mut wire = listening.open(client.clone()).await;
        let request = format!("{OVERVIEW}\r\n");
        assert_eq!(exchange(&mut wire, request.as_bytes()).await.status, 200);
        let kind = wire.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    }
    let old = std::fs::read(files.folder().join("admin.example.pem")).unwrap();
    Authority::again(files.folder()).vouches_for(HOST);
    listening.look();
    let wire = listening.open(client).await;
    let shown = crate::support::street::shown(&wire);
    let new = crate::support::street::certificate(files.folder(), HOST);
    assert_eq!(shown, new);
    assert_ne!(
        old,
        std::fs::read(files.folder().join("admin.example.pem")).unwrap()
    );
}

/// The program with an admin listener that wants a certificate or the token.
async fn start(origin: &Origin, files: &Files) -> (Running, u16) {
    for _ in 0..TRIES {
        let [port, admin, _] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "token", TOKEN);
        let listeners = format!(
            r#"
            [admin]
            address = "127.0.0.1:{admin}"
            token_file = "token"
            [admin.tls]
            certificate = "{files}/admin.example.pem"
            key = "{files}/admin.example.key"
            client_ca_file = "{files}/ca.pem"
            [[listener]]
            name = "street"
            address = "127.0.0.1:{port}"
            "#,
            files = files.folder().display(),
        );
        let text = full(origin);
        let (before, after) = text.split_once("[[listener]]").unwrap();
        let (_, after) = after.split_once("[store]").unwrap();
        let text = format!("{before}{listeners}[store]{after}");
        let config = write(folder.path(), "run.toml", &text);
        let mut running = Running::begin(program(&["run", "--config", &config]), folder);
        if running
            .answers_to(async || ask(admin, files.nobody(), HEALTH).await.is_ok())
            .await
        {
            return (running, admin);
        }
        let log = running.log();
        assert!(log.contains("cannot listen"), "the program ended:\n{log}");
    }
    panic!("no free ports");
}

#[tokio::test]
async fn the_audit_log_names_who_acted_and_whose_certificate_was_refused() {
    let files = Files::made();
    let authority = Authority::again(files.folder());
    authority.vouches_for("bea@shop.example");
    let origin = Origin::start().await;
    let (mut running, admin) = start(&origin, &files).await;
    let export = "GET /accounts/demostore/principals/7/export HTTP/1.1\r\nHost: admin.example\r\n";
    for (client, lines) in [
        (files.shows("ana"), export.to_owned()),
        (files.shows("bea@shop.example"), export.to_owned()),
        (files.nobody(), format!("{export}{BEARER}")),
    ] {
        assert_eq!(ask(admin, client, &lines).await.unwrap().status, 200);
    }
    for name in ["mallory", "former"] {
        assert!(ask(admin, files.shows(name), HEALTH).await.is_err());
    }
    let address = format!("127.0.0.1:{admin}");
    let health = crate::support::program::run(&["health", "--tls", "--address", &address]);
    assert_eq!((health.code, health.out.as_str()), (0, "live\n"));
    assert!(running.stop().await.success());

    let log = running.log();
    assert!(!log.contains("bea@"), "{log}");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let said = |event: &str, field: &str| -> Vec<String> {
        let of_event = lines.iter().filter(|line| line["event"] == event);
        of_event
            .map(|line| line[field].as_str().unwrap().to_owned())
            .collect()
    };
    let [ana, bea, token] = said("exported", "operator").try_into().unwrap();
    assert_eq!((ana.as_str(), token.as_str()), ("cn:ana", "token"));
    let digits = bea.strip_prefix("sha256:").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(
        said("operator_refused", "reason"),
        ["unknown_issuer", "expired"]
    );
}
