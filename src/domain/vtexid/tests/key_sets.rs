//! Public key sets: what is taken, what is left out with a warning, what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

/// A 2048-bit modulus, and a token that its key signed once. The private half is gone.
const MODULUS: &str = concat!(
    "kjvZEyHmuxfbj9LYCNsXsQJW5h5r8Fqk81NWPJ6DF03ahJve5iyy5YvUXWazTRTr1F7UnPOuJ6R1oljjVnNlo6Bql0",
    "nM88OZ6neD8uHhNXRKSTnhlX1ag8DlHNA8xYUXOn5u768BKWAlUu6GAZgLdFrN-js4PLIGoP5w_xFQEtCjnwaeotNd",
    "RqXmiJNVKUvrp3KtzDQjgyWpgefJQQmF8OdsRvZe2ZgyEyhx7hy78DFNtK7psBFLVoVeSEI3lNtMAJCPH4Q19pgW2B",
    "1Tgu-fX3hOcuWZzocbaRXI9EjuAabiiWslbd2vaMRt8d5VYdMgdDxafDuPFagWkkivh-tI5w",
);
const SIGNED: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbmFAZXhhbXBsZS5jb20iLCJhY",
    "2NvdW50IjoiZGVtb3N0b3JlIiwiYXVkaWVuY2UiOiJ3ZWJzdG9yZSIsInVzZXJJZCI6InUtMSIsImV4cCI6MTU0MzQ",
    "wMTMwMCwiaWF0IjoxNTQzMzk3NzAwLCJpc3MiOiJ0b2tlbi1lbWl0dGVyIn0.DkLY5RUHWzWFuWFr8tNqA8R3z55Hi",
    "IYGh9YY4uZiSy7U1sEYWAgonHrJ3hA2goUXILMencnrAO8G5zssboVqFClzwtX2cOrAqwMdnDHFyaWZItS6NY-Zh0d",
    "xmj9-eUSccKX7CVuQLqo0XVr84e4qhBv13NZ4pbKcLfL6PimlFYHBGrF8FAzm68uK0H7uFp7nWn6E0iAYYQGp8xGWG",
    "MZ54PySyuKcKlwat_bYooy2BiBVZriwyeIce6hJwrCE1KegaWaE9TXQCZoq00_QDHoIDm2sh54nARIV5zt1qclZU7F",
    "dX-8OrrQN7pJqlg1WT2BPjB9CinlNmFN7ozFv4VBLIQ",
);

fn rsa() -> Value {
    json!({"kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB"})
}

fn ec() -> Value {
    let set: Value = serde_json::from_str(&key().public_jwks()).unwrap();
    set["keys"][0].clone()
}

fn okp() -> Value {
    let private = PrivateKey::from_secret(TokenAlgorithm::EdDsa, &[7; 32]).unwrap();
    let mut jwk = private.public_jwk().unwrap();
    jwk["kid"] = json!("ed");
    jwk
}

fn parse(keys: &[Value]) -> (VtexIdKeys, Vec<KeyWarning>) {
    VtexIdKeys::parse(&json!({"keys": keys}).to_string()).unwrap()
}

fn altered(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn an_rs256_token_verifies_under_its_key() {
    let (keys, warnings) = parse(&[rsa()]);
    assert_eq!(warnings, []);
    let person = keys
        .verify(SIGNED, ACCOUNT, Audience::Webstore, T0)
        .unwrap();
    assert_eq!(person.email, "ana@example.com");
    let (message, _) = SIGNED.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", "A".repeat(342));
    let refusal = keys.verify(&forged, ACCOUNT, Audience::Webstore, T0);
    assert_eq!(refusal, Err(VtexIdError::BadSignature));
}

#[test]
fn the_rsa_modulus_is_no_hmac_secret() {
    let (keys, _) = parse(&[rsa()]);
    let modulus = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
    let hmac = PrivateKey::from_secret(TokenAlgorithm::Hs256, &modulus).unwrap();
    for (algorithm, reason) in [
        ("HS256", VtexIdError::WrongAlgorithm),
        ("RS256", VtexIdError::BadSignature),
    ] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"rsa"}}"#);
        let token = hmac.seal(&header, &shopper_claims().to_string());
        assert_eq!(
            keys.verify(&token, ACCOUNT, Audience::Webstore, T0),
            Err(reason)
        );
    }
}

#[test]
fn keys_for_another_purpose_are_left_out() {
    for (jwk, fault) in [
        (
            altered(ec(), "use", json!("enc")),
            KeyFault::NotForVerifying,
        ),
        (altered(ec(), "use", json!(7)), KeyFault::NotForVerifying),
        (
            altered(ec(), "key_ops", json!(["encrypt"])),
            KeyFault::NotForVerifying,
        ),
        (
            altered(ec(), "key_ops", json!(["sign"])),
            KeyFault::NotForVerifying,
        ),
        (
            altered(ec(), "key_ops", json!([])),
            KeyFault::NotForVerifying,
        ),
        (
            altered(ec(), "key_ops", json!("verify")),
            KeyFault::NotForVerifying,
        ),
        (altered(ec(), "d", json!("AAAA")), KeyFault::NotPublic),
        (
            json!({"kty": "oct", "kid": "s", "k": "A".repeat(43)}),
            KeyFault::NotPublic,
        ),
        (json!({"kty": "oct", "kid": "s"}), KeyFault::NotPublic),
        (altered(ec(), "kid", json!("")), KeyFault::NoId),
        (altered(ec(), "kid", json!(7)), KeyFault::NoId),
        (altered(ec(), "kid", json!("k".repeat(129))), KeyFault::NoId),
        (altered(ec(), "kty", json!("XX")), KeyFault::UnknownType),
        (json!("key"), KeyFault::BadNumbers),
    ] {
        let (keys, warnings) = parse(&[jwk.clone(), okp()]);
        assert_eq!(keys.len(), 1, "the other key still counts: {jwk}");
        assert_eq!((warnings.len(), warnings[0].index), (1, 0));
        assert_eq!(warnings[0].fault, fault, "{jwk}");
    }
    for purpose in [json!(["verify"]), json!(["sign", "verify"])] {
        assert_eq!(parse(&[altered(ec(), "key_ops", purpose)]).1, []);
    }
}

#[test]
fn keys_whose_parts_do_not_fit_are_left_out() {
    for (jwk, fault) in [
        (
            altered(ec(), "alg", json!("ES384")),
            KeyFault::WrongAlgorithm,
        ),
        (
            altered(ec(), "alg", json!("HS256")),
            KeyFault::WrongAlgorithm,
        ),
        (altered(ec(), "alg", json!(256)), KeyFault::WrongAlgorithm),
        (
            altered(rsa(), "alg", json!("PS256")),
            KeyFault::WrongAlgorithm,
        ),
        (
            altered(rsa(), "alg", json!("none")),
            KeyFault::WrongAlgorithm,
        ),
        (
            altered(okp(), "alg", json!("ES256")),
            KeyFault::WrongAlgorithm,
        ),
        (altered(ec(), "crv", json!("P-384")), KeyFault::UnknownType),
        (
            altered(ec(), "crv", json!("secp256k1")),
            KeyFault::UnknownType,
        ),
        (
            altered(ec(), "crv", json!("Ed25519")),
            KeyFault::UnknownType,
        ),
        (
            altered(okp(), "crv", json!("X25519")),
            KeyFault::UnknownType,
        ),
        (altered(okp(), "crv", json!("Ed448")), KeyFault::UnknownType),
        (altered(ec(), "x", ec()["y"].clone()), KeyFault::BadNumbers),
        (altered(ec(), "x", json!("AAAA")), KeyFault::BadNumbers),
        (altered(ec(), "y", json!(null)), KeyFault::BadNumbers),
        (altered(okp(), "x", json!("AAAA")), KeyFault::BadNumbers),
        (
            altered(okp(), "x", json!("A".repeat(86))),
            KeyFault::BadNumbers,
        ),
        (altered(rsa(), "n", json!("++++")), KeyFault::BadNumbers),
    ] {
        let (keys, warnings) = parse(std::slice::from_ref(&jwk));
        assert!(keys.is_empty());
        assert_eq!(warnings[0].fault, fault, "{jwk}");
    }
}

/// 65537 to the 128th power: 2049 bits, odd, and what the flawed generator's moduli look like.
fn flawed_modulus() -> Vec<u8> {
    let mut number = vec![1_u8];
    for _ in 0..128 {
        let shifted = [number.as_slice(), &[0, 0]].concat();
        let padded = [&[0, 0], number.as_slice()].concat();
        let mut carry = 0;
        number = vec![0; shifted.len()];
        for (sum, (a, b)) in number.iter_mut().zip(shifted.iter().zip(&padded)).rev() {
            let total = u16::from(*a) + u16::from(*b) + carry;
            *sum = total.to_le_bytes()[0];
            carry = total >> 8;
        }
        assert_eq!(carry, 0);
    }
    number
}

#[test]
fn weak_rsa_keys_are_left_out() {
    let modulus = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
    let rsa = |n: &[u8], e: &[u8]| {
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        json!({"kty": "RSA", "kid": "rsa", "n": n, "e": e})
    };
    let mut even = modulus.clone();
    *even.last_mut().unwrap() &= 0xfe;
    let usual = [1, 0, 1];
    for (jwk, fault) in [
        (rsa(&modulus[..128], &usual), KeyFault::RsaSize(1024)),
        (
            rsa(&[&[0; 128], &modulus[..128]].concat(), &usual),
            KeyFault::RsaSize(1024),
        ),
        (rsa(&modulus[1..], &usual), KeyFault::RsaSize(2038)),
        (
            rsa(&[modulus.clone(), vec![1]].concat().repeat(3), &usual),
            KeyFault::RsaSize(6168),
        ),
        (rsa(&[], &usual), KeyFault::RsaSize(0)),
        (rsa(&even, &usual), KeyFault::RsaNumbers),
        (rsa(&modulus, &[1]), KeyFault::RsaNumbers),
        (rsa(&modulus, &[0, 0, 1]), KeyFault::RsaNumbers),
        (rsa(&modulus, &[2]), KeyFault::RsaNumbers),
        (rsa(&modulus, &[1, 0, 0]), KeyFault::RsaNumbers),
        (rsa(&modulus, &[]), KeyFault::RsaNumbers),
        (rsa(&modulus, &[1, 0, 0, 0, 1]), KeyFault::RsaNumbers),
        (rsa(&flawed_modulus(), &usual), KeyFault::RsaFlawed),
    ] {
        let (keys, warnings) = parse(std::slice::from_ref(&jwk));
        assert!(keys.is_empty());
        assert_eq!(warnings[0].fault, fault, "{jwk}");
    }
}

#[test]
fn two_keys_of_one_id_are_both_left_out() {
    let twin = altered(okp(), "kid", ec()["kid"].clone());
    for pair in [[ec(), twin.clone()], [twin, ec()], [ec(), ec()]] {
        let (keys, warnings) = parse(&[pair.to_vec(), vec![rsa()]].concat());
        assert_eq!(keys.len(), 1);
        assert_eq!(warnings.len(), 2);
        assert!(
            warnings
                .iter()
                .all(|warning| warning.fault == KeyFault::DuplicateId)
        );
        let refusal = keys.verify(&shopper_token(), ACCOUNT, Audience::Webstore, T0);
        assert_eq!(refusal, Err(VtexIdError::UnknownKey));
    }
}

#[test]
fn sets_join_and_the_same_key_in_both_counts_once() {
    let ((one, _), (other, _)) = (parse(&[ec(), okp()]), parse(&[ec(), rsa()]));
    let (both, warnings) = one.join(other);
    assert_eq!((both.len(), warnings.len()), (3, 0));
    let (twin, _) = parse(&[altered(okp(), "kid", ec()["kid"].clone())]);
    let (both, warnings) = both.join(twin);
    assert_eq!((both.len(), warnings.len()), (2, 2));
}

#[test]
fn texts_that_are_no_key_set_are_refused() {
    let crowd = json!({"keys": vec![ec(); 101]}).to_string();
    let padded = format!("{}{}", " ".repeat(256 * 1024), r#"{"keys":[]}"#);
    for (text, reason) in [
        ("", VtexIdKeysError::NotAKeySet),
        ("<html>", VtexIdKeysError::NotAKeySet),
        ("[]", VtexIdKeysError::NotAKeySet),
        ("{}", VtexIdKeysError::NotAKeySet),
        (r#"{"keys":{}}"#, VtexIdKeysError::NotAKeySet),
        (&crowd, VtexIdKeysError::TooLarge),
        (&padded, VtexIdKeysError::TooLarge),
    ] {
        assert_eq!(VtexIdKeys::parse(text).unwrap_err(), reason);
    }
}

#[test]
fn warnings_name_the_key_and_the_reason() {
    let (_, warnings) = parse(&[altered(ec(), "kid", json!("k\n1")), json!({"use": "enc"})]);
    assert_eq!(
        warnings[0].to_string(),
        "keys[1] is left out: the key is not for verifying"
    );
    let (_, warnings) = parse(&[altered(okp(), "use", json!("enc"))]);
    assert_eq!(
        warnings[0].to_string(),
        r#"keys[0] ("ed") is left out: the key is not for verifying"#
    );
}

proptest! {
    #[test]
    fn parsing_any_text_never_panics(
        text in "\\PC{0,300}",
        name in "(kty|crv|x|y|n|e|kid|alg|use|key_ops)",
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        drop(VtexIdKeys::parse(&text));
        for jwk in [ec(), okp(), rsa()] {
            let encoded = json!(URL_SAFE_NO_PAD.encode(&bytes));
            let (_, warnings) = parse(&[altered(jwk.clone(), &name, encoded)]);
            prop_assert!(warnings.len() <= 1);
            parse(&[altered(jwk, &name, json!(text))]);
        }
    }
}
