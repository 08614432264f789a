//! Tokens of every kind are described, verified and minted as the command line says.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::Parser;
use proptest::prelude::*;

use super::*;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::domain::token::{Claims, KeyRing, TokenAlgorithm, TokenUse, sign_token};
use crate::domain::vtexid::draw_login_key;

const T0: Millis = Millis::from_secs(1_543_397_700);

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Millis {
        T0
    }
}

impl Entropy for Fixed {
    fn bits(&self) -> u128 {
        7
    }
}

#[derive(Debug, Parser)]
struct Token {
    #[command(flatten)]
    args: TokenArgs,
}

fn run_with(line: &[&str], mut input: &[u8]) -> (String, Result<(), TokenCommandError>) {
    let args = Token::parse_from(std::iter::once("token").chain(line.iter().copied())).args;
    let mut out = Vec::new();
    let outcome = run_token(&args, &mut input, &mut out, &Fixed, &Fixed);
    (String::from_utf8(out).unwrap(), outcome)
}

fn run(line: &[&str]) -> (String, Result<(), TokenCommandError>) {
    run_with(line, &[])
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn ring(seed: u128) -> KeyRing {
    let mut draws = seed..;
    KeyRing::generate(TokenAlgorithm::Hs256, T0, &mut || {
        draws.next().unwrap() << 64
    })
}

fn cookie(token_use: TokenUse) -> String {
    let claims = Claims {
        id: SessionId::from_random(1),
        account: "demostore",
        issued: T0.minus(Duration::from_mins(5)),
        expires: T0.plus(Duration::from_mins(55)),
        authenticated: true,
        light: false,
        token_use,
    };
    sign_token(&ring(1), &claims, T0).unwrap()
}

fn private_key() -> String {
    let mut draws = 1..;
    draw_login_key(&mut || draws.next().unwrap())
}

#[test]
fn a_session_cookie_is_shown_with_its_times_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let keys = written(folder.path(), "keys.json", &ring(1).to_json());
    let token = cookie(TokenUse::Cookie);
    let (shown, outcome) = run(&["decode", &token, "--keys", &keys]);
    outcome.unwrap();
    for part in [
        "kind       session cookie\n",
        "issued     2018-11-28T09:30:00Z (5m ago)\n",
        "expires    2018-11-28T10:30:00Z (in 55m)\n",
        "signature  good for account demostore\n",
        "\"id\": \"00000000-0000-0000-0000-000000000001\"",
        "\"typ\": \"vst+jwt\"",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let (shown, outcome) = run(&["decode", &cookie(TokenUse::Api), "--keys", &keys]);
    assert!(
        outcome.is_ok() && shown.contains("session token for the API alone"),
        "{shown}"
    );
    let (shown, outcome) = run(&["decode", &token]);
    assert!(
        outcome.is_ok() && shown.contains("not checked (give --keys FILE)"),
        "{shown}"
    );
}

#[test]
fn a_machine_is_told_the_same_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let keys = written(folder.path(), "keys.json", &ring(1).to_json());
    let strange = written(folder.path(), "other.json", &ring(50).to_json());
    let token = cookie(TokenUse::Cookie);
    let said = |line: &[&str]| -> serde_json::Value {
        let (shown, _) = run(line);
        serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"))
    };
    let good = said(&["decode", &token, "--keys", &keys, "--json"]);
    assert_eq!(good["kind"], "session cookie");
    assert_eq!(good["issued"], "2018-11-28T09:30:00Z");
    assert_eq!(good["expires"], "2018-11-28T10:30:00Z");
    assert_eq!(good["verified"], true);
    assert_eq!(good["header"]["typ"], "vst+jwt");
    assert_eq!(good["claims"]["id"], "00000000-0000-0000-0000-000000000001");
    let refused = said(&["decode", &token, "--keys", &strange, "--json"]);
    assert_eq!(refused["verified"], false);
    let unchecked = said(&["decode", &token, "--json"]);
    assert_eq!(unchecked["verified"], serde_json::Value::Null);
    let nothing = said(&["decode", "nonsense", "--json"]);
    assert_eq!(nothing["claims"], serde_json::Value::Null);
}

#[test]
fn a_token_that_does_not_stand_up_to_the_keys_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let keys = written(folder.path(), "keys.json", &ring(1).to_json());
    let strange = written(folder.path(), "other.json", &ring(50).to_json());
    let token = cookie(TokenUse::Cookie);
    for (line, reason) in [
        (
            ["decode", &token, "--keys", &strange].to_vec(),
            "the token's key is unknown",
        ),
        (
            ["decode", &token, "--keys", &keys, "--account", "other"].to_vec(),
            "the token is of another account",
        ),
    ] {
        let (shown, outcome) = run(&line);
        assert!(matches!(outcome, Err(TokenCommandError::NotVerified)));
        assert!(
            shown.contains(&format!("signature  refused: {reason}\n")),
            "{shown}"
        );
    }
}

#[test]
fn a_segment_is_shown_in_any_base64() {
    let standard = "eyJjYW1wYWlnbnMiOm51bGwsImNoYW5uZWwiOiIxIiwieCI6Ij8/Pz4+PiJ9Cg==";
    for text in [
        standard.to_owned(),
        standard.trim_end_matches('=').to_owned(),
        standard.replace('/', "_").replace('+', "-"),
        standard.replace('=', "%3D").replace('/', "%2F"),
    ] {
        let (shown, outcome) = run(&["decode", &text]);
        assert!(outcome.is_ok(), "{text}");
        assert!(
            shown.starts_with("kind       segment (unsigned)\n"),
            "{shown}"
        );
        assert!(shown.contains("\"x\": \"???>>>\""), "{shown}");
    }
    let (shown, _) = run(&["decode", "eyJhIjoxfQ"]);
    assert!(
        shown.starts_with("kind       JSON in base64 (unsigned)\n"),
        "{shown}"
    );
}

#[test]
fn minted_tokens_of_both_kinds_decode_and_verify() {
    let folder = tempfile::tempdir().unwrap();
    let private = private_key();
    let key = written(folder.path(), "login.jwk", &private);
    let public = LoginKey::parse(&private).unwrap().public_jwks();
    let jwks = written(folder.path(), "jwks.json", &public);
    let person = [
        "mint",
        "--key",
        &key,
        "--account",
        "demostore",
        "--email",
        "Ana@Example.com",
        "--user-id",
        "u-1",
        "--expires",
        "90s",
    ];
    for (extra, kind) in [
        ([].as_slice(), "VtexId token of a shopper"),
        (&["--admin"], "VtexId token of a member of staff"),
    ] {
        let (token, outcome) = run(&[&person, extra].concat());
        outcome.unwrap();
        let (shown, outcome) = run_with(&["decode", "-", "--jwks", &jwks], token.as_bytes());
        outcome.unwrap();
        for part in [
            kind,
            "good for account demostore",
            "(in 1m 30s)",
            "ana@example.com",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}

#[test]
fn a_machine_is_told_of_a_minted_token_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let key = written(folder.path(), "login.jwk", &private_key());
    let person = [
        "--account",
        "demostore",
        "--email",
        "ana@example.com",
        "--user-id",
        "u-1",
    ];
    let line = [
        &["mint", "--json", "--expires", "90s", "--key", &key],
        &person[..],
    ]
    .concat();
    let (said, outcome) = run(&line);
    outcome.unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["kind"], "VtexId token of a shopper");
    assert_eq!(said["expires"], "2018-11-28T09:36:30Z");
    assert_eq!(said["claims"]["account"], "demostore");
    let token = said["token"].as_str().unwrap();
    let (shown, _) = run(&["decode", token, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["claims"], said["claims"]);
}

#[test]
fn keys_that_are_left_out_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let private = written(
        folder.path(),
        "jwks.json",
        &format!(r#"{{"keys":[{}]}}"#, private_key()),
    );
    let (shown, _) = run(&["decode", "eyJhIjoxfQ", "--jwks", &private]);
    assert!(
        shown.starts_with("warning    ") && shown.contains("private or shared"),
        "{shown}"
    );
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = written(folder.path(), "bad.json", "{}");
    for line in [
        ["decode", "x", "--keys", &bad].as_slice(),
        &["decode", "x", "--jwks", &bad],
        &["decode", "x", "--jwks", "missing/bad.json"],
        &[
            "mint",
            "--key",
            &bad,
            "--account",
            "a",
            "--email",
            "a@b",
            "--user-id",
            "u",
        ],
    ] {
        let error = run(line).1.unwrap_err().to_string();
        assert!(error.contains("bad.json"), "{error}");
    }
}

#[test]
fn garbage_is_told_apart_and_never_moves_the_cursor() {
    for text in [
        "",
        "-x",
        "....",
        "a.b.c",
        "\u{1b}[2J",
        "é",
        &"A".repeat(60_000),
    ] {
        let (shown, outcome) = run(&["decode", text]);
        assert!(
            matches!(outcome, Err(TokenCommandError::Unknown)),
            "{text:?}"
        );
        assert!(shown.starts_with("kind       unknown"));
    }
    let (_, outcome) = run_with(&["decode", "-"], &vec![b'A'; 70_000]);
    assert!(matches!(outcome, Err(TokenCommandError::NotAText)));
    let (_, outcome) = run_with(&["decode", "-"], &[0xff, 0xfe]);
    assert!(matches!(outcome, Err(TokenCommandError::NotAText)));
    let escape = "{\"a\":\"\u{9b}31m \u{202e}\u{7f}\"}";
    let text = STANDARD.encode(escape);
    let (shown, _) = run(&["decode", &text]);
    assert!(shown.contains(r"\u{9b}31m \u{202e}\u{7f}"), "{shown}");
}

#[test]
fn a_token_of_a_refused_shape_is_still_shown() {
    // {"alg":"none","crit":["x"]} and {"exp":-9999999999999999}
    let header = "eyJhbGciOiJub25lIiwiY3JpdCI6WyJ4Il19";
    let (shown, outcome) = run(&[
        "decode",
        &format!("{header}.eyJleHAiOi05OTk5OTk5OTk5OTk5OTk5OX0."),
    ]);
    assert!(outcome.is_ok());
    assert!(
        shown.contains("shape      never accepted: the token demands an extension"),
        "{shown}"
    );
    assert!(shown.contains("signed token of another kind"), "{shown}");
}

proptest! {
    #[test]
    fn decoding_any_text_never_panics(
        text in "\\PC{0,200}",
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        number in any::<i64>(),
    ) {
            let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let claims = format!(r#"{{"iat":{number},"exp":{number},"ims":{number}}}"#);
        let header = base64(br#"{"alg":"HS256","typ":"vst+jwt"}"#);
        let signed = format!("{header}.{}.{}", base64(claims.as_bytes()), base64(&bytes));
        for text in [text.as_str(), &base64(&bytes), &signed] {
            drop(run_with(&["decode", "-"], text.as_bytes()));
        }
        drop(run_with(&["decode", "-"], &bytes));
    }
}
