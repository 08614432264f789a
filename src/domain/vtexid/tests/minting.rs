//! Minted login tokens, and the keys that cannot mint.

use super::*;
use crate::domain::jws::key::PrivateKeyError;

#[test]
fn a_login_key_is_read_as_it_was_written() {
    let jwk = draw_login_key(&mut draws(1));
    let key = LoginKey::parse(&jwk).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&jwk).unwrap()["kid"],
        key.kid()
    );
    assert!(!key.public_jwks().contains("\"d\""));
    let (keys, warnings) = VtexIdKeys::parse(&key.public_jwks()).unwrap();
    assert_eq!((keys.len(), warnings.len()), (1, 0));
    assert!(
        keys.verify(&shopper_token(), ACCOUNT, Audience::Webstore, T0)
            .is_ok()
    );
}

#[test]
fn an_ed25519_key_mints_too() {
    // RFC 8037 appendix A.1.
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let key = LoginKey::parse(&jwk.to_string()).unwrap();
    // RFC 8037 appendix A.3: kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k, cut to 16 bytes.
    assert_eq!(key.kid(), "90facafea9b1556698540f70c0117a22");
    let token = mint(&key, &login(Audience::Admin), T0).unwrap();
    assert!(
        key.public_keys()
            .verify(&token, ACCOUNT, Audience::Admin, T0)
            .is_ok()
    );
}

#[test]
fn texts_that_are_no_private_key_are_refused() {
    let jwk: Value = serde_json::from_str(&draw_login_key(&mut draws(1))).unwrap();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk.to_string()
    };
    for (text, reason) in [
        (String::new(), LoginKeyError::NotAKey),
        ("hello".to_owned(), LoginKeyError::NotAKey),
        (with("kty", json!("RSA")), LoginKeyError::UnknownType),
        (with("crv", json!("P-384")), LoginKeyError::UnknownType),
        (with("d", json!(null)), LoginKeyError::UnknownType),
        (
            with("d", json!("AAAA")),
            LoginKeyError::Private(PrivateKeyError::NotP256),
        ),
        (with("x", json!("AAAA")), LoginKeyError::Mismatch),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
            LoginKeyError::Private(PrivateKeyError::Pem),
        ),
    ] {
        assert_eq!(LoginKey::parse(&text).unwrap_err(), reason, "{text}");
    }
}

#[test]
fn a_pem_text_reads_as_the_same_key_as_its_jwk() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let jwk: Value = serde_json::from_str(&draw_login_key(&mut draws(1))).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    // PKCS #8 as openssl writes it, with the public half inside.
    let der = [
        URL_SAFE_NO_PAD
            .decode("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg")
            .unwrap(),
        part("d"),
        vec![0xa1, 0x44, 0x03, 0x42, 0x00, 0x04],
        part("x"),
        part("y"),
    ];
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.concat())
    );
    assert_eq!(
        LoginKey::parse(&pem).unwrap().public_jwks(),
        key().public_jwks()
    );
}

#[test]
fn what_would_not_verify_is_not_minted() {
    let good = login(Audience::Webstore);
    for (login, reason) in [
        (
            Login {
                email: "a@b@c",
                ..good
            },
            MintError::Email,
        ),
        (
            Login {
                user_id: "",
                ..good
            },
            MintError::UserId,
        ),
        (
            Login {
                user_id: "a b",
                ..good
            },
            MintError::UserId,
        ),
        (
            Login {
                account: "",
                ..good
            },
            MintError::Account,
        ),
        (
            Login {
                life: Duration::from_millis(999),
                ..good
            },
            MintError::Life,
        ),
        (
            Login {
                life: Duration::from_hours(24 * 401),
                ..good
            },
            MintError::Life,
        ),
    ] {
        assert_eq!(mint(&key(), &login, T0), Err(reason));
    }
}

#[test]
fn debug_output_shows_neither_key_nor_person() {
    let shown = format!("{:?} {:?}", key(), login(Audience::Webstore));
    let jwk: Value = serde_json::from_str(&draw_login_key(&mut draws(1))).unwrap();
    assert!(!shown.contains(jwk["d"].as_str().unwrap()) && !shown.contains("ana@"));
}
