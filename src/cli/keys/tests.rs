//! Key files are made, rotated and listed; no secret is ever printed or lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser;
use serde_json::Value;

use super::*;
use crate::cli::token::{TokenArgs, run_token};
use crate::domain::time::Millis;
use crate::domain::vtexid::VtexIdKeys;

const T0: Millis = Millis::from_secs(1_543_397_700);

#[derive(Debug)]
struct At(Millis);

impl Clock for At {
    fn now(&self) -> Millis {
        self.0
    }
}

#[derive(Debug, Default)]
struct Draws(parking_lot::Mutex<u128>);

impl Entropy for Draws {
    fn bits(&self) -> u128 {
        let mut seed = self.0.lock();
        *seed = seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .wrapping_add(1);
        *seed ^ (*seed >> 31)
    }
}

#[derive(Debug, Parser)]
struct Keys {
    #[command(flatten)]
    args: KeysArgs,
}

#[derive(Debug, Parser)]
struct Token {
    #[command(flatten)]
    args: TokenArgs,
}

/// One command after another, by one source of randomness.
#[derive(Default)]
struct Shell(Draws);

impl Shell {
    fn keys(&self, line: &[&str], now: Millis) -> Result<String, KeysError> {
        let words = std::iter::once("keys").chain(line.iter().copied());
        let mut out = Vec::new();
        let args = Keys::parse_from(words).args;
        run_keys(&args, &mut out, &At(now), &self.0)?;
        Ok(String::from_utf8(out).unwrap())
    }
}

fn after(minutes: u64) -> Millis {
    T0.plus(Duration::from_mins(minutes))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_ring_is_private_and_signs_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (name, alg) in [("a", "hs256"), ("b", "es256"), ("c", "eddsa")] {
        let path = folder.path().join(name);
        let shell = Shell::default();
        let text = path.to_str().unwrap();
        let said = shell
            .keys(&["new", "--out", text, "--alg", alg], T0)
            .unwrap();
        assert_eq!(mode(&path), 0o600);
        let ring = read_ring(&path).unwrap();
        assert!(ring.is_primary(ring.keys()[0].kid(), T0));
        let name = ring.keys()[0].algorithm().name();
        assert_eq!(name.to_lowercase(), alg);
        assert!(
            said.contains(ring.keys()[0].kid()) && said.contains(name),
            "{said}"
        );
        let again = shell.keys(&["new", "--out", text], T0).unwrap_err();
        assert!(
            matches!(again, KeysError::File(FileError::Exists(_))),
            "{again}"
        );
    }
}

#[test]
fn a_rotation_follows_its_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let file = path.to_str().unwrap();
    let shell = Shell::default();
    shell.keys(&["new", "--out", file], T0).unwrap();
    let said = shell.keys(&["rotate", "--file", file], after(60)).unwrap();
    assert!(said.contains("signs from 2018-11-28T10:45:00Z"), "{said}");
    let line = [
        "rotate",
        "--file",
        file,
        "--alg",
        "es256",
        "--retire-older-than",
        "30m",
    ];
    assert!(!shell.keys(&line, after(80)).unwrap().contains("Retired"));
    let said = shell.keys(&line, after(100)).unwrap();
    assert!(said.contains("Retired"), "{said}");
    assert_eq!(mode(&path), 0o600);
    let listed = shell
        .keys(&["list", "--file", file, "--json"], after(100))
        .unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let column = |name: &str| -> Vec<String> {
        let keys = listed["keys"].as_array().unwrap();
        keys.iter().map(|key| key[name].to_string()).collect()
    };
    assert_eq!(
        column("alg"),
        ["\"HS256\"", "\"HS256\"", "\"ES256\"", "\"ES256\""]
    );
    assert_eq!(
        column("use"),
        ["\"none\"", "\"verifies\"", "\"signs\"", "\"waits\""]
    );
    assert_eq!(column("signs_since")[2], "\"2018-11-28T11:05:00Z\"");
}

#[test]
fn a_list_shows_what_keys_do_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let file = path.to_str().unwrap();
    let shell = Shell::default();
    shell.keys(&["new", "--out", file], T0).unwrap();
    shell.keys(&["rotate", "--file", file], after(60)).unwrap();
    let listed = shell.keys(&["list", "--file", file], after(60)).unwrap();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("KID"));
    assert!(
        lines[1].ends_with("active   signs since 2018-11-28T09:35:00Z"),
        "{listed}"
    );
    assert!(
        lines[2].ends_with("active   signs from 2018-11-28T10:45:00Z"),
        "{listed}"
    );
    let ring: Value = serde_json::from_str(&read_text(&path).unwrap()).unwrap();
    for secret in [
        &ring["hash_key"],
        &ring["keys"][0]["secret"],
        &ring["keys"][1]["secret"],
    ] {
        assert!(!listed.contains(secret.as_str().unwrap()));
    }
}

#[test]
fn a_bad_ring_is_named_with_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let file = path.to_str().unwrap();
    std::fs::write(&path, r#"{"version":9}"#).unwrap();
    for line in [["list", "--file", file], ["rotate", "--file", file]] {
        let error = Shell::default().keys(&line, T0).unwrap_err().to_string();
        assert!(error.contains("keys.json: version: version 9"), "{error}");
    }
    assert_eq!(read_text(&path).unwrap(), r#"{"version":9}"#);
}

#[test]
fn a_login_key_comes_with_its_public_set() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.jwk"), folder.path().join("two.jwk"));
    let set = folder.path().join("jwks.json");
    let shell = Shell::default();
    let printed = shell
        .keys(&["new", "--vtexid", "--out", one.to_str().unwrap()], T0)
        .unwrap();
    let line = [
        "new",
        "--vtexid",
        "--out",
        two.to_str().unwrap(),
        "--jwks",
        set.to_str().unwrap(),
    ];
    shell.keys(&line, T0).unwrap();
    assert_eq!((mode(&one), mode(&two), mode(&set)), (0o600, 0o600, 0o644));
    for public in [printed, read_text(&set).unwrap()] {
        let (keys, warnings) = VtexIdKeys::parse(&public).unwrap();
        assert_eq!((keys.len(), warnings.len()), (1, 0));
    }
    let args = Token::parse_from([
        "token",
        "mint",
        "--key",
        two.to_str().unwrap(),
        "--account",
        "demostore",
        "--email",
        "Ana@example.com",
        "--user-id",
        "u-1",
    ]);
    let mut out = Vec::new();
    run_token(&args.args, &mut io::empty(), &mut out, &At(T0), &shell.0).unwrap();
    let token = String::from_utf8(out).unwrap();
    let args = Token::parse_from(["token", "decode", "-", "--jwks", set.to_str().unwrap()]);
    let mut out = Vec::new();
    run_token(
        &args.args,
        &mut token.as_bytes(),
        &mut out,
        &At(T0),
        &shell.0,
    )
    .unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.contains("good for account demostore"), "{shown}");
}

#[test]
fn a_machine_is_told_of_new_keys_and_rotations_in_json_and_of_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let file = path.to_str().unwrap();
    let shell = Shell::default();
    let say = |line: &[&str], now| -> (Value, String) {
        let said = shell.keys(&[line, &["--json"]].concat(), now).unwrap();
        (serde_json::from_str(&said).unwrap(), said)
    };
    let (new, text) = say(&["new", "--out", file, "--alg", "es256"], T0);
    assert_eq!(
        (&new["file"], &new["added"]["alg"]),
        (&file.into(), &"ES256".into())
    );
    assert_eq!(new["added"]["use"], "signs");
    let (again, more) = say(
        &["rotate", "--file", file, "--retire-older-than", "30m"],
        after(60),
    );
    assert_eq!(again["added"]["use"], "waits");
    assert_eq!(again["added"]["signs_since"], "2018-11-28T10:45:00Z");
    assert_eq!(again["retired"], serde_json::json!([]));
    let (third, _) = say(
        &["rotate", "--file", file, "--retire-older-than", "30m"],
        after(120),
    );
    assert_eq!(third["retired"], serde_json::json!([new["added"]["kid"]]));
    let ring: Value = serde_json::from_str(&read_text(&path).unwrap()).unwrap();
    let secret = ring["hash_key"].as_str().unwrap();
    assert!(!text.contains(secret) && !more.contains(secret));

    let key = folder.path().join("login.jwk");
    let key = key.to_str().unwrap();
    let (login, text) = say(&["new", "--vtexid", "--out", key], T0);
    assert_eq!(
        (&login["file"], &login["jwks_file"]),
        (&key.into(), &Value::Null)
    );
    let (set, _) = VtexIdKeys::parse(&login["jwks"].to_string()).unwrap();
    assert_eq!(set.len(), 1);
    assert!(!text.contains("\"d\""), "{text}");
}
