//! schemathesis against the built program: every check, over the platform's published schema and
//! over our own description, always with the same cases.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use vestibule::api::describe;

use crate::support::Demo;

/// How long a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// The lifetime of the demo's sessions: the most that a page may report.
const LIFETIME: Duration = Duration::from_mins(30);

const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// One description, held against a demo of its own.
struct Run {
    demo: Demo,
    folder: TempDir,
    /// How many operations there are.
    operations: usize,
}

impl Run {
    async fn prepare(description: &Value) -> Self {
        let demo = Demo::start().await;
        let folder = tempfile::tempdir().unwrap();
        let operations = operations(description);
        let run = Self {
            demo,
            folder,
            operations,
        };
        run.write("description.json", description);
        let login = |name: &str| {
            json!({"name": name, "loginEndpointAuth": {
                "verb": "POST",
                "externalEndpointURL": format!("http://127.0.0.1:{}/login", run.demo.storefront_port),
                "contentType": "application/x-www-form-urlencoded",
                "payloadRaw": format!("email={name}%40example.com&return_to=/"),
                "expectCookies": true,
            }})
        };
        run.write(
            "shoppers.json",
            &json!({"auth": [login("ana"), login("bruno")]}),
        );
        run
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.folder.path().join(name), value.to_string()).unwrap();
    }

    /// Runs to the end; what was found is told with all that was said about it.
    async fn report(self) -> Value {
        let settings = here("tests/schemathesis/schemathesis.toml");
        let mut command = Command::new(tool());
        command
            .args(["--no-color", "--config-file"])
            .arg(settings)
            .args(["run", "description.json", "--checks", "all"])
            .args(["--url", &format!("http://127.0.0.1:{}", self.demo.port)])
            .args(["--report-json-path", "report.json"])
            .current_dir(self.folder.path())
            // The caller's environment would change cases: it has profiles for CI, and proxies.
            .env_clear()
            .env("HOOKS", here("tests/schemathesis/hooks.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1")
            .kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = ended.expect("schemathesis does not end").unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{complained}");
        let report = std::fs::read(self.folder.path().join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        self.left_nothing_out(&report);
        report
    }

    /// It tried every operation, had answers to judge from each, and guessed nothing.
    fn left_nothing_out(&self, report: &Value) {
        assert_eq!(report["complete"], true, "{report}");
        assert_eq!(report["operations"]["tested"], self.operations, "{report}");
        for phase in ["examples", "coverage", "fuzzing"] {
            assert_eq!(report["phases"][phase]["status"], "success", "{report}");
        }
        let rates = report["valid_rates"].as_object().unwrap();
        assert_eq!(rates.len(), self.operations, "{report}");
        for (operation, phases) in rates {
            for phase in ["examples", "coverage", "fuzzing"] {
                let accepted = phases[phase]["accepted"].as_u64();
                assert!(accepted > Some(0), "{operation}, {phase}: {report}");
            }
        }
        for none in ["with_failures", "without_checks", "errored"] {
            assert_eq!(report["test_cases"][none], 0, "{report}");
        }
    }
}

#[tokio::test]
async fn our_own_description_is_true() {
    let run = Run::prepare(&describe("", LIFETIME)).await;
    let report = run.report().await;
    assert_eq!(
        report["phases"]["stateful"]["status"], "success",
        "{report}"
    );
}

#[tokio::test]
async fn the_platforms_published_schema_is_true_but_for_the_deviations_that_are_told() {
    let mut published = data("session-manager-openapi.json");
    for deviation in deviations() {
        for operation in deviation["patch"].as_array().unwrap() {
            patch(&mut published, operation);
        }
    }
    let run = Run::prepare(&published).await;
    let report = run.report().await;
    // No answer of this schema leads to another call of it.
    assert_eq!(
        report["phases"]["stateful"],
        json!({"status": "skip", "skip_reason": "not_applicable"})
    );
}

#[test]
fn each_deviation_from_the_published_schema_is_told_with_its_reason() {
    let page = here("docs/decisions/0013-session-api-and-the-published-schema.md");
    let page = std::fs::read_to_string(page).unwrap();
    for deviation in deviations() {
        let said = |name: &str| deviation[name].as_str().unwrap().to_owned();
        assert!(page.contains(&said("deviation")), "{deviation}");
        for name in ["reason", "source"] {
            assert!(!said(name).is_empty(), "{name}: {deviation}");
        }
    }
}

/// The program that `scripts/setup test` installs below the target directory.
fn tool() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let tool = target.join("tools/schemathesis/bin/schemathesis");
    assert!(
        tool.exists(),
        "there is no schemathesis here: `scripts/setup test` installs it"
    );
    tool
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn data(name: &str) -> Value {
    let text = std::fs::read(here("tests/data").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn deviations() -> Vec<Value> {
    let deviations = data("session-manager-deviations.json");
    deviations.as_array().unwrap().clone()
}

fn operations(description: &Value) -> usize {
    let paths = description["paths"].as_object().unwrap().values();
    let methods = paths.flat_map(|path| path.as_object().unwrap().keys());
    methods
        .filter(|name| METHODS.contains(&name.as_str()))
        .count()
}

/// One operation of a JSON Patch (RFC 6902), of the three that are needed; `add` only where there
/// is nothing yet.
fn patch(document: &mut Value, operation: &Value) {
    let path = operation["path"].as_str().unwrap();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    let members = document.pointer_mut(parent).and_then(Value::as_object_mut);
    let members = members.unwrap_or_else(|| panic!("nothing to change at {path}"));
    let before = match operation["op"].as_str().unwrap() {
        "remove" => members.shift_remove(&name),
        _ => members.insert(name, operation["value"].clone()),
    };
    assert_eq!(before.is_some(), operation["op"] != "add", "{operation}");
}
