//! Files that a configuration names.

use std::fs;

use super::SMALL;
use crate::config::{Layers, Loaded, OnDisk, Report, load};
use crate::domain::time::Millis;
use crate::domain::token::{KeyRing, TokenAlgorithm};

const DIRECTORY: &str = include_str!("../../../conf/demo-directory.toml");

/// A directory with `shop.toml` and other files beside it.
fn folder(extra: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.toml"), format!("{SMALL}{extra}")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn checked(folder: &tempfile::TempDir) -> Result<Loaded, Report> {
    load(
        &Layers::read(&folder.path().join("shop.toml"), None, []),
        &OnDisk,
    )
}

/// What is said, with the directory's own name taken out.
fn said(folder: &tempfile::TempDir) -> String {
    let report = checked(folder).map_or_else(|report| report, |loaded| loaded.warnings);
    report
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_missing_file_is_an_error_that_names_file_and_key() {
    insta::assert_snapshot!(said(&folder("", &[("directory.toml", DIRECTORY)])), @r"
    error: the JWKS file cannot be read: No such file or directory (os error 2)
    --> jwks.json
     = hint: the file is named by `account[0].authentication.jwks[0]` (shop.toml:6:24)

    error: the key ring cannot be read: No such file or directory (os error 2)
    --> keys.json
     = hint: the file is named by `account[0].keys.file` (shop.toml:2:1)

    2 errors, 0 warnings
    ");
}

#[test]
fn a_broken_file_is_told_without_its_content() {
    let files = [
        ("jwks.json", "hunter2"),
        ("keys.json", r#"{"hunter2": true}"#),
        ("admin.token", "hunter2"),
        ("directory.toml", DIRECTORY),
    ];
    let extra = "[admin]\ntoken_file = \"admin.token\"\n";
    let told = said(&folder(extra, &files));
    assert!(!told.contains("hunter2"), "{told}");
    assert!(
        told.starts_with("error: the token file: it has less than 16 characters"),
        "{told}"
    );
    assert!(told.contains("the JWKS file: "), "{told}");
    assert!(told.contains("the key ring: "), "{told}");
}

#[test]
fn files_that_are_made_at_start_may_be_missing() {
    let extra = "[account.keys]\ncreate = true\n";
    let files = [
        ("directory.toml", DIRECTORY),
        ("jwks.json", r#"{"keys": []}"#),
    ];
    let folder = folder(extra, &files);
    let loaded = checked(&folder).unwrap_or_else(|report| panic!("{report}"));
    let named: Vec<_> = loaded
        .files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        named,
        ["shop.toml", "directory.toml", "jwks.json", "keys.json"]
    );
}

#[test]
fn a_route_that_sends_the_context_needs_a_key_that_backends_can_check() {
    let route = "[[account.route]]\npath = \"/\"\nsend_context = true\n";
    for (algorithm, good) in [
        (TokenAlgorithm::Hs256, false),
        (TokenAlgorithm::Es256, true),
        (TokenAlgorithm::EdDsa, true),
    ] {
        let ring = KeyRing::generate(algorithm, Millis::default(), &mut || 7).to_json();
        let files = [
            ("keys.json", &*ring),
            ("directory.toml", DIRECTORY),
            ("jwks.json", r#"{"keys": []}"#),
        ];
        assert!(checked(&folder("", &files)).is_ok(), "{algorithm:?}");
        let folder = folder(route, &files);
        let told = said(&folder);
        assert_eq!(checked(&folder).is_ok(), good, "{algorithm:?}: {told}");
        assert_eq!(told.contains("no ES256 or EdDSA key"), !good, "{told}");
    }
    let made = format!("[account.keys]\ncreate = true\n{route}");
    let files = [
        ("directory.toml", DIRECTORY),
        ("jwks.json", r#"{"keys": []}"#),
    ];
    let told = said(&folder(&made, &files));
    assert!(told.contains("one made at start holds no ES256"), "{told}");
}

#[test]
fn a_key_that_no_token_can_name_is_a_warning() {
    let files = [
        ("directory.toml", DIRECTORY),
        ("jwks.json", r#"{"keys": [{"kty": "EC", "crv": "P-256"}]}"#),
    ];
    let folder = folder("[account.keys]\ncreate = true\n", &files);
    let loaded = checked(&folder).unwrap_or_else(|report| panic!("{report}"));
    let told = loaded.warnings.to_string();
    assert!(told.starts_with("warning: the JWKS file: "), "{told}");
}

#[test]
fn mistakes_in_a_directory_carry_its_own_lines() {
    let files = [
        (
            "directory.toml",
            "default_channel = \"1\"\n[[chanel]]\nid = \"1\"\n",
        ),
        ("jwks.json", r#"{"keys": []}"#),
    ];
    let told = said(&folder("[account.keys]\ncreate = true\n", &files));
    assert!(told.contains("--> directory.toml:2:"), "{told}");
    assert!(
        told.contains("named by `account[0].directory.file`"),
        "{told}"
    );
}
