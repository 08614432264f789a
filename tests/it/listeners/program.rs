//! The program's own listeners: real ports, a real socket, real signals.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use http::Request;
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};

use crate::support::kept::exchange;
use crate::support::origin::Origin;
use crate::support::program::{Running, ask, free_ports, program, write};
use crate::support::shop::full;
use crate::support::street::{Http2, certificate, curious, handshake, shown, trusting};
use crate::support::tls::Authority;

/// How often and how soon it is asked whether a changed certificate is shown.
const ATTEMPTS: usize = 300;
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: usize = 5;
const PAGE: &[u8] =
    b"GET /p HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";

struct Program {
    running: Running,
    plain: u16,
    secure: u16,
}

/// The program with a redirect, TLS and a socket, before an origin.
async fn start(origin: &Origin, files: &Path) -> Program {
    for _ in 0..TRIES {
        let [plain, secure, admin] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let config = written(&folder, origin, files, [plain, secure, admin]);
        let running = Running::begin(program(&["run", "--config", &config]), folder);
        let mut program = Program {
            running,
            plain,
            secure,
        };
        if program.running.answers(plain, admin).await {
            return program;
        }
        let log = program.running.log();
        assert!(log.contains("cannot listen"), "the program ended:\n{log}");
    }
    panic!("no free ports");
}

fn written(folder: &TempDir, origin: &Origin, files: &Path, ports: [u16; 3]) -> String {
    let [plain, secure, admin] = ports;
    let listeners = format!(
        r#"
        [server]
        grace = "1s"
        trusted_proxies = ["unix"]
        [admin]
        address = "127.0.0.1:{admin}"
        [[listener]]
        name = "plain"
        address = "127.0.0.1:{plain}"
        redirect_https = {secure}
        [[listener]]
        name = "mesh"
        address = "unix:{socket}"
        mode = "0600"
        h2c = true
        [[listener]]
        name = "secure"
        address = "127.0.0.1:{secure}"
        [listener.tls]
        hsts = "365d"
        [[listener.tls.certificate]]
        file = "{files}/shop.example.pem"
        key = "{files}/shop.example.key"
        "#,
        socket = files.join("street.sock").display(),
        files = files.display(),
    );
    let text = full(origin);
    let (before, after) = text.split_once("[[listener]]").unwrap();
    let (_, after) = after.split_once("[store]").unwrap();
    let text = format!("{before}{listeners}[store]{after}");
    write(folder.path(), "run.toml", &text)
}

#[tokio::test]
async fn the_program_listens_redirects_renews_and_drains() {
    let files = tempfile::tempdir().unwrap();
    let files = files.path();
    let authority = Authority::new(files);
    authority.vouches_for("shop.example");
    let origin = Origin::start().await;
    let mut program = start(&origin, files).await;

    let wire = "GET /p?x=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let reply = ask(program.plain, wire).await.unwrap();
    let location = format!("https://shop.example:{}/p?x=1", program.secure);
    assert_eq!(
        (reply.status, reply.header("location")),
        (308, Some(&*location))
    );

    by_socket(files, &origin).await;

    let tcp = TcpStream::connect(("127.0.0.1", program.secure))
        .await
        .unwrap();
    let client = trusting(files, &["http/1.1"]);
    let mut open = handshake(tcp, client, "shop.example").await;
    let reply = exchange(&mut open, PAGE).await;
    assert_eq!(reply.all("strict-transport-security"), ["max-age=31536000"]);
    assert_eq!(origin.last().header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(origin.last().header("x-forwarded-proto"), Some("https"));

    let old = shown(&open);
    authority.vouches_for("shop.example");
    let new = certificate(files, "shop.example");
    assert_ne!(new, old);
    program.shows(&new).await;
    assert_eq!(exchange(&mut open, PAGE).await.status, 200);
    drop(open);

    program.drains(files, &origin).await;
}

impl Program {
    /// Waits until a certificate is shown.
    async fn shows(&self, certificate: &[u8]) {
        let mut attempts = tokio::time::interval(PAUSE);
        for _ in 0..ATTEMPTS {
            let tcp = TcpStream::connect(("127.0.0.1", self.secure))
                .await
                .unwrap();
            if shown(&handshake(tcp, curious(), "shop.example").await) == certificate {
                return;
            }
            attempts.tick().await;
        }
        panic!("the old one is still shown:\n{}", self.running.log());
    }

    /// Tells it to stop while a request is under way, which is answered all the same.
    async fn drains(&mut self, files: &Path, origin: &Origin) {
        let held = origin.holds("/slow");
        let tcp = TcpStream::connect(("127.0.0.1", self.secure))
            .await
            .unwrap();
        let wire = handshake(tcp, trusting(files, &["h2"]), "shop.example").await;
        let client = Http2::over(wire).await;
        let slow = Request::get("https://shop.example/slow").body(()).unwrap();
        let answered = async {
            let answer = client.ask(slow).await;
            // The process may be gone before the client's last frames come.
            drop(client.connection.await.unwrap());
            answer.status
        };
        let stopped = async {
            held.asked().await;
            let stopped = self.running.stop();
            held.answer();
            stopped.await
        };
        let (status, ended) = tokio::join!(answered, stopped);
        assert_eq!(status, 200);
        assert!(ended.success(), "{}", self.running.log());
    }
}

/// A socket of this machine takes HTTP/1.1 and HTTP/2, and believes what is said of the client.
async fn by_socket(files: &Path, origin: &Origin) {
    let socket = files.join("street.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut wire = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(exchange(&mut wire, PAGE).await.status, 200);
    assert_eq!(origin.last().header("x-forwarded-for"), Some("203.0.113.7"));
    let client = Http2::over(UnixStream::connect(&socket).await.unwrap()).await;
    let request = Request::get("http://shop.example/p").header("x-forwarded-proto", "https");
    let answer = client.ask(request.body(()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(origin.last().header("x-forwarded-proto"), Some("https"));
}
