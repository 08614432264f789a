//! Key rings as files: what is read, what is refused and where, who signs when.

use serde_json::{Value, json};

use super::*;

const WAIT: Duration = Duration::from_mins(10);
const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_new_key_verifies_at_once_and_signs_after_its_wait() {
    let mut ring = ring(TokenAlgorithm::Hs256);
    let first = ring.signing_key(T0).kid().to_owned();
    let rotated = T0.plus(DAY);
    let second = ring.add_key(TokenAlgorithm::EdDsa, rotated, &mut draws(5));
    let takes_over = rotated.plus(WAIT);
    for (now, signs) in [
        (rotated, &first),
        (takes_over.minus(Duration::from_millis(1)), &first),
        (takes_over, &second),
        // A clock set back before every key: the oldest signs.
        (T0.minus(DAY), &first),
    ] {
        assert_eq!(ring.signing_key(now).kid(), signs);
        assert!(ring.is_primary(signs, now));
    }
    let by_first = sign_token(&ring, &claims("a"), rotated).unwrap();
    let by_second = sign_token(&ring, &claims("a"), takes_over).unwrap();
    let primary = |token: &str, now| verify_token(&ring, "a", token, now).unwrap().primary;
    assert!(primary(&by_first, rotated));
    assert!(
        !primary(&by_first, takes_over),
        "to be re-issued under the newer key"
    );
    assert!(primary(&by_second, takes_over));
    assert!(
        !primary(&by_second, rotated),
        "an instance whose clock is behind still takes it"
    );
}

#[test]
fn the_wait_is_the_callers_to_choose() {
    let mut ring = ring(TokenAlgorithm::Hs256).with_sign_after(Duration::ZERO);
    let second = ring.add_key(TokenAlgorithm::Hs256, T0, &mut draws(5));
    assert!(!ring.is_primary(&second, T0));
    assert!(ring.is_primary(&second, T0.plus(Duration::from_millis(1))));
}

#[test]
fn a_key_is_retired_once_it_has_been_out_of_use_for_the_span() {
    let mut ring = ring(TokenAlgorithm::Hs256);
    let first = ring.signing_key(T0).kid().to_owned();
    let token = sign_token(&ring, &claims("a"), T0).unwrap();
    let rotated = T0.plus(90 * DAY);
    ring.add_key(TokenAlgorithm::Hs256, rotated, &mut draws(5));
    let idle_since = rotated.plus(WAIT);
    for now in [
        rotated,
        idle_since,
        idle_since.plus(30 * DAY).minus(Duration::from_millis(1)),
    ] {
        assert!(ring.retire_unused(30 * DAY, now).is_empty());
        assert!(verify_token(&ring, "a", &token, now).is_ok());
    }
    let now = idle_since.plus(30 * DAY);
    assert_eq!(ring.retire_unused(30 * DAY, now), vec![first]);
    assert_eq!(
        verify_token(&ring, "a", &token, now),
        Err(TokenError::RetiredKey)
    );
    assert!(
        ring.retire_unused(Duration::ZERO, now.plus(900 * DAY))
            .is_empty(),
        "the last stays"
    );
}

#[test]
fn each_key_tells_what_it_does() {
    let mut ring = ring(TokenAlgorithm::Hs256);
    for day in [1, 2, 3] {
        ring.add_key(
            TokenAlgorithm::Hs256,
            T0.plus(day * DAY),
            &mut draws(u128::from(day)),
        );
    }
    ring.retire_unused(DAY, T0.plus(2 * DAY).plus(WAIT));
    let from = |day: u32| T0.plus(day * DAY).plus(WAIT);
    assert_eq!(
        ring.uses(T0.plus(3 * DAY)),
        vec![
            KeyUse::Retired,
            KeyUse::Verifies,
            KeyUse::Signs(from(2)),
            KeyUse::Waits(from(3)),
        ]
    );
}

#[test]
fn a_ring_reads_back_as_it_was_written() {
    for algorithm in ALGORITHMS {
        let mut ring = ring(algorithm);
        ring.add_key(algorithm, T0.plus(DAY), &mut draws(5));
        ring.retire_unused(Duration::ZERO, T0.plus(2 * DAY));
        let json = ring.to_json();
        let read = KeyRing::parse(&json).unwrap();
        assert_eq!(read.to_json(), json);
        let token = sign_token(&ring, &claims("a"), T0.plus(2 * DAY)).unwrap();
        assert!(verify_token(&read, "a", &token, T0.plus(2 * DAY)).is_ok());
        assert_eq!(
            hash_token(read.hash_key(), "x"),
            hash_token(ring.hash_key(), "x")
        );
    }
}

#[test]
fn a_rotation_keeps_the_hash_key() {
    let mut ring = ring(TokenAlgorithm::Hs256);
    let before = hash_token(ring.hash_key(), "x");
    ring.add_key(TokenAlgorithm::Hs256, T0.plus(DAY), &mut draws(5));
    assert_eq!(hash_token(ring.hash_key(), "x"), before);
}

#[test]
fn a_key_made_by_a_clock_set_back_is_still_the_newest() {
    let mut ring = ring(TokenAlgorithm::Hs256);
    let second = ring.add_key(TokenAlgorithm::Hs256, T0.minus(DAY), &mut draws(5));
    assert!(ring.is_primary(&second, T0.plus(DAY)));
}

#[test]
fn only_public_halves_leave_a_key() {
    let jwk = |algorithm| ring(algorithm).signing_key(T0).public_jwk();
    assert_eq!(jwk(TokenAlgorithm::Hs256), None);
    for (algorithm, members) in [
        (TokenAlgorithm::Es256, ["kty", "crv", "x", "y"].as_slice()),
        (TokenAlgorithm::EdDsa, &["kty", "crv", "x"]),
    ] {
        let jwk = jwk(algorithm).unwrap();
        let names: Vec<&str> = jwk
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, members);
    }
}

fn file() -> Value {
    let mut ring = ring(TokenAlgorithm::Hs256);
    ring.add_key(TokenAlgorithm::Es256, T0.plus(DAY), &mut draws(5));
    serde_json::from_str(&ring.to_json()).unwrap()
}

fn assert_refusals(cases: &[(&str, Value, &str)]) {
    for (pointer, value, message) in cases {
        let mut file = file();
        *file.pointer_mut(pointer).unwrap() = value.clone();
        let refusal = KeyRing::parse(&file.to_string()).unwrap_err();
        assert_eq!(refusal.to_string(), *message);
    }
}

#[test]
fn a_bad_file_is_refused_with_the_place_and_the_reason() {
    let version =
        "version: version 2 of the key file is not known here; this program reads version 1";
    assert_refusals(&[
        ("/version", json!(2), version),
        ("/version", json!("1"), "version: expected a whole number"),
        (
            "/hash_key",
            json!("AAAA"),
            "hash_key: a hash key has 16 bytes, this has 3",
        ),
        (
            "/hash_key",
            json!("=="),
            "hash_key: not base64url without padding",
        ),
        ("/keys", json!({}), "keys: expected a list of keys"),
        ("/keys", json!([]), "keys: no key is active"),
        ("/keys/1", json!(7), "keys[1]: expected an object"),
    ]);
}

#[test]
fn a_bad_key_is_refused_with_the_place_and_the_reason() {
    let twin = file()["keys"][0]["kid"].clone();
    let kid = "keys[1].kid: a key id has 1 to 64 letters, digits, -, _ or .";
    let alg = "keys[1].alg: the algorithm is one of HS256, ES256, EdDSA";
    let scalar = "keys[1].secret: this is no P-256 private key of 32 bytes";
    let short = "keys[0].secret: an HS256 secret has at least 32 bytes";
    assert_refusals(&[
        ("/keys/1/kid", twin, "keys[1].kid: another key has this id"),
        ("/keys/1/kid", json!("a b"), kid),
        ("/keys/1/kid", json!("k".repeat(65)), kid),
        ("/keys/1/alg", json!("none"), alg),
        ("/keys/1/alg", json!("RS256"), alg),
        (
            "/keys/1/state",
            json!("old"),
            "keys[1].state: the state is active or retired",
        ),
        (
            "/keys/1/created_ms",
            json!("now"),
            "keys[1].created_ms: expected a whole number",
        ),
        ("/keys/1/secret", json!("AAAA"), scalar),
        ("/keys/0/secret", json!("A".repeat(40)), short),
        (
            "/keys/0/secret",
            json!(null),
            "keys[0].secret: expected a string",
        ),
    ]);
}

#[test]
fn a_file_of_another_shape_is_refused() {
    let mut odd = file();
    odd["keys"][0]["sekret"] = json!("x");
    let mut retired = file();
    retired["keys"][0]["state"] = json!("retired");
    retired["keys"][1]["state"] = json!("retired");
    let mut misspelt = file();
    misspelt["hashkey"] = json!("x");
    for (text, message) in [
        (odd.to_string(), "keys[0].sekret: unknown member"),
        (misspelt.to_string(), "hashkey: unknown member"),
        (retired.to_string(), "keys: no key is active"),
        (String::new(), "line 1 column 0: not JSON"),
        ("[]".to_owned(), "key file: expected an object"),
        ("{\n  oops".to_owned(), "line 2 column 3: not JSON"),
    ] {
        assert_eq!(KeyRing::parse(&text).unwrap_err().to_string(), message);
    }
}

#[test]
fn errors_never_quote_a_secret() {
    let secret = "c2VjcmV0c2VjcmV0";
    for pointer in [
        "/hash_key",
        "/keys/0/secret",
        "/keys/1/secret",
        "/keys/0/alg",
        "/keys/0/state",
    ] {
        let mut file = file();
        *file.pointer_mut(pointer).unwrap() = json!(secret);
        let error = KeyRing::parse(&file.to_string()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

proptest! {
    #[test]
    fn parsing_any_text_never_panics(text in "\\PC{0,300}", member in "[a-z_]{1,12}", number in any::<f64>()) {
        drop(KeyRing::parse(&text));
        let mut file = file();
        file["keys"][0][&member] = json!(text);
        drop(KeyRing::parse(&file.to_string()));
        file["keys"][1][&member] = json!(number);
        drop(KeyRing::parse(&file.to_string()));
        file[&member] = json!([text, number]);
        drop(KeyRing::parse(&file.to_string()));
    }
}
