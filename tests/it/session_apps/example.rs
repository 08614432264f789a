//! The example that people copy, `conf/examples/session-app/`, and its twin in the demo: both are
//! asked the same and say the same.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use vestibule::demo::perks;

use super::entry;
use crate::support::program::{ask, program, write};
use crate::support::{Shop, Shopper};

/// The example under Python; ended with this value.
pub(crate) struct Python {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Python {
    fn start() -> Self {
        Self::run(&folder().join("app.py"), "0")
    }

    pub(crate) fn start_with_tls() -> Self {
        let folder = folder();
        Self::run(&data("tls/service.py"), folder.to_str().unwrap())
    }

    fn run(script: &Path, argument: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(script)
            .arg(argument)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        let address = said.trim().rsplit_once("://").unwrap().1;
        Self {
            address: address.parse().unwrap(),
            child,
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples/session-app")
}

/// A call's body, the status of its answer, and level and message where it is one.
type Case = (String, u16, Option<[String; 2]>);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

async fn twin() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, perks()).await.unwrap() });
    address
}

async fn answer(of: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let wire = format!(
        "POST {path} HTTP/1.1\r\nHost: {of}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let reply = ask(of.port(), &wire).await.expect("an answer");
    (reply.status, reply.json())
}

#[tokio::test]
async fn the_example_and_its_twin_answer_the_same_to_the_same() {
    let cases: Vec<Case> =
        serde_json::from_str(&std::fs::read_to_string(data("perks.json")).unwrap()).unwrap();
    let python = Python::start();
    let path = "/_v/perks/session/transform";
    for service in [python.address, twin().await] {
        for (body, status, outputs) in &cases {
            let expected = outputs.as_ref().map(|[level, message]| {
                json!({"perks": {"level": {"value": level}, "message": {"value": message}}})
            });
            for path in [path, &format!("{path}/")] {
                let (said, answer) = answer(service, path, body).await;
                assert_eq!(said, *status, "{body}");
                match &expected {
                    Some(expected) => assert_eq!(answer, *expected, "{body}"),
                    None => assert!(answer["message"].is_string(), "{answer}"),
                }
            }
        }
        assert_eq!(
            answer(service, "/_v/other/session/transform", "{}").await.0,
            404
        );
    }
}

#[tokio::test]
async fn the_example_works_as_it_is() {
    let python = Python::start();
    let file = folder().join("configuration.json");
    let url = format!("http://{}", python.address);
    let app = entry("perks", &url, &format!("configuration = {file:?}\n"));
    let header = "[account.headers.map]\n\"x-session-perks-level\" = \"perks.level\"\n";
    let shop = Shop::with(&format!("{app}{header}")).await;
    let mut shopper = Shopper::new(&shop);
    let token = shop.token("ana@example.com");
    for (cookie, level) in [(None, "guest"), (Some(&token), "gold")] {
        if let Some(token) = cookie {
            shopper.keep("VtexIdclientAutCookie_demostore", token);
        }
        shopper.get("/").await;
        assert_eq!(
            shop.origin.last().header("x-session-perks-level"),
            Some(level)
        );
    }
}

#[test]
fn a_service_over_tls_is_called_where_an_authority_of_the_system_vouches_for_it() {
    let python = Python::start_with_tls();
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let folder = tempfile::tempdir().unwrap();
    let request = write(
        folder.path(),
        "r.http",
        "GET / HTTP/1.1\nHost: localhost\n\n",
    );
    let own = data("tls/certificate.pem");
    let other = data("tls/another-authority.pem");
    for (authorities, told) in [
        (
            own.to_str().unwrap(),
            "perks answers perks.level, perks.message",
        ),
        (
            other.to_str().unwrap(),
            "perks fails: not available: no connection: invalid peer certificate: UnknownIssuer",
        ),
    ] {
        let config = conf.join("examples/with-session-app.toml");
        let url = format!("https://localhost:{}", python.address.port());
        let said = program(&["explain", "--request", &request, "--config"])
            .arg(config)
            .env("VESTIBULE__ACCOUNT__shop__APP__perks__URL", url)
            .env("SSL_CERT_FILE", authorities)
            .output()
            .unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.contains(told), "{told} in {said}");
    }
}
