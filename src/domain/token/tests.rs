//! Session tokens: what is minted is accepted, and nothing else is.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::domain::session::SessionId;

mod hashes;
mod rings;

const T0: Millis = Millis::from_secs(1_543_397_700);
const ALGORITHMS: [TokenAlgorithm; 3] = [
    TokenAlgorithm::Hs256,
    TokenAlgorithm::Es256,
    TokenAlgorithm::EdDsa,
];

fn draws(mut seed: u128) -> impl FnMut() -> u128 {
    move || {
        seed = seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .wrapping_add(1);
        seed ^ (seed >> 31)
    }
}

fn ring(algorithm: TokenAlgorithm) -> KeyRing {
    KeyRing::generate(algorithm, T0, &mut draws(3))
}

fn id() -> SessionId {
    SessionId::from_random(0x26d2_cb6c_213e_4936_9e2a_1d1e_299e_c33b)
}

fn claims(account: &str) -> Claims<'_> {
    Claims {
        id: id(),
        account,
        issued: T0.plus(Duration::from_millis(7)),
        expires: T0.plus(Duration::from_hours(1)),
        authenticated: false,
        light: false,
        token_use: TokenUse::Cookie,
    }
}

/// A token with the ring's signature over any header and payload.
fn forged_inside(ring: &KeyRing, header: &str, payload: &str) -> String {
    let key = ring.signing_key(T0);
    let header = header.replace("KID", key.kid());
    key.private().seal(&header, payload)
}

const HEADER: &str = r#"{"typ":"vst+jwt","alg":"HS256","kid":"KID"}"#;

#[test]
fn what_was_signed_reads_back_with_each_algorithm() {
    for algorithm in ALGORITHMS {
        for authenticated in [false, true] {
            let ring = ring(algorithm);
            let claims = Claims {
                authenticated,
                light: false,
                ..claims("demostore")
            };
            let token = sign_token(&ring, &claims, T0).unwrap();
            let verified = verify_token(&ring, "demostore", &token, T0).unwrap();
            assert!(verified.primary);
            let read = verified.token;
            assert_eq!((read.id, read.account.as_str()), (id(), "demostore"));
            assert_eq!((read.iat, read.exp), (claims.issued, claims.expires));
            assert_eq!(
                (read.authenticated, read.token_use),
                (authenticated, TokenUse::Cookie)
            );
            assert_eq!(read.kid, ring.signing_key(T0).kid());
            assert_eq!(peek_id(&token), Some((id(), authenticated)));
        }
    }
}

#[test]
fn the_payload_is_spelt_as_promised() {
    let token = sign_token(&ring(TokenAlgorithm::Hs256), &claims("demostore"), T0).unwrap();
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    assert_eq!(
        String::from_utf8(payload).unwrap(),
        r#"{"id":"26d2cb6c-213e-4936-9e2a-1d1e299ec33b","account":"demostore","iat":1543397700,"ims":7,"exp":1543401300}"#
    );
}

#[test]
fn the_longest_token_fits() {
    let json = ring(TokenAlgorithm::Es256).to_json();
    let kid = ring(TokenAlgorithm::Es256).signing_key(T0).kid().to_owned();
    let ring = KeyRing::parse(&json.replace(&kid, &"k".repeat(64))).unwrap();
    let account = "a".repeat(MAX_ACCOUNT_BYTES);
    let last = Millis::from_millis(253_402_300_799_999);
    let longest = Claims {
        issued: last,
        expires: last,
        authenticated: true,
        light: false,
        ..claims(&account)
    };
    let token = sign_token(&ring, &longest, T0).unwrap();
    assert!(token.len() <= MAX_TOKEN_BYTES, "{}", token.len());
    assert!(verify_token(&ring, &account, &token, T0).is_ok());
    assert_eq!(peek_id(&token), Some((id(), true)));
}

#[test]
fn accounts_and_times_that_no_token_can_carry_are_refused() {
    let ring = ring(TokenAlgorithm::Hs256);
    for account in ["", "a b", "a\"b", "a\\b", "ação", "a\n", &"a".repeat(65)] {
        assert_eq!(
            sign_token(&ring, &claims(account), T0),
            Err(TokenError::AccountName)
        );
    }
    for moment in [-1, 253_402_300_800_000, i64::MIN, i64::MAX] {
        let moment = Millis::from_millis(moment);
        let early = Claims {
            issued: moment,
            ..claims("a")
        };
        let late = Claims {
            expires: moment,
            ..claims("a")
        };
        assert_eq!(sign_token(&ring, &early, T0), Err(TokenError::Moment));
        assert_eq!(sign_token(&ring, &late, T0), Err(TokenError::Moment));
    }
}

#[test]
fn a_token_for_the_api_is_no_cookie() {
    let ring = ring(TokenAlgorithm::Hs256);
    let api = Claims {
        token_use: TokenUse::Api,
        ..claims("demostore")
    };
    let api = sign_token(&ring, &api, T0).unwrap();
    let cookie = sign_token(&ring, &claims("demostore"), T0).unwrap();
    assert_eq!(
        verify_token(&ring, "demostore", &api, T0),
        Err(TokenError::WrongType)
    );
    for (token, token_use) in [(api, TokenUse::Api), (cookie, TokenUse::Cookie)] {
        let verified = verify_api_token(&ring, "demostore", &token, T0).unwrap();
        assert_eq!(verified.token.token_use, token_use);
    }
}

#[test]
fn a_token_of_another_account_is_refused() {
    let ring = ring(TokenAlgorithm::Hs256);
    let token = sign_token(&ring, &claims("demostore"), T0).unwrap();
    for account in ["other", "Demostore", "demostore2", ""] {
        assert_eq!(
            verify_token(&ring, account, &token, T0),
            Err(TokenError::ForeignAccount)
        );
    }
}

#[test]
fn neither_exp_nor_an_issue_time_ahead_decides() {
    let ring = ring(TokenAlgorithm::Hs256);
    for ahead in [59, 61, 86_400] {
        let issued = T0.plus(Duration::from_secs(ahead));
        let early = Claims {
            issued,
            ..claims("demostore")
        };
        let token = sign_token(&ring, &early, T0).unwrap();
        assert_eq!(
            verify_token(&ring, "demostore", &token, T0)
                .unwrap()
                .token
                .iat,
            issued
        );
    }
    let token = sign_token(&ring, &claims("demostore"), T0).unwrap();
    let years_later = T0.plus(Duration::from_hours(50_000));
    assert!(verify_token(&ring, "demostore", &token, years_later).is_ok());
}

#[test]
fn cut_anywhere_a_token_is_refused() {
    for algorithm in ALGORITHMS {
        let ring = ring(algorithm);
        let token = sign_token(&ring, &claims("demostore"), T0).unwrap();
        for end in 0..token.len() {
            assert!(
                verify_token(&ring, "demostore", token.get(..end).unwrap(), T0).is_err(),
                "{end}"
            );
        }
    }
}

#[test]
fn with_any_bit_flipped_a_token_is_refused() {
    for (algorithm, bits) in [
        (TokenAlgorithm::Hs256, 0..8),
        (TokenAlgorithm::Es256, 0..1),
        (TokenAlgorithm::EdDsa, 0..1),
    ] {
        let ring = ring(algorithm);
        let token = sign_token(&ring, &claims("demostore"), T0).unwrap();
        for (at, bit) in (0..token.len()).flat_map(|at| bits.clone().map(move |bit| (at, bit))) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8_lossy(&bytes);
            assert!(
                verify_token(&ring, "demostore", &flipped, T0).is_err(),
                "{at} {bit}"
            );
        }
    }
}

fn refusal(ring: &KeyRing, token: &str) -> TokenError {
    verify_token(ring, "demostore", token, T0).unwrap_err()
}

#[test]
fn each_bad_header_is_refused_with_its_reason() {
    let ring = ring(TokenAlgorithm::Hs256);
    let payload = claims("demostore").to_json().unwrap();
    let with = |from: &str, to: &str| HEADER.replace(from, to);
    for (header, reason) in [
        (with("KID", "../../dev/null"), TokenError::UnknownKey),
        (with("KID", "' OR 1=1"), TokenError::UnknownKey),
        (with(r#","kid":"KID""#, ""), TokenError::UnknownKey),
        (with("HS256", "none"), TokenError::WrongAlgorithm),
        (with("HS256", "nOnE"), TokenError::WrongAlgorithm),
        (with("HS256", "ES256"), TokenError::WrongAlgorithm),
        (with("vst+jwt", "JWT"), TokenError::WrongType),
        (with(r#""typ":"vst+jwt","#, ""), TokenError::WrongType),
        (with("}", r#","crit":["x"]}"#), TokenError::Critical),
        (with("}", r#","b64":false}"#), TokenError::Critical),
        (with("}", r#","alg":"HS256"}"#), TokenError::Malformed),
    ] {
        let token = forged_inside(&ring, &header, &payload);
        assert_eq!(refusal(&ring, &token), reason, "{header}");
    }
}

#[test]
fn each_bad_token_is_refused_with_its_reason() {
    let ring = ring(TokenAlgorithm::Hs256);
    let good = sign_token(&ring, &claims("demostore"), T0).unwrap();
    let stranger = KeyRing::generate(TokenAlgorithm::Hs256, T0, &mut draws(9));
    let strange = sign_token(&stranger, &claims("demostore"), T0).unwrap();
    let (message, _) = good.rsplit_once('.').unwrap();
    for (token, reason) in [
        ("A".repeat(1 << 20), TokenError::TooLong),
        (format!("{good}."), TokenError::Malformed),
        (String::new(), TokenError::Malformed),
        (strange, TokenError::UnknownKey),
        (
            format!("{message}.{}", "A".repeat(43)),
            TokenError::BadSignature,
        ),
        (format!("{message}."), TokenError::BadSignature),
    ] {
        assert_eq!(refusal(&ring, &token), reason, "{token}");
    }
}

#[test]
fn claims_under_a_good_signature_must_still_make_sense() {
    let ring = ring(TokenAlgorithm::Hs256);
    let good = claims("demostore").to_json().unwrap();
    assert!(verify_token(&ring, "demostore", &forged_inside(&ring, HEADER, &good), T0).is_ok());
    for (from, to) in [
        (r#""ims":7"#, r#""ims":1000"#),
        (r#""ims":7"#, r#""ims":-1"#),
        (r#""ims":7"#, r#""ims":7.0"#),
        (r#""ims":7,"#, ""),
        (r#""iat":1543397700"#, r#""iat":"1543397700""#),
        (r#""iat":1543397700"#, r#""iat":1.5e9"#),
        (r#""iat":1543397700"#, r#""iat":-5"#),
        (r#""iat":1543397700,"#, ""),
        (r#","exp":1543401300"#, ""),
        (r#""account":"demostore""#, r#""account":["demostore"]"#),
        (r#""account":"demostore","#, ""),
        (r#""id":"26d2"#, r#""id":"26D2"#),
        (r#""id":"26d2cb6c"#, r#""id":"cb6c"#),
        ("}", r#","id":"26d2cb6c-213e-4936-9e2a-1d1e299ec33b"}"#),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let token = forged_inside(&ring, HEADER, &bad);
        let refusal = verify_token(&ring, "demostore", &token, T0);
        assert_eq!(refusal, Err(TokenError::Malformed), "{bad}");
    }
}

#[test]
fn peeking_allocates_nothing() {
    let token = sign_token(&ring(TokenAlgorithm::Hs256), &claims("demostore"), T0).unwrap();
    let cost = allocation_counter::measure(|| {
        assert!(peek_id(&token).is_some() && peek_id("a.b.c").is_none());
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn peeking_takes_no_other_shape() {
    let ring = ring(TokenAlgorithm::Hs256);
    let good = claims("demostore").to_json().unwrap();
    let swapped = good.replacen(r#""id":"26d2"#, r#""id" :"26d2"#, 1);
    for payload in [
        swapped.as_str(),
        "{}",
        &good.to_uppercase(),
        &good.replace("\",", "\" ,"),
    ] {
        assert_eq!(
            peek_id(&forged_inside(&ring, HEADER, payload)),
            None,
            "{payload}"
        );
    }
    for text in ["", ".", "..", "a.b.c", &"A.".repeat(100), &"A".repeat(600)] {
        assert_eq!(peek_id(text), None, "{text}");
    }
    // The hint counts at the very end alone.
    let early = good.replacen("\",", "\",\"auth\":true,", 1);
    assert_eq!(
        peek_id(&forged_inside(&ring, HEADER, &early)),
        Some((id(), false))
    );
}

#[test]
fn debug_output_shows_neither_id_nor_secret() {
    let ring = ring(TokenAlgorithm::Hs256);
    let token = sign_token(&ring, &claims("demostore"), T0).unwrap();
    let verified = verify_token(&ring, "demostore", &token, T0).unwrap();
    assert!(!format!("{verified:?}").contains("26d2"));
    let shown = format!("{ring:?}");
    let file: serde_json::Value = serde_json::from_str(&ring.to_json()).unwrap();
    assert!(shown.contains(ring.signing_key(T0).kid()));
    assert!(!shown.contains(file["keys"][0]["secret"].as_str().unwrap()));
    assert!(shown.contains("HashKey(..)"));
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_and_never_panics(
        text in "\\PC{0,600}",
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let ring = ring(TokenAlgorithm::Hs256);
        let lossy = String::from_utf8_lossy(&bytes);
        let encoded = URL_SAFE_NO_PAD.encode(&bytes);
        let dotted = format!("{encoded}.{encoded}.{encoded}");
        for text in [text.as_str(), &lossy, &encoded, &dotted] {
            let _ = peek_id(text);
            prop_assert!(verify_token(&ring, "demostore", text, T0).is_err());
        }
        let payload = forged_inside(&ring, HEADER, &lossy);
        let _ = peek_id(&payload);
        prop_assert!(verify_token(&ring, "demostore", &payload, T0).is_err());
    }

    #[test]
    fn what_is_signed_is_what_is_read(
        bits in any::<u128>(),
        account in "[A-Za-z0-9._-]{1,64}",
        millis in 0..253_402_300_799_999_i64,
        authenticated in any::<bool>(),
    ) {
        let ring = ring(TokenAlgorithm::Hs256);
        let moment = Millis::from_millis(millis);
        let id = SessionId::from_random(bits);
        let claims = Claims {
            id,
            account: &account,
            issued: moment,
            expires: moment,
            authenticated,
            light: false,
            token_use: TokenUse::Cookie,
        };
        let token = sign_token(&ring, &claims, T0).unwrap();
        prop_assert!(token.len() <= MAX_TOKEN_BYTES);
        prop_assert_eq!(peek_id(&token), Some((id, authenticated)));
        let read = verify_token(&ring, &account, &token, T0).unwrap().token;
        prop_assert_eq!((read.id, read.iat, read.authenticated), (id, moment, authenticated));
    }
}
