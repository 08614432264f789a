//! Encrypted connections, certificates on both sides, and a user that may do what is documented and
//! no more.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use vestibule::domain::token::TokenHash;
use vestibule::ports::{SessionStore, StoreError};
use vestibule::store::valkey::{Settings, Tls};

use super::{KEEP, anonymous, eventually, live, next, warm};
use crate::support::clock::T0;
use crate::support::valkey::{Instance, Server, usual};

const PASSWORD: &str = "correct-horse-battery";

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// An authority, and a certificate of it for the server and one for the client.
fn certificates(folder: &Path) {
    let names = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("names"), names).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        folder,
        &format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"),
    );
    for name in ["server", "client"] {
        openssl(
            folder,
            &format!("req {key} -subj /CN={name} -keyout {name}.key -out {name}.csr"),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
            ),
        );
    }
}

/// The user as the documentation tells to make it, with a password.
fn documented_user() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = std::fs::read_to_string(file).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("user vestibule on"));
    line.unwrap().replace("PASSWORD", PASSWORD)
}

/// Makes the documented user on a server that runs; settings that use it.
pub(super) fn as_documented_user(servers: &[&Server], settings: Settings) -> Settings {
    let user = documented_user();
    let rights: Vec<&str> = user.split(' ').skip(2).collect();
    for server in servers {
        server.ask(&[&["ACL", "SETUSER", "vestibule"], rights.as_slice()].concat());
    }
    Settings {
        username: Some("vestibule".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..settings
    }
}

fn server(folder: &Arc<TempDir>) -> Server {
    certificates(folder.path());
    let users = format!("user default off\n{}\n", documented_user());
    std::fs::write(folder.path().join("users.acl"), users).unwrap();
    Server::of(folder, |[port, ..], path| {
        let file = |name: &str| path.join(name).to_str().unwrap().to_owned();
        let mut arguments = usual(path);
        let own = [
            ("--port", "0".to_owned()),
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file("server.pem")),
            ("--tls-key-file", file("server.key")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-auth-clients", "yes".to_owned()),
            ("--aclfile", file("users.acl")),
        ];
        for (name, value) in own {
            arguments.extend([name.to_owned(), value]);
        }
        arguments
    })
}

fn settings(server: &Server, folder: &Path) -> Settings {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    Settings {
        tls: Some(Tls {
            authorities: Some(read("ca.pem")),
            client: Some((read("client.pem"), read("client.key"))),
        }),
        username: Some("vestibule".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..server.settings()
    }
}

#[tokio::test]
async fn the_documented_user_may_do_all_that_is_needed_over_tls_with_a_certificate() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let server = server(&folder);
    let settings = settings(&server, folder.path());
    let one = Instance::hearing(settings.clone()).await;
    let other = Instance::hearing(settings).await;
    // Twice: the second time scripts are run by name.
    for bits in 1..=2 {
        warm(&one.store, bits).await;
    }
    let resident = one.store.create(anonymous(5), KEEP).await.unwrap();
    live(&other.store, 5).await;
    let later = T0.plus(Duration::from_mins(1));
    one.store.touch(&resident, later, Duration::ZERO);
    eventually("the activity is noted", async || {
        let read = other.store.load_anew(anonymous(5).id).await;
        matches!(read, Ok(Some(vestibule::store::Found::Live(it))) if it.last_seen() == later)
    })
    .await;
    one.store.save(next(&anonymous(5)), 1, KEEP).await.unwrap();
    eventually("the change is told", async || {
        live(&other.store, 5).await.session().version == 2
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_authority_are_refused_and_secrets_are_not_told() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let server = server(&folder);
    let good = settings(&server, folder.path());
    let told = format!("{good:?}");
    assert!(
        !told.contains(PASSWORD) && !told.contains("PRIVATE"),
        "{told}"
    );
    let wrong = Settings {
        password: Some("wrong-horse".to_owned()),
        ..good.clone()
    };
    let stranger = tempfile::tempdir().unwrap();
    certificates(stranger.path());
    let unknown = Settings {
        tls: Some(Tls {
            authorities: Some(std::fs::read(stranger.path().join("ca.pem")).unwrap()),
            client: good.tls.clone().unwrap().client,
        }),
        ..good.clone()
    };
    let nobody = Settings {
        tls: Some(Tls {
            client: None,
            ..good.tls.clone().unwrap()
        }),
        ..good
    };
    for settings in [wrong, unknown, nobody] {
        let instance = Instance::new(settings);
        let refused = instance.store.login(TokenHash::from_u128(1)).await;
        let Err(StoreError::Unavailable(why)) = refused else {
            panic!("{refused:?}")
        };
        assert!(!why.contains("horse"), "{why}");
    }
}
