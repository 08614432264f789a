//! What `packaging/` ships fits the program and itself: configurations are good, commands and variables
//! are known, probes ask where somebody answers, and nobody is ended before it has drained.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::program::{Said, program};

mod compose;
mod debian;
mod image;
mod kubernetes;
mod systemd;

/// The user of the image.
const USER: u64 = 65532;
/// Beyond the grace, as `docs/operations.md` says.
const LAST_SECONDS: Duration = Duration::from_secs(5);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packaging(name: &str) -> PathBuf {
    root().join("packaging").join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn items(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

fn strings(value: &Value) -> Vec<&str> {
    items(value).iter().map(string).collect()
}

fn span(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn port(address: &str) -> u64 {
    let (_, port) = address.rsplit_once(':').expect("an address with a port");
    port.parse().unwrap()
}

/// The port that a manifest's number, or number in a text, stands for.
fn number(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        other => other
            .as_u64()
            .unwrap_or_else(|| panic!("no number: {other}")),
    }
}

/// A configuration that the program takes without a word against it, as it is in force.
struct Effective(Value);

impl Effective {
    /// Of a file, its text alone.
    fn of(file: &Path, variables: &BTreeMap<String, String>) -> Self {
        Self::checked(file, variables, &["--without-files"])
    }

    fn checked(file: &Path, variables: &BTreeMap<String, String>, more: &[&str]) -> Self {
        let file = file.to_str().unwrap();
        let mut command = program(&["check", "--json", "--show", "--config", file]);
        let said = Said::from(command.args(more).envs(variables).output().unwrap());
        let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        assert_eq!(
            told["report"]["findings"],
            Value::Array(Vec::new()),
            "{file}"
        );
        assert_eq!(said.code, 0, "{file}");
        Self(told["effective"].clone())
    }

    fn at(&self, pointer: &str) -> &Value {
        let found = self.0.pointer(pointer);
        found.unwrap_or_else(|| panic!("{pointer} is not there"))
    }

    fn shoppers_port(&self) -> u64 {
        port(string(self.at("/listener/0/address")))
    }

    fn admin_port(&self) -> u64 {
        port(string(self.at("/admin/address")))
    }

    /// How long an end takes at most.
    fn longest_end(&self) -> Duration {
        span(string(self.at("/server/grace"))) + LAST_SECONDS
    }

    /// The texts of keys that name files: of the process, and of all accounts.
    fn named_files(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let file = |key: &str| key == "file" || key == "jwks" || key.ends_with("_file");
        let mut left = vec![&self.0];
        while let Some(value) = left.pop() {
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(keys) => {
                    for (key, value) in keys {
                        match value {
                            Value::String(text) if file(key) => found.push(text.as_str()),
                            Value::Array(_) if file(key) => found.extend(strings(value)),
                            other => left.push(other),
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether the program knows these arguments: whatever it then says is no word about its usage.
fn is_a_command(arguments: &[&str]) {
    let mut arguments = arguments.to_vec();
    arguments.push("--help");
    let said = crate::support::program::run(&arguments);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
}

#[test]
fn everything_that_is_shipped_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let files = [
        "Dockerfile",
        "compose.yaml",
        "kubernetes/shared/deployment.yaml",
        "kubernetes/shared/kustomization.yaml",
        "kubernetes/embedded/statefulset.yaml",
        "kubernetes/embedded/kustomization.yaml",
    ];
    for file in files {
        assert!(text(&packaging(file)).contains(version), "{file}");
    }
}

#[tokio::test]
async fn whatever_is_asked_for_health_is_answered() {
    use crate::support::program::{ask, run_demo_configuration};

    let (mut running, folder, _) = run_demo_configuration().await;
    let config = text(&folder.join("run.toml"));
    let admin = config.split("[admin]").nth(1).unwrap();
    let address = admin.split('"').nth(1).unwrap();
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut asked = kubernetes::probed_paths();
    asked.push(compose::path_that_the_front_asks());
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["/health/live", "/health/ready"]);
    for path in asked {
        let wire = format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.7:9090\r\n\r\n");
        let reply = ask(port, &wire).await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
    for (more, said) in [(None, "live\n"), (Some("--ready"), "ready\n")] {
        let mut command = program(&["health", "--address", address]);
        let answer = Said::from(command.args(more).output().unwrap());
        assert_eq!((answer.code, answer.out.as_str()), (0, said), "{answer:?}");
    }
    assert!(running.stop().await.success());
    let gone = crate::support::program::run(&["health", "--address", address]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("does not answer"), "{gone:?}");
}
