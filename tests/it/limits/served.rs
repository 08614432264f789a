//! The program's own listeners when too many come: real ports, with TLS and without.

use std::path::Path;
use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::origin::Origin;
use crate::support::program::{Running, ask, free_ports, program, write};
use crate::support::shop::full;
use crate::support::street::{handshake, trusting};
use crate::support::tls::Authority;

const TRIES: usize = 5;

/// The program before an origin, with these listeners and limits; `PLAIN`, `SECURE` and `ADMIN` in
/// them are its ports.
pub(crate) async fn start(origin: &Origin, listeners: &str) -> (Running, [u16; 3]) {
    let way = How {
        listeners,
        ..How::default()
    };
    way.start(origin).await
}

/// How the program is begun.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How<'a> {
    /// Listeners and limits, as above.
    pub listeners: &'a str,
    /// More of the account.
    pub account: &'a str,
    /// A script in whose place it comes: `exec "$0" "$@"`.
    pub script: Option<&'a str>,
}

impl How<'_> {
    pub(crate) async fn start(self, origin: &Origin) -> (Running, [u16; 3]) {
        let How {
            listeners,
            account,
            script,
        } = self;
        for _ in 0..TRIES {
            let ports = free_ports();
            let folder = tempfile::tempdir().unwrap();
            let mut text = full(origin);
            let (_, after) = text.split_once("[store]").unwrap();
            text = format!(
                "[admin]\naddress = \"127.0.0.1:ADMIN\"\n{listeners}\n[store]{after}\n{account}"
            );
            for (name, port) in ["PLAIN", "SECURE", "ADMIN"].iter().zip(ports) {
                text = text.replace(name, &port.to_string());
            }
            let config = write(folder.path(), "run.toml", &text);
            let mut command = program(&["run", "--config", &config]);
            if let Some(script) = script {
                let mut within = Command::new("bash");
                within.args(["-c", script]).arg(command.get_program());
                within.args(command.get_args()).env_clear();
                command = within;
            }
            let mut running = Running::begin(command, folder);
            if running.answers(ports[0], ports[2]).await {
                return (running, ports);
            }
            let log = running.log();
            assert!(log.contains("cannot listen"), "the program ended:\n{log}");
        }
        panic!("no free ports");
    }
}

pub(crate) async fn metric(admin: u16, name: &str) -> Option<u64> {
    let wire = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let reply = ask(admin, wire).await.unwrap();
    let start = format!("{name} ");
    let mut lines = reply.body.lines();
    lines.find_map(|line| line.strip_prefix(&start)?.parse().ok())
}

/// Waits until a metric has this value.
pub(crate) async fn becomes(admin: u16, name: &str, value: u64) {
    for _ in 0..600 {
        if metric(admin, name).await == Some(value) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{name} is {:?}, not {value}", metric(admin, name).await);
}

pub(crate) const OPEN: &str = "vestibule_load{what=\"connections\"}";

#[tokio::test]
async fn a_full_house_closes_the_door_at_once_with_tls_before_any_handshake() {
    let files = tempfile::tempdir().unwrap();
    let files: &Path = files.path();
    Authority::new(files).vouches_for("shop.example");
    let origin = Origin::start().await;
    let listeners = format!(
        r#"
        [limits]
        connections = 3
        [server]
        grace = "1s"
        [[listener]]
        name = "plain"
        address = "127.0.0.1:PLAIN"
        [[listener]]
        name = "secure"
        address = "127.0.0.1:SECURE"
        [listener.tls]
        [[listener.tls.certificate]]
        file = "{files}/shop.example.pem"
        key = "{files}/shop.example.key"
        "#,
        files = files.display(),
    );
    let (mut running, [plain, secure, admin]) = start(&origin, &listeners).await;
    becomes(admin, OPEN, 0).await;

    // One that is served, one that never ends its handshake, and one without TLS.
    let tcp = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
    let served = handshake(tcp, trusting(files, &["http/1.1"]), "shop.example").await;
    let silent = TcpStream::connect(("127.0.0.1", secure)).await.unwrap();
    let mut third = TcpStream::connect(("127.0.0.1", plain)).await.unwrap();
    becomes(admin, OPEN, 3).await;

    for port in [plain, secure] {
        let mut refused = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut heard = Vec::new();
        // Closed or reset, as the system has it.
        drop(refused.read_to_end(&mut heard).await);
        assert!(heard.is_empty(), "{heard:?}");
    }
    let refused = "vestibule_shed_total{cause=\"connections\"}";
    assert_eq!(metric(admin, refused).await, Some(2));
    let page = b"GET /p HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    third.write_all(page).await.unwrap();
    let mut heard = String::new();
    third.read_to_string(&mut heard).await.unwrap();
    assert!(
        heard.starts_with("HTTP/1.1 200 "),
        "who is inside stays: {heard}"
    );

    drop((served, silent));
    becomes(admin, OPEN, 0).await;
    let again = ask(plain, "GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n").await;
    assert_eq!(again.unwrap().status, 200, "there is room again");
    let lines = running.log().matches("turned away").count();
    assert_eq!(lines, 1, "{}", running.log());
    assert!(running.stop().await.success());
}

#[tokio::test]
async fn before_http2_without_tls_the_first_bytes_are_not_waited_for_without_end() {
    let origin = Origin::start().await;
    let listeners = r#"
        [limits]
        idle_timeout = "1s"
        [server]
        grace = "1s"
        [[listener]]
        name = "plain"
        address = "127.0.0.1:PLAIN"
        [[listener]]
        name = "mesh"
        address = "127.0.0.1:SECURE"
        h2c = true
        "#;
    let (mut running, [_, mesh, _]) = start(&origin, listeners).await;
    let mut old = TcpStream::connect(("127.0.0.1", mesh)).await.unwrap();
    // Shorter than the preface that it may be.
    old.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    old.read_to_end(&mut heard).await.unwrap();
    assert!(heard.is_empty(), "{heard:?}");
    let page = "GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    assert_eq!(ask(mesh, page).await.unwrap().status, 200);
    assert!(running.stop().await.success());
}
