//! The configurations that come with the program.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Layers, Loaded, Unseen, load};
use crate::config::{platform, schema};
use crate::domain::session::Field;
use crate::domain::transform::app::Input;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> Vec<PathBuf> {
    let examples = fs::read_dir(root().join("conf/examples")).unwrap();
    let examples = examples
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"));
    let mut files: Vec<_> = ["conf/demo.toml", "conf/vestibule.toml"]
        .map(|name| root().join(name))
        .into_iter()
        .chain(examples)
        .collect();
    files.sort();
    files
}

fn read(name: &str) -> Loaded {
    let layers = Layers::read(&root().join(name), None, []);
    load(&layers, &Unseen).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn every_shipped_configuration_loads_without_a_finding() {
    let validator = jsonschema::validator_for(schema()).unwrap();
    for file in shipped() {
        let layers = Layers::read(&file, None, []);
        let loaded = load(&layers, &Unseen).unwrap_or_else(|report| panic!("{report}"));
        assert!(loaded.warnings.findings().is_empty(), "{}", loaded.warnings);
        let text = fs::read_to_string(&file).unwrap();
        let document: serde_json::Value = toml::from_str(&text).unwrap();
        assert!(validator.is_valid(&document), "{}", file.display());
    }
}

#[test]
fn the_annotated_configuration_says_nothing_but_defaults() {
    // All that differs is what a configuration must say, so that its comments cannot lie.
    let mut annotated = read("conf/vestibule.toml").effective.to_json().clone();
    let text = fs::read_to_string(root().join("conf/vestibule.toml")).unwrap();
    let required = r#"
[[listener]]
name = "main"
address = "127.0.0.1:8080"

[admin]

[[account]]
name = "shop"
id = "3f1c7f0e-6a0b-4c0e-9d55-0f2c8d1f7a11"
hosts = ["shop.example.com"]
authentication.jwks = ["jwks.json"]

[[account.upstream]]
name = "storefront"
addresses = ["127.0.0.1:8081"]
"#;
    let plain = super::good(required).effective.to_json().clone();
    for part in ["app", "route"] {
        annotated["account"][0][part] = plain["account"][0][part].clone();
    }
    assert_eq!(annotated, plain, "{text}");
}

#[test]
fn every_key_is_in_the_annotated_configuration() {
    let text = fs::read_to_string(root().join("conf/vestibule.toml")).unwrap();
    let mut missing = Vec::new();
    let definitions = schema()["$defs"].as_object().unwrap();
    for (name, definition) in definitions {
        let keys = definition["properties"].as_object();
        for key in keys.into_iter().flatten().map(|(key, _)| key) {
            let written = [format!("{key} ="), format!("{key}]"), format!(".{key}.")];
            if !written.iter().any(|form| text.contains(form)) {
                missing.push(format!("{name}.{key}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_demo_is_the_store_that_the_tests_and_the_readme_know() {
    let config = read("conf/demo.toml").config;
    let account = &config.accounts[0];
    assert_eq!(&*account.name, "demostore");
    assert_eq!(account.apps.len(), 7);
    assert!(config.listeners[0].insecure_cookies);
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:8080");
}

#[test]
fn five_day_sessions_live_for_five_days_of_silence() {
    let config = read("conf/examples/five-day-sessions.toml").config;
    let anonymous = config.accounts[0].lifetimes.of(false);
    assert_eq!(anonymous.idle().as_secs(), 5 * 24 * 3600);
}

#[test]
fn the_example_of_a_session_app_is_wired_as_its_own_file_says() {
    for file in ["conf/demo.toml", "conf/examples/with-session-app.toml"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains("session-app/configuration.json\""), "{file}");
    }
    let file = root().join("conf/examples/session-app/configuration.json");
    let (declared, faults) = platform::read(&fs::read_to_string(file).unwrap(), "perks");
    assert_eq!(faults, []);
    let declared = declared.unwrap();
    let inputs: Vec<String> = declared.inputs.iter().map(Input::shown).collect();
    assert_eq!(
        inputs,
        [
            "profile.isAuthenticated",
            "profile.priceTables",
            "rnb.campaigns"
        ]
    );
    let outputs: Vec<&str> = declared.outputs.iter().map(Field::as_str).collect();
    assert_eq!(outputs, ["perks.level", "perks.message"]);
    assert_eq!(declared.run_on_create, Some(true));
}
