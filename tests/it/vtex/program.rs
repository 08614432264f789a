//! The built program in front of the platform: `check --online` and `explain` on the shipped
//! example.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use vestibule::clock::SystemClock;
use vestibule::domain::vtexid::{Audience, Login, LoginKey, mint};
use vestibule::ports::{Clock, Entropy};

use super::{ANA, Elsewhere, STAFF};
use crate::session_apps::example::Python;
use crate::support::clock::CountedEntropy;
use crate::support::program::{Said, program};
use crate::support::vtex::{APP_KEY, APP_TOKEN, CAMPAIGNS, Fault, Platform};

pub(super) const AGENT: (&str, &str) = (
    "33333333-3333-4333-8333-333333333333",
    "agent@demostore.example",
);

/// The shipped example in a folder of its own, pointed at a platform of the test's by variables.
pub(super) struct Example {
    pub(super) folder: TempDir,
    pub(super) platform: Platform,
}

impl Example {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples/vtex-store.toml");
        let text = std::fs::read_to_string(shipped).unwrap();
        // The platform of the tests knows one account.
        let text = text.replace("name = \"shop\"", "name = \"demostore\"");
        std::fs::write(folder.path().join("vtex-store.toml"), text).unwrap();
        std::fs::create_dir(folder.path().join("secrets")).unwrap();
        std::fs::write(folder.path().join("secrets/app-key"), APP_KEY).unwrap();
        std::fs::write(folder.path().join("secrets/app-token"), APP_TOKEN).unwrap();
        Self {
            folder,
            platform: Platform::start().await,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vtex-store.toml")
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.arg("--config").arg(self.file());
        for key in ["DIRECTORY__VTEX__ADDRESS", "AUTHENTICATION__VALIDATE_URL"] {
            let name = format!("VESTIBULE__ACCOUNT__DEMOSTORE__{key}");
            command.env(name, self.platform.url());
        }
        command
    }

    /// A login of Ana's, as of now, that the login's service confirms.
    pub(super) fn login(&self) -> String {
        self.login_of(ANA, Audience::Webstore)
    }

    pub(super) fn login_of(&self, who: (&str, &str), audience: Audience) -> String {
        let token = minted(&Elsewhere::new().0, who, audience);
        let named = match audience {
            Audience::Webstore => "webstore",
            Audience::Admin => "admin",
        };
        self.platform.confirms(&token, who.0, who.1, named);
        token
    }

    /// What `explain` says of a request.
    async fn explains(&self, request: &str) -> Said {
        let file = self.folder.path().join("visit.http");
        std::fs::write(&file, request).unwrap();
        let mut command = self.command(&["explain"]);
        command.arg("--request").arg(&file);
        let said = self.run(command).await;
        assert_eq!(said.code, 0, "{said:?}");
        said
    }

    async fn run(&self, mut command: Command) -> Said {
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap().into()
    }
}

/// A login as of now.
pub(super) fn minted(key: &LoginKey, (user_id, email): (&str, &str), audience: Audience) -> String {
    let login = Login {
        audience,
        account: "demostore",
        email,
        user_id,
        life: Duration::from_hours(1),
        random: CountedEntropy.bits(),
    };
    mint(key, &login, SystemClock::start().now()).unwrap()
}

#[tokio::test]
async fn check_online_tries_each_source_once_and_says_what_answered() {
    let example = Example::new().await;
    let said = example.run(example.command(&["check", "--online"])).await;
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "demostore: channels      answered in ",
        "trade policies 1, 2; 1 is the default",
        "demostore: customers     answered in ",
        "4 campaign audiences, 4 of them active",
        "demostore: regions       answered in ",
        "permissions can be asked for",
        "tokens can be asked about",
        "online: 6 sources tried, 0 wrong",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    assert_eq!(example.platform.all_calls().len(), 6);
    assert!(
        !example.folder.path().join("data").exists(),
        "nothing is kept"
    );
}

#[tokio::test]
async fn check_online_says_what_is_wrong_in_words() {
    let example = Example::new().await;
    let json = ("content-type", "application/json");
    example
        .platform
        .breaks(CAMPAIGNS, Fault::Says(403, vec![json], "{}"));
    let mut command = example.command(&["check", "--online", "--json"]);
    command.env(
        "VESTIBULE__ACCOUNT__DEMOSTORE__DIRECTORY__VTEX__DEFAULT_CHANNEL",
        "7",
    );
    let said = example.run(command).await;
    assert_eq!(said.code, 1);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let wrong = |source: &str| {
        let all = told["online"].as_array().unwrap();
        let one = all.iter().find(|one| one["source"] == source).unwrap();
        one["wrong"].as_str().map(str::to_owned)
    };
    let campaigns = wrong("campaigns").unwrap();
    assert!(campaigns.starts_with("it answered 403 Forbidden; the app key is not permitted"));
    let channels = wrong("channels").unwrap();
    assert!(
        channels.contains("`default_channel` is \"7\"")
            || channels.contains("`default_channel` is 7")
    );
    assert_eq!(wrong("regions"), None);
    example.platform.kill().await;
    let said = example.run(example.command(&["check", "--online"])).await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no connection: "), "{}", said.out);
    assert!(
        said.out.contains("online: 6 sources tried, 6 wrong"),
        "{}",
        said.out
    );
}

#[tokio::test]
async fn a_secret_may_come_by_a_variable_and_is_shown_nowhere() {
    let example = Example::new().await;
    std::fs::write(example.folder.path().join("secrets/app-token"), "wrong").unwrap();
    let mut command = example.command(&["check", "--online", "--show"]);
    let vtex = "VESTIBULE__ACCOUNT__DEMOSTORE__DIRECTORY__VTEX";
    command.env(format!("{vtex}__APP_KEY"), APP_KEY);
    command.env(format!("{vtex}__APP_TOKEN"), APP_TOKEN);
    let said = example.run(command).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("app_token = \"(hidden)\""),
        "{}",
        said.out
    );
    for secret in [APP_KEY, APP_TOKEN] {
        assert!(!said.out.contains(secret) && !said.err.contains(secret));
    }
}

#[tokio::test]
async fn explain_names_each_call_with_its_age_and_time() {
    let example = Example::new().await;
    let token = example.login();
    let text = format!(
        "GET /?utm_source=newsletter&country=BRA&postalCode=20040002 HTTP/1.1\r\nHost: localhost\r\nCookie: VtexIdclientAutCookie_demostore={token}\r\n\r\n"
    );
    let said = example.explains(&text).await;
    for part in [
        "Look-ups\n",
        "  channels                     asked, answered in ",
        "  login_token                  asked, answered in ",
        "  customers                    asked, answered in ",
        "  campaigns                    asked, answered in ",
        "  regions                      asked, answered in ",
        "  x-session-user-email         ana@example.com",
        "  x-session-price-tables       gold",
        "  x-session-campaigns          newsletter,rio",
        "  x-session-region             v2.RIO",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    assert!(!said.out.contains(&token));
    example.platform.all_calls();
}

#[tokio::test]
async fn explain_names_the_calls_of_staff_who_act_as_a_customer() {
    let example = Example::new().await;
    let token = example.login_of(AGENT, Audience::Admin);
    let text = format!(
        "GET /?vtex-impersonated-customer-email=ana@example.com HTTP/1.1\r\nHost: localhost\r\nCookie: {STAFF}={token}\r\n\r\n"
    );
    let said = example.explains(&text).await;
    for part in [
        "  permissions                  asked, answered in ",
        "  customers                    asked, answered in ",
        "  x-session-impersonator       agent@demostore.example",
        "  x-session-user-email         ana@example.com",
    ] {
        assert!(said.out.contains(part), "{part}\n{}", said.out);
    }
    assert!(!said.out.contains(&token));
    example.platform.all_calls();
}

#[tokio::test]
async fn a_name_that_nobody_knows_and_a_certificate_of_another_are_told_in_words() {
    let example = Example::new().await;
    let key = "VESTIBULE__ACCOUNT__DEMOSTORE__DIRECTORY__VTEX__ADDRESS";
    let mut command = example.command(&["check", "--online"]);
    command.env(key, "http://nobody.invalid");
    let said = example.run(command).await;
    assert_eq!(said.code, 1);
    assert!(said.out.contains("no connection: "), "{}", said.out);
    assert!(said.out.contains("the name is not known: "), "{}", said.out);
    assert!(
        said.out.contains("6 sources tried, 5 wrong"),
        "{}",
        said.out
    );
    let python = Python::start_with_tls();
    let mut command = example.command(&["check", "--online"]);
    // The certificate is of `localhost`.
    command.env(key, format!("https://127.0.0.1:{}", python.address.port()));
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls/certificate.pem");
    command.env("SSL_CERT_FILE", tls);
    let said = example.run(command).await;
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("the certificate is not this host's"),
        "{}",
        said.out
    );
}
