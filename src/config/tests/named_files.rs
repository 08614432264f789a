//! Files that a configuration names.

use std::fs;

use super::SMALL;
use crate::config::values::Runs;
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
fn the_files_of_the_admin_address_are_looked_into_and_nothing_of_them_is_told() {
    let admin = r#"
        [admin]
        address = "0.0.0.0:9090"
        [admin.tls]
        certificate = "admin.pem"
        key = "admin.key"
        client_ca_file = "operators.pem"
    "#;
    let files = [
        ("admin.pem", "hunter2"),
        ("admin.key", "hunter2"),
        ("operators.pem", "hunter2"),
        ("directory.toml", DIRECTORY),
    ];
    let told = said(&folder(admin, &files));
    assert!(!told.contains("hunter2"), "{told}");
    for line in [
        "the certificate: it holds no certificate in PEM",
        "the certificate's key: it holds no private key in PEM",
        "the authorities' file: it holds no certificate in PEM",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
}

#[test]
fn the_files_of_a_shared_store_are_looked_into_and_nothing_of_them_is_told() {
    let store = r#"
        [store]
        kind = "valkey"
        addresses = ["valkey.internal:6379"]
        tls = true
        ca_file = "ca.pem"
        client_certificate = "client.pem"
        client_key = "client.key"
        username = "vestibule"
        password_file = "password"
    "#;
    let files = [
        ("ca.pem", "hunter2"),
        ("client.pem", "hunter2"),
        ("client.key", "hunter2"),
        ("password", "hunter2\nhunter3\n"),
        ("directory.toml", DIRECTORY),
    ];
    let told = said(&folder(store, &files));
    for mistake in [
        "the authorities' file: it holds no certificate in PEM",
        "the certificate: it holds no certificate in PEM",
        "the certificate's key: it holds no private key in PEM",
        "the password file: it has more than one line",
    ] {
        assert!(told.contains(mistake), "{mistake}: {told}");
    }
    assert!(!told.contains("hunter"), "{told}");
}

/// A listener with the test's own certificates, each a name and a key.
fn listening(certificates: &[(&str, &str)]) -> String {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    let mut text = "[[listener]]\nname = \"main\"\naddress = \"127.0.0.1:8443\"\n".to_owned();
    for (file, key) in certificates {
        let (file, key) = (data.join(file), data.join(key));
        let of = "[[listener.tls.certificate]]";
        text.extend([format!("{of}\nfile = {file:?}\nkey = {key:?}\n")]);
    }
    text
}

/// What is said about a listener's certificates, without the names of files.
fn said_of(certificates: &[(&str, &str)]) -> Vec<String> {
    let files = [
        ("directory.toml", DIRECTORY),
        ("jwks.json", r#"{"keys": []}"#),
    ];
    let extra = "[account.keys]\ncreate = true\n";
    let folder = folder(&format!("{extra}{}", listening(certificates)), &files);
    let told = said(&folder);
    let found = |line: &&str| line.starts_with("error: ") || line.starts_with("warning: ");
    told.lines().filter(found).map(str::to_owned).collect()
}

#[test]
fn certificates_of_listeners_are_held_against_their_keys() {
    assert_eq!(said_of(&[("certificate.pem", "key.pem")]), [""; 0]);
    for (certificate, wrong) in [
        (
            ("missing.pem", "key.pem"),
            "error: the certificate cannot be read: No such file or directory (os error 2)",
        ),
        (
            ("key.pem", "key.pem"),
            "error: the certificate: it holds no certificate in PEM",
        ),
        (
            ("certificate.pem", "certificate.pem"),
            "error: the certificate's key: it holds no private key in PEM",
        ),
        (
            ("nameless.pem", "encrypted.key"),
            "error: the certificate's key: its key is encrypted, and nobody is there to give the passphrase",
        ),
        (
            ("certificate.pem", "ended.key"),
            "error: `key`: the key does not fit the certificate",
        ),
        (
            ("ended.pem", "ended.key"),
            "warning: the certificate: it ended at 2020-02-01T00:00:00Z",
        ),
    ] {
        assert_eq!(said_of(&[certificate]), [wrong], "{certificate:?}");
    }
}

#[test]
fn a_certificate_that_would_never_be_shown_is_an_error_unless_it_is_the_first() {
    let nameless = ("nameless.pem", "ended.key");
    assert_eq!(said_of(&[nameless]), [""; 0]);
    assert_eq!(
        said_of(&[("certificate.pem", "key.pem"), nameless]),
        ["error: the certificate names no host: it is never shown"]
    );
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
    // Key sets are read again by those who use them.
    assert_eq!(named, ["shop.toml", "directory.toml", "keys.json"]);
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

/// What is said about an app's file.
fn said_of_app(name: &str, file: &str) -> String {
    let extra = format!(
        "[account.keys]\ncreate = true\n[[account.app]]\nname = \"authentication\"\n\
         [[account.app]]\nname = {name:?}\n\
         url = \"http://apps:5000\"\nconfiguration = \"app.json\"\n"
    );
    let files = [
        ("directory.toml", DIRECTORY),
        ("jwks.json", r#"{"keys": []}"#),
        ("app.json", file),
    ];
    said(&folder(&extra, &files))
}

#[test]
fn an_apps_file_tells_its_mistakes_all_at_once_with_its_own_lines() {
    let file = r#"{"search": {
  "input": {"public": ["facets", 7, "("], "a b": ["c"], "x": "y"},
  "output": {"authentication": ["storeUserId"], "search": ["f.*"]},
  "runOnCreate": "yes",
  "policies": []
}}"#;
    insta::assert_snapshot!(said_of_app("search", file), @r"
    error: a key of `input.public` is a number, not a text
     --> app.json:2:34
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `input`, `public.(`: the key is not a regular expression
     --> app.json:2:37
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `input`, `a b.c`: an input is a namespace and a key
     --> app.json:2:51
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `input.x` is a text, not a list of keys
     --> app.json:2:62
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `output`, `authentication.storeUserId`: `authentication` is written by no app over HTTP, it belongs to the system
     --> app.json:3:33
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `output`, `search.f.*`: an output is one key and no pattern
     --> app.json:3:60
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    error: `runOnCreate` is a text, not true or false
     --> app.json:4:18
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    warning: `policies` means nothing here and is left out
     --> app.json:5:15
      = hint: the file is named by `account[0].app[1].configuration` (shop.toml:18:17)

    7 errors, 1 warning
    ");
}

#[test]
fn an_apps_file_that_holds_no_app_of_that_name_says_which_it_holds() {
    let one = r#"{"input": {"public": ["x"]}}"#;
    for (file, told) in [
        ("{", "the app's configuration is no JSON (line 1, column 1)"),
        ("[]", "the app's configuration is a list, not an object"),
        ("{}", "the file holds no app"),
        (
            &format!(r#"{{"one": {one}, "other": {one}}}"#),
            "none of the file's apps is called `search`: one, other",
        ),
        (
            r#"{"search": {}}"#,
            "`search` watches nothing: it would never be called",
        ),
        (
            &format!(r#"{{"a/b": {one}}}"#),
            "`a/b` cannot stand in a route; letters, digits, `-`, `_` and `.` can",
        ),
        (
            &format!(r#"{{"one": {one}, "one": {one}}}"#),
            "the app's configuration is an object with a name that is written twice",
        ),
    ] {
        let said = said_of_app("search", file);
        assert!(
            said.starts_with(&format!("error: {told}\n")),
            "{file}: {said}"
        );
    }
}

#[test]
fn an_apps_file_gives_its_name_in_the_route_its_wires_and_when_it_runs() {
    let search =
        r#"{"input": {"public": ["facets"], "cookie": ["login_.*"]}, "RunOnCreate": true}"#;
    let other = r#"{"input": {"public": ["x"]}, "output": {"public": ["y"]}}"#;
    let many = format!(r#"{{"other": {other}, "search": {search}}}"#);
    for (name, file, more, route, wires) in [
        ("search", &*many, "", "search", (2, 0, true)),
        ("other", &many, "", "other", (1, 1, false)),
        (
            "other",
            &many,
            "run_on_create = true\n",
            "other",
            (1, 1, true),
        ),
        (
            "mine",
            &format!(r#"{{"search": {search}}}"#),
            "",
            "search",
            (2, 0, true),
        ),
    ] {
        let extra = format!(
            "[account.keys]\ncreate = true\n[[account.app]]\nname = {name:?}\n\
             url = \"http://apps:5000/below/\"\nconfiguration = \"app.json\"\n{more}\
             raw_cookies = [\"login_shop\"]\n"
        );
        let files = [
            ("directory.toml", DIRECTORY),
            ("jwks.json", r#"{"keys": []}"#),
            ("app.json", file),
        ];
        let loaded = checked(&folder(&extra, &files)).unwrap_or_else(|report| panic!("{report}"));
        let account = &loaded.config.accounts[0];
        let Runs::Http(service) = &account.apps[0].runs else {
            panic!("{name} is not built in")
        };
        let expected = format!("http://apps:5000/below/_v/{route}/session/transform");
        assert_eq!(service.uri, *expected);
        let spec = &account.graph.apps()[0];
        assert_eq!(&*spec.name, name);
        assert_eq!(
            (spec.inputs.len(), spec.outputs.len(), spec.run_on_create),
            wires
        );
        assert_eq!(spec.timeout.as_secs(), 2, "as on the platform");
        assert!(loaded.files.iter().any(|file| file.ends_with("app.json")));
    }
}

#[test]
fn without_files_an_apps_wires_stay_open_and_the_rest_is_checked() {
    let extra = "[[account.app]]\nname = \"authentication\"\n[[account.app]]\n\
                 name = \"search\"\nurl = \"http://apps:5000\"\nconfiguration = \"nowhere.json\"\nraw_cookies = [\"login\"]\n";
    let loaded = super::good(&format!("{SMALL}{extra}"));
    assert!(loaded.warnings.findings().is_empty(), "{}", loaded.warnings);
    assert!(super::report(&format!("{SMALL}{extra}timeout = \"0s\"\n")).has_errors());
}

#[test]
fn a_token_that_no_header_can_carry_is_told_without_itself() {
    for (token, good) in [
        ("hunter2-hunter2-hunter2\n", true),
        ("hunter2", false),
        ("hunter2 hunter2 hunter2", false),
        ("hunter2-hunter2-hunté2", false),
    ] {
        let extra = "[account.keys]\ncreate = true\n[[account.app]]\nname = \"search\"\n\
                     url = \"http://apps:5000\"\ninput = { public = [\"a\"] }\ntoken_file = \"app.token\"\n";
        let files = [
            ("directory.toml", DIRECTORY),
            ("jwks.json", r#"{"keys": []}"#),
            ("app.token", token),
        ];
        let folder = folder(extra, &files);
        assert_eq!(checked(&folder).is_ok(), good, "{token}");
        assert!(!said(&folder).contains("hunter2"), "{token}");
    }
}
