//! Login tokens: their fixtures, and what no token can do.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::jws::key::{PrivateKey, TokenAlgorithm};

mod claims;
mod key_sets;
mod minting;
mod requests;
mod vectors;

const T0: Millis = Millis::from_secs(1_543_397_700);
const ACCOUNT: &str = "demostore";
const GUID: &str = "5f1d4c30-92d2-4d8c-9f31-a24ff8a5d2c1";
const HOUR: Duration = Duration::from_hours(1);

fn draws(mut seed: u128) -> impl FnMut() -> u128 {
    move || {
        seed = seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .wrapping_add(1);
        seed ^ (seed >> 31)
    }
}

fn key() -> LoginKey {
    LoginKey::parse(&draw_login_key(&mut draws(1))).unwrap()
}

fn login(audience: Audience) -> Login<'static> {
    Login {
        audience,
        account: ACCOUNT,
        email: "ana@example.com",
        user_id: "u-1",
        life: HOUR,
        random: 7,
    }
}

fn shopper_token() -> String {
    mint(&key(), &login(Audience::Webstore), T0).unwrap()
}

fn admin_token() -> String {
    mint(&key(), &login(Audience::Admin), T0).unwrap()
}

/// Keys of its own for tokens that `mint` would not make.
struct Forge {
    private: PrivateKey,
    keys: VtexIdKeys,
}

fn forge(algorithm: TokenAlgorithm) -> Forge {
    let private = PrivateKey::from_secret(algorithm, &[7; 32]).unwrap();
    let mut jwk = private.public_jwk().unwrap();
    jwk["kid"] = json!("k1");
    let (keys, warnings) = VtexIdKeys::parse(&json!({"keys": [jwk]}).to_string()).unwrap();
    assert_eq!(warnings, []);
    Forge { private, keys }
}

impl Forge {
    fn verdict(&self, header: &str, claims: &str, audience: Audience) -> Result<(), VtexIdError> {
        let token = self.private.seal(header, claims);
        let looked = self.keys.inspect(&token, ACCOUNT, audience, T0);
        let verdict = self.keys.verify(&token, ACCOUNT, audience, T0);
        // The cheap look refuses nothing that the dear one would take, and names the same person.
        if let Ok(person) = &verdict {
            assert_eq!(looked.as_ref().map(|claimed| &claimed.identity), Ok(person));
        }
        verdict.map(|_| ())
    }
}

const HEADER: &str = r#"{"alg":"ES256","kid":"k1","typ":"jwt"}"#;

fn shopper_claims() -> Value {
    json!({
        "sub": "ana@example.com", "account": ACCOUNT, "audience": "webstore", "userId": "u-1",
        "exp": T0.as_secs() + 3600, "iat": T0.as_secs(), "iss": "token-emitter", "sess": "s-1",
    })
}

fn admin_claims() -> Value {
    json!({
        "sub": "agent@demostore.example", "account": ADMIN_ACCOUNT, "scope": "demostore:admin",
        "userId": "a-1", "exp": T0.as_secs() + 3600, "iat": T0.as_secs(),
    })
}

/// The verdict on claims with one member replaced, or removed where the value is null.
fn with(mut claims: Value, name: &str, value: &Value) -> String {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value.clone();
    }
    claims.to_string()
}

#[test]
fn a_look_without_a_key_refuses_what_no_key_could_make_good() {
    let rules = VtexIdKeys::none().with_issuer("token-emitter");
    let forge = forge(TokenAlgorithm::Es256);
    let look = |header: &str, claims: &Value| {
        let token = forge.private.seal(header, &claims.to_string());
        let looked = rules.inspect(&token, ACCOUNT, Audience::Webstore, T0);
        looked.map(|claimed| (claimed.kid, claimed.identity.email))
    };
    let good = shopper_claims();
    let person = ("k1".to_owned(), "ana@example.com".to_owned());
    assert_eq!(look(HEADER, &good), Ok(person.clone()));
    let offered = r#"{"alg":"ES256","kid":"k1","jku":"https://evil/","jwk":{"kty":"EC"},"x5u":"https://evil/"}"#;
    assert_eq!(
        look(offered, &good),
        Ok(person),
        "what it offers itself is not read"
    );
    for (header, refusal) in [
        (r#"{"alg":"none","kid":"k1"}"#, VtexIdError::WrongAlgorithm),
        (r#"{"alg":"HS256","kid":"k1"}"#, VtexIdError::WrongAlgorithm),
        (r#"{"alg":"ES256"}"#, VtexIdError::UnknownKey),
        (
            r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#,
            VtexIdError::WrongType,
        ),
        (
            r#"{"alg":"ES256","kid":"k1","crit":["x"]}"#,
            VtexIdError::Critical,
        ),
        (
            r#"{"alg":"ES256","alg":"none","kid":"k1"}"#,
            VtexIdError::Malformed,
        ),
    ] {
        assert_eq!(look(header, &good), Err(refusal), "{header}");
    }
    for (name, value, refusal) in [
        ("exp", json!(T0.as_secs()), VtexIdError::Expired),
        ("exp", json!({"n": 1}), VtexIdError::Malformed),
        ("exp", json!(1e99), VtexIdError::Malformed),
        ("nbf", json!(T0.as_secs() + 60), VtexIdError::NotYet),
        ("iss", json!("somebody"), VtexIdError::WrongIssuer),
        ("account", json!("other"), VtexIdError::ForeignAccount),
        ("aud", json!("other"), VtexIdError::ForeignAccount),
        ("audience", json!("admin"), VtexIdError::WrongAudience),
        ("sub", json!("nobody"), VtexIdError::NoUser),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(look(HEADER, &claims), Err(refusal), "{name}");
    }
    let huge = "x".repeat(MAX_VTEXID_BYTES + 1);
    let looked = rules.inspect(&huge, ACCOUNT, Audience::Webstore, T0);
    assert_eq!(looked.unwrap_err(), VtexIdError::TooLong);
}

#[test]
fn good_tokens_say_who_it_is() {
    let keys = key().public_keys();
    let shopper = keys
        .verify(&shopper_token(), ACCOUNT, Audience::Webstore, T0)
        .unwrap();
    let admin = keys
        .verify(&admin_token(), ACCOUNT, Audience::Admin, T0)
        .unwrap();
    for (person, audience) in [(&shopper, Audience::Webstore), (&admin, Audience::Admin)] {
        assert_eq!(person.audience, audience);
        assert_eq!(
            (person.user_id.as_str(), person.email.as_str()),
            ("u-1", "ana@example.com")
        );
        assert_eq!(
            (person.account.as_str(), person.expires),
            (ACCOUNT, T0.plus(HOUR))
        );
    }
    assert!(shopper.session.is_some() && admin.session.is_none());
}

#[test]
fn es256_and_eddsa_tokens_verify_under_their_keys() {
    for (algorithm, name) in [
        (TokenAlgorithm::Es256, "ES256"),
        (TokenAlgorithm::EdDsa, "EdDSA"),
    ] {
        let forge = forge(algorithm);
        let claims = shopper_claims().to_string();
        for (header, verdict) in [
            (HEADER.replace("ES256", name), Ok(())),
            (
                HEADER.replace("ES256", "none"),
                Err(VtexIdError::WrongAlgorithm),
            ),
            (
                HEADER.replace("ES256", "None"),
                Err(VtexIdError::WrongAlgorithm),
            ),
            (
                HEADER.replace("ES256", "HS256"),
                Err(VtexIdError::WrongAlgorithm),
            ),
            (
                HEADER.replace("ES256", "RS256"),
                Err(VtexIdError::WrongAlgorithm),
            ),
            (
                HEADER.replace("ES256", ""),
                Err(VtexIdError::WrongAlgorithm),
            ),
        ] {
            assert_eq!(
                forge.verdict(&header, &claims, Audience::Webstore),
                verdict,
                "{header}"
            );
        }
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let forge = forge(TokenAlgorithm::Es256);
    let point = forge.private.public_jwk().unwrap()["x"]
        .as_str()
        .unwrap()
        .to_owned();
    let hmac = PrivateKey::from_secret(TokenAlgorithm::Hs256, point.as_bytes()).unwrap();
    for (algorithm, verdict) in [
        ("HS256", VtexIdError::WrongAlgorithm),
        ("ES256", VtexIdError::BadSignature),
    ] {
        let header = HEADER.replace("ES256", algorithm);
        let token = hmac.seal(&header, &shopper_claims().to_string());
        let refusal = forge.keys.verify(&token, ACCOUNT, Audience::Webstore, T0);
        assert_eq!(refusal, Err(verdict));
    }
}

#[test]
fn headers_choose_neither_key_nor_rules() {
    let forge = forge(TokenAlgorithm::Es256);
    let claims = shopper_claims().to_string();
    let long = "k".repeat(6000);
    let crowd: Vec<String> = (0..100).map(|n| format!(r#""m{n}":1,"#)).collect();
    let crowd = crowd.concat();
    let own = PrivateKey::from_secret(TokenAlgorithm::Es256, &[8; 32]).unwrap();
    let own = own.public_jwk().unwrap().to_string();
    let with = |from: &str, to: &str| HEADER.replace(from, to);
    for (header, verdict) in [
        (with(r#""kid":"k1","#, ""), VtexIdError::UnknownKey),
        (with("k1", "k2"), VtexIdError::UnknownKey),
        (with("k1", "../../dev/null"), VtexIdError::UnknownKey),
        (with("k1", "' OR 1=1"), VtexIdError::UnknownKey),
        (with("k1", &long), VtexIdError::TooLong),
        (with("{", &format!("{{{crowd}")), VtexIdError::Malformed),
        (
            with("{", r#"{"crit":["x-unknown"],"#),
            VtexIdError::Critical,
        ),
        (
            with("{", r#"{"b64":false,"crit":["b64"],"#),
            VtexIdError::Critical,
        ),
        (with("{", r#"{"kid":"k1","#), VtexIdError::Malformed),
        (with(r#""jwt""#, r#""vst+jwt""#), VtexIdError::WrongType),
        (with(r#""jwt""#, r#""at+jwt""#), VtexIdError::WrongType),
    ] {
        assert_eq!(
            forge.verdict(&header, &claims, Audience::Webstore),
            Err(verdict),
            "{header}"
        );
    }
    // Keys that the token brings along are not read: the signature is still by the known one.
    for extra in [
        format!(r#"{{"jwk":{own},"#),
        r#"{"jku":"https://attacker.example/jwks.json","#.to_owned(),
        r#"{"x5u":"https://attacker.example/cert","x5c":["AAAA"],"#.to_owned(),
    ] {
        let header = with("{", &extra);
        assert_eq!(
            forge.verdict(&header, &claims, Audience::Webstore),
            Ok(()),
            "{header}"
        );
        let stranger = PrivateKey::from_secret(TokenAlgorithm::Es256, &[8; 32]).unwrap();
        let token = stranger.seal(&header, &claims);
        let refusal = forge.keys.verify(&token, ACCOUNT, Audience::Webstore, T0);
        assert_eq!(refusal, Err(VtexIdError::BadSignature), "{header}");
    }
}

#[test]
fn a_token_of_one_kind_is_refused_as_the_other() {
    let keys = key().public_keys();
    let as_admin = keys.verify(&shopper_token(), ACCOUNT, Audience::Admin, T0);
    let as_shopper = keys.verify(&admin_token(), ACCOUNT, Audience::Webstore, T0);
    assert_eq!(as_admin, Err(VtexIdError::WrongAudience));
    assert_eq!(as_shopper, Err(VtexIdError::WrongAudience));
}

#[test]
fn repeated_claims_are_refused() {
    let forge = forge(TokenAlgorithm::Es256);
    let claims = shopper_claims().to_string();
    for repeated in [
        r#"{"sub":"bruno@example.com","#,
        r#"{"sess":1,"#,
        r#"{"exp":1,"#,
    ] {
        let claims = claims.replacen('{', repeated, 1);
        let refusal = forge.verdict(HEADER, &claims, Audience::Webstore);
        assert_eq!(refusal, Err(VtexIdError::Malformed), "{claims}");
    }
}

#[test]
fn a_configured_issuer_is_required() {
    let forge = forge(TokenAlgorithm::Es256);
    let keys = forge.keys.clone().with_issuer("token-emitter");
    let forge = Forge { keys, ..forge };
    for (issuer, verdict) in [
        (json!("token-emitter"), Ok(())),
        (json!("someone"), Err(VtexIdError::WrongIssuer)),
        (json!(null), Err(VtexIdError::WrongIssuer)),
        (json!(["token-emitter"]), Err(VtexIdError::Malformed)),
    ] {
        let claims = with(shopper_claims(), "iss", &issuer);
        assert_eq!(forge.verdict(HEADER, &claims, Audience::Webstore), verdict);
    }
}

#[test]
fn a_token_ends_to_the_second_whatever_the_leeway() {
    let keys = key().public_keys().with_leeway(Duration::from_mins(5));
    let token = shopper_token();
    let end = T0.plus(HOUR);
    let at = |now| {
        keys.verify(&token, ACCOUNT, Audience::Webstore, now)
            .map(|_| ())
    };
    assert_eq!(at(end.minus(Duration::from_millis(1))), Ok(()));
    assert_eq!(at(end), Err(VtexIdError::Expired));
    // The leeway for clocks behind the issuer's is cut to 5 s.
    assert_eq!(at(T0.minus(Duration::from_secs(5))), Ok(()));
    assert_eq!(
        at(T0.minus(Duration::from_millis(5001))),
        Err(VtexIdError::NotYet)
    );
}

#[test]
fn cut_or_flipped_anywhere_a_token_is_refused() {
    let (token, keys) = (shopper_token(), key().public_keys());
    let refused = |text: &str| keys.verify(text, ACCOUNT, Audience::Webstore, T0).is_err();
    for at in 0..token.len() {
        assert!(refused(token.get(..at).unwrap()), "cut at {at}");
        let mut bytes = token.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(
            refused(&String::from_utf8(bytes).unwrap()),
            "flipped at {at}"
        );
    }
    assert!(refused(&"A".repeat(64 * 1024)));
    assert!(refused(&"A".repeat(1 << 20)));
}

#[test]
fn only_raw_es256_signatures_of_the_right_numbers_count() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (token, keys) = (shopper_token(), key().public_keys());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = raw.split_at(32);
    let der = [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat();
    let with_r = |r: u8| [&[r; 32], s].concat();
    for bad in [
        vec![0; 64],
        vec![0xff; 64],
        with_r(0),
        with_r(0xff),
        [r, &[0; 32]].concat(),
        [s, r].concat(),
        der,
        raw[..63].to_vec(),
        [raw.as_slice(), &[0]].concat(),
        Vec::new(),
    ] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bad));
        let refusal = keys.verify(&token, ACCOUNT, Audience::Webstore, T0);
        assert_eq!(refusal, Err(VtexIdError::BadSignature), "{bad:?}");
    }
}

#[test]
fn e_mails_have_one_spelling_and_one_at_sign() {
    for (text, expected) in [
        ("ana@example.com", Some("ana@example.com")),
        (" Ana@Example.COM\t", Some("ana@example.com")),
        // U+212A lower-cases to k: folding it would make two addresses one.
        ("\u{212a}ai@example.com", Some("\u{212a}ai@example.com")),
        ("victim@x,other@x", None),
        ("a@b@c", None),
        ("a,b@c", None),
        ("a b@c", None),
        ("a\n@c", None),
        ("a\u{85}@c", None),
        ("<a@c>", None),
        ("@c", None),
        ("a@", None),
        ("a", None),
        ("", None),
    ] {
        assert_eq!(canonical_email(text).as_deref(), expected, "{text:?}");
    }
    assert_eq!(canonical_email(&format!("{}@c", "a".repeat(260))), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_text_proves_nobody_and_never_panics(
        text in "\\PC{0,400}",
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let forge = forge(TokenAlgorithm::Es256);
        let lossy = String::from_utf8_lossy(&bytes);
        for audience in [Audience::Webstore, Audience::Admin] {
            for text in [text.as_str(), &lossy] {
                prop_assert!(forge.keys.verify(text, ACCOUNT, audience, T0).is_err());
                prop_assert!(forge.verdict(HEADER, text, audience).is_err());
                prop_assert!(forge.verdict(text, text, audience).is_err());
            }
        }
    }
}
