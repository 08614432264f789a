//! Signatures that verify, and everything that must not.

use super::key::{PrivateKey, PrivateKeyError, TokenAlgorithm, draw_secret};
use super::*;
use proptest::prelude::*;

const ALGORITHMS: [TokenAlgorithm; 3] = [
    TokenAlgorithm::Hs256,
    TokenAlgorithm::Es256,
    TokenAlgorithm::EdDsa,
];

fn key(algorithm: TokenAlgorithm) -> PrivateKey {
    PrivateKey::from_secret(algorithm, &[7; 32]).unwrap()
}

fn token(header: &str, payload: &str) -> String {
    key(TokenAlgorithm::Hs256).seal(header, payload)
}

fn refusal(token: &str) -> JwsError {
    Compact::read(token, 8192)
        .and_then(|compact| compact.claims().map(|_| ()))
        .unwrap_err()
}

#[test]
fn each_algorithm_verifies_what_it_signed_and_nothing_else() {
    for algorithm in ALGORITHMS {
        let own = key(algorithm);
        let token = own.seal(&format!(r#"{{"alg":"{}"}}"#, algorithm.name()), "{}");
        let compact = Compact::read(&token, 512).unwrap();
        assert_eq!(compact.header().algorithm, algorithm.name());
        assert!(compact.is_signed_by(own.public()), "{algorithm:?}");
        let other = PrivateKey::from_secret(algorithm, &[8; 32]).unwrap();
        assert!(!compact.is_signed_by(other.public()), "{algorithm:?}");
    }
}

#[test]
fn a_key_never_verifies_with_another_algorithm_than_its_own() {
    for signer in ALGORITHMS {
        let token = key(signer).seal(r#"{"alg":"HS256"}"#, "{}");
        let compact = Compact::read(&token, 512).unwrap();
        for verifier in ALGORITHMS {
            let verified = compact.is_signed_by(key(verifier).public());
            assert_eq!(verified, signer == verifier, "{signer:?} {verifier:?}");
        }
    }
}

#[test]
fn headers_that_demand_an_extension_are_refused() {
    for header in [
        r#"{"alg":"HS256","crit":["x-unknown"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","b64":true}"#,
    ] {
        assert_eq!(
            refusal(&token(header, "{}")),
            JwsError::Critical,
            "{header}"
        );
    }
}

#[test]
fn tokens_of_another_shape_are_malformed() {
    let good = token(r#"{"alg":"HS256"}"#, "{}");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        message.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}.{signature}.{signature}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header}.\n{payload}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}..{signature}"),
        format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#),
        good.replace('.', "\u{ff0e}"),
    ] {
        assert_eq!(refusal(&bad), JwsError::Malformed, "{bad:?}");
    }
}

#[test]
fn headers_and_payloads_are_objects_with_unique_members() {
    let crowd = (0..100).map(|n| format!(r#""m{n}":1"#)).collect::<Vec<_>>();
    let crowd = format!("{{{}}}", crowd.join(","));
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    for json in [
        "",
        "[]",
        "null",
        "1",
        "{} {}",
        "{",
        r#"{"sub":"alice","sub":"admin"}"#,
        r#"{"x":1,"y":2,"x":1}"#,
        r#"{"sub":"alice","\u0073ub":"admin"}"#,
        &crowd,
        &deep,
    ] {
        let payload = token(r#"{"alg":"HS256"}"#, json);
        assert_eq!(refusal(&payload), JwsError::Malformed, "payload {json}");
        let header = json.replacen('{', r#"{"alg":"HS256","#, 1);
        assert_eq!(
            refusal(&token(&header, "{}")),
            JwsError::Malformed,
            "header {json}"
        );
    }
    assert_eq!(refusal(&token("{}", "{}")), JwsError::Malformed);
    assert_eq!(refusal(&token(r#"{"alg":1}"#, "{}")), JwsError::Malformed);
    assert_eq!(
        refusal(&token(r#"{"alg":"HS256","kid":7}"#, "{}")),
        JwsError::Malformed
    );
    assert_eq!(
        refusal(&token(r#"{"alg":"HS256","kid":null}"#, "{}")),
        JwsError::Malformed
    );
}

#[test]
fn the_size_is_looked_at_before_anything_else() {
    let token = token(r#"{"alg":"HS256"}"#, "{}");
    assert!(Compact::read(&token, token.len()).is_ok());
    for huge in ["A".repeat(1 << 20), ".".repeat(1 << 20)] {
        assert_eq!(refusal(&huge), JwsError::TooLong);
    }
    assert_eq!(
        Compact::read(&token, token.len() - 1).unwrap_err(),
        JwsError::TooLong
    );
}

#[test]
fn moments_are_whole_seconds_in_our_era() {
    for (json, expected) in [
        (r#"{"exp":0}"#, Ok(Some(0))),
        (r#"{"exp":253402300799}"#, Ok(Some(253_402_300_799))),
        (r#"{"exp":253402300800}"#, Err(JwsError::Malformed)),
        (r#"{"exp":-1}"#, Err(JwsError::Malformed)),
        (r#"{"exp":1.5}"#, Err(JwsError::Malformed)),
        (r#"{"exp":1e9}"#, Err(JwsError::Malformed)),
        (r#"{"exp":99999999999999999999}"#, Err(JwsError::Malformed)),
        (r#"{"exp":"1543397700"}"#, Err(JwsError::Malformed)),
        (r#"{"exp":[1543397700]}"#, Err(JwsError::Malformed)),
        (r#"{"exp":null}"#, Err(JwsError::Malformed)),
        ("{}", Ok(None)),
    ] {
        let members = Members::read(json.as_bytes()).unwrap();
        assert_eq!(members.seconds("exp"), expected, "{json}");
    }
}

#[test]
fn weak_and_impossible_secrets_make_no_key() {
    // The order of P-256 itself, the smallest number above all its scalars.
    let order = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    for (algorithm, secret, reason) in [
        (
            TokenAlgorithm::Hs256,
            [1; 31].as_slice(),
            PrivateKeyError::ShortSecret,
        ),
        (TokenAlgorithm::Es256, &[1; 31], PrivateKeyError::NotP256),
        (TokenAlgorithm::Es256, &[1; 33], PrivateKeyError::NotP256),
        (TokenAlgorithm::Es256, &[0; 32], PrivateKeyError::NotP256),
        (TokenAlgorithm::Es256, &order, PrivateKeyError::NotP256),
        (TokenAlgorithm::EdDsa, &[1; 31], PrivateKeyError::NotEd25519),
        (TokenAlgorithm::EdDsa, &[1; 64], PrivateKeyError::NotEd25519),
    ] {
        assert_eq!(
            PrivateKey::from_secret(algorithm, secret).unwrap_err(),
            reason
        );
    }
}

#[test]
fn a_draw_outside_the_curve_is_made_again() {
    let mut draws = [u128::MAX, u128::MAX, 1, 2].into_iter();
    let secret = draw_secret(TokenAlgorithm::Es256, &mut || draws.next().unwrap());
    assert_eq!((secret[15], secret[31]), (1, 2));
}

#[test]
fn debug_output_shows_no_secret() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm);
        assert_eq!(
            format!("{key:?}"),
            format!("PrivateKey({})", algorithm.name())
        );
        assert_eq!(
            format!("{:?}", key.public()),
            format!("PublicKey({})", algorithm.name())
        );
    }
}

proptest! {
    #[test]
    fn reading_never_panics(
        text in "\\PC{0,300}",
        parts in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        drop(Compact::read(&text, 256));
        drop(Members::read(&parts));
        let part = URL_SAFE_NO_PAD.encode(&parts);
        let token = format!("{part}.{part}.{part}");
        drop(Compact::read(&token, 8192).and_then(|compact| compact.claims()));
    }
}
