//! Session tokens: what we sign is read as it was said, and nothing else is believed.
//!
//! Input: a letter, then by it
//! - `r`: a text that claims to be a token;
//! - `s`: a byte that picks a key, a header (none: the key's own) and a line end, and a payload, which
//!   are signed as they are, so that what stands behind the signature is read;
//! - `m`: claims to sign, and what is done to the token afterwards;
//! - `k`: a key file.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use vestibule::domain::jws::key::{PrivateKey, TokenAlgorithm, draw_secret};
use vestibule::domain::session::SessionId;
use vestibule::domain::time::Millis;
use vestibule::domain::token::{
    Claims, Key, KeyRing, KeyState, MAX_TOKEN_BYTES, TokenError, TokenUse, Verified, hash_token,
    peek_id, sign_token, verify_api_token, verify_token,
};

use crate::signing::{Edit, draws};

const ACCOUNT: &str = "demostore";
const NOW: Millis = Millis::from_secs(1_543_399_200);
const DAY: Duration = Duration::from_hours(24);
const ALGORITHMS: [TokenAlgorithm; 4] = [
    TokenAlgorithm::EdDsa,
    TokenAlgorithm::Hs256,
    TokenAlgorithm::Es256,
    TokenAlgorithm::EdDsa,
];

/// Rings under which each key signs in its turn, and the keys once more, to sign anything with. The
/// first key of the last ring is retired.
struct Keys {
    rings: Vec<KeyRing>,
    private: Vec<(String, PrivateKey)>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let all = ALGORITHMS.len();
    let mut rings: Vec<KeyRing> = (1..=all).map(ring).collect();
    rings[all - 1].retire_unused(DAY, Millis::from_secs(3 * 24 * 3600));
    let mut draw = draws(1);
    draw();
    let private = rings[all - 1]
        .keys()
        .iter()
        .zip(ALGORITHMS)
        .map(|(key, algorithm)| {
            draw();
            let secret = draw_secret(algorithm, &mut draw);
            let private = PrivateKey::from_secret(algorithm, &secret).expect("a drawn secret");
            assert_eq!(private.public_jwk(), key.public_jwk(), "another key");
            (key.kid().to_owned(), private)
        })
        .collect();
    Keys { rings, private }
});

/// A ring of the first so many keys, a day apart.
fn ring(keys: usize) -> KeyRing {
    let mut draw = draws(1);
    let mut ring = KeyRing::generate(ALGORITHMS[0], Millis::default(), &mut draw);
    for (day, &algorithm) in (1..).zip(&ALGORITHMS[1..keys]) {
        ring.add_key(algorithm, Millis::from_secs(day * 24 * 3600), &mut draw);
    }
    ring
}

/// The target.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind {
        b'r' => {
            if let Ok(text) = std::str::from_utf8(rest) {
                is_not_believed(text);
            }
        }
        b's' => signs_anything(rest),
        b'm' => {
            if let Ok(case) = Minted::arbitrary_take_rest(Unstructured::new(rest)) {
                case.run();
            }
        }
        b'k' => {
            if let Ok(text) = std::str::from_utf8(rest) {
                reads_a_key_file(text);
            }
        }
        _ => {}
    }
}

fn verify_all(token: &str) -> Vec<Result<Verified, TokenError>> {
    let rings = KEYS.rings.iter();
    rings
        .map(|ring| {
            let api = verify_api_token(ring, ACCOUNT, token, NOW);
            let cookie = verify_token(ring, ACCOUNT, token, NOW);
            match &api {
                Ok(read) if read.token.token_use == TokenUse::Api => {
                    assert_eq!(cookie, Err(TokenError::WrongType));
                }
                _ => assert_eq!(cookie, api),
            }
            api
        })
        .collect()
}

fn is_not_believed(text: &str) {
    for read in verify_all(text) {
        let error = read.expect_err("nobody signed it");
        assert!(text.len() <= MAX_TOKEN_BYTES || error == TokenError::TooLong);
        assert!(!error.label().is_empty());
    }
    if peek_id(text).is_some() {
        assert!(text.len() <= MAX_TOKEN_BYTES && text.split('.').count() >= 3);
    }
}

fn signs_anything(data: &[u8]) {
    let Some((&pick, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let Some((header, payload)) = text.split_once('\n') else {
        return;
    };
    let (kid, private) = &KEYS.private[usize::from(pick) % KEYS.private.len()];
    let alg = private.algorithm().name();
    let own = |typ: &str| format!(r#"{{"typ":"{typ}","alg":"{alg}","kid":"{kid}"}}"#);
    let header = match header {
        "" => own("vst+jwt"),
        "api" => own("vsa+jwt"),
        other => other.to_owned(),
    };
    let token = private.seal(&header, payload);
    let mut said = None;
    for (ring, read) in KEYS.rings.iter().zip(verify_all(&token)) {
        let Ok(read) = read else { continue };
        let key = ring.find(kid).expect("a known key signed it");
        assert_eq!(key.state(), KeyState::Active);
        assert_eq!(read.token.kid, *kid);
        assert_eq!(read.primary, ring.is_primary(kid, NOW));
        let said = said.get_or_insert_with(|| read.token.clone());
        assert_eq!(*said, read.token);
        assert_eq!(read.token.account, ACCOUNT);
        says_itself_again(ring, &read);
        if let Some((id, login)) = peek_id(&token) {
            assert_eq!(id, read.token.id);
            assert!(!login || read.token.authenticated);
        }
    }
}

/// Whatever is believed can be said by us, and is then the same.
fn says_itself_again(ring: &KeyRing, read: &Verified) {
    let token = &read.token;
    let claims = Claims {
        id: token.id,
        account: &token.account,
        issued: token.iat,
        expires: token.exp,
        authenticated: token.authenticated,
        light: token.light,
        token_use: token.token_use,
    };
    let again = sign_token(ring, &claims, NOW).expect("believed claims can be signed");
    assert!(again.len() <= MAX_TOKEN_BYTES);
    let again = verify_api_token(ring, ACCOUNT, &again, NOW).expect("we signed it");
    assert!(again.primary);
    let both = token.authenticated && token.light;
    assert_eq!(again.token.light, token.light && !both);
    assert_eq!(
        (again.token.id, again.token.iat, again.token.exp),
        (token.id, token.iat, token.exp)
    );
    assert_eq!(again.token.authenticated, token.authenticated);
}

#[derive(Arbitrary, Debug)]
struct Minted {
    ring: u8,
    id: u128,
    account: Option<String>,
    issued: i64,
    expires: i64,
    authenticated: bool,
    light: bool,
    api: bool,
    edits: Vec<Edit>,
}

impl Minted {
    fn run(&self) {
        let ring = &KEYS.rings[usize::from(self.ring) % KEYS.rings.len()];
        let claims = Claims {
            id: SessionId::from_u128(self.id),
            account: self.account.as_deref().unwrap_or(ACCOUNT),
            issued: Millis::from_millis(self.issued),
            expires: Millis::from_millis(self.expires),
            authenticated: self.authenticated,
            light: self.light,
            token_use: if self.api {
                TokenUse::Api
            } else {
                TokenUse::Cookie
            },
        };
        let Ok(token) = sign_token(ring, &claims, NOW) else {
            return;
        };
        assert!(token.len() <= MAX_TOKEN_BYTES);
        let read = verify_api_token(ring, claims.account, &token, NOW).expect("we signed it");
        assert!(read.primary);
        assert_eq!((read.token.id, read.token.iat), (claims.id, claims.issued));
        assert_eq!(read.token.exp.as_secs(), claims.expires.as_secs());
        assert_eq!(peek_id(&token), Some((claims.id, claims.authenticated)));
        assert_eq!(ring.is_current(&token, NOW), !self.api);
        let elsewhere = verify_api_token(ring, "other-store", &token, NOW);
        if claims.account != "other-store" {
            assert_eq!(elsewhere, Err(TokenError::ForeignAccount));
        }
        let edited = self
            .edits
            .iter()
            .take(8)
            .fold(token.clone(), |text, edit| edit.apply(&text));
        if edited != token {
            is_not_believed(&edited);
            let key = ring.hash_key();
            assert_ne!(hash_token(key, &edited), hash_token(key, &token));
        }
    }
}

/// A key file that is read says itself again and can sign.
fn reads_a_key_file(text: &str) {
    let Ok(ring) = KeyRing::parse(text) else {
        return;
    };
    let again = KeyRing::parse(&ring.to_json()).expect("a ring that was written is read");
    assert_eq!(again.to_json(), ring.to_json());
    assert!(ring.keys().is_sorted_by_key(Key::created));
    assert_eq!(ring.uses(NOW).len(), ring.keys().len());
    let claims = Claims {
        id: SessionId::from_u128(7),
        account: ACCOUNT,
        issued: NOW,
        expires: NOW,
        authenticated: false,
        light: false,
        token_use: TokenUse::Cookie,
    };
    let token = sign_token(&ring, &claims, NOW).expect("a ring signs");
    assert!(token.len() <= MAX_TOKEN_BYTES);
    assert!(verify_token(&again, ACCOUNT, &token, NOW).is_ok_and(|read| read.primary));
}
