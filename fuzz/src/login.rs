//! Login tokens of the shop: nobody is known by what the login's keys did not sign.
//!
//! Input: a letter, then by it
//! - `r`: a text that claims to be a token;
//! - `s`: a byte that picks a key, a header (none: the key's own) and a line end, and a payload, which
//!   are signed as they are;
//! - `m`: a login to mint, and what is done to the token afterwards;
//! - `k`: a key set, or a private key;
//! - `e`: an e-mail address.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::json;
use vestibule::domain::jws::key::{PrivateKey, TokenAlgorithm, draw_secret};
use vestibule::domain::time::Millis;
use vestibule::domain::vtexid::{
    Account, Audience, Identity, Login, LoginKey, MAX_VTEXID_BYTES, VtexIdError, VtexIdKeys,
    authenticate, canonical_email, draw_login_key, mint,
};

use crate::signing::{Edit, draws};

const ACCOUNT: &str = "demostore";
const NOW: Millis = Millis::from_secs(1_543_399_200);

struct Keys {
    login: LoginKey,
    private: Vec<(&'static str, PrivateKey)>,
    public: VtexIdKeys,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let mut draw = draws(2);
    let login = LoginKey::parse(&draw_login_key(&mut draw)).expect("a drawn key");
    let algorithms = [("ec", TokenAlgorithm::Es256), ("ed", TokenAlgorithm::EdDsa)];
    let private = algorithms.map(|(kid, algorithm)| {
        let secret = draw_secret(algorithm, &mut draw);
        let private = PrivateKey::from_secret(algorithm, &secret).expect("a drawn secret");
        (kid, private)
    });
    let set: Vec<_> = private
        .iter()
        .filter_map(|(kid, private)| {
            let mut jwk = private.public_jwk()?;
            let members = jwk.as_object_mut()?;
            members.insert("kid".to_owned(), json!(kid));
            members.insert("alg".to_owned(), json!(private.algorithm().name()));
            Some(jwk)
        })
        .collect();
    let (public, warnings) =
        VtexIdKeys::parse(&json!({ "keys": set }).to_string()).expect("a key set");
    assert!(warnings.is_empty() && public.len() == 2);
    let (public, warnings) = public.join(login.public_keys());
    assert!(warnings.is_empty() && public.len() == 3);
    Keys {
        login,
        private: private.into(),
        public,
    }
});

/// The target.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    if *kind == b'm' {
        if let Ok(case) = Minted::arbitrary_take_rest(Unstructured::new(rest)) {
            case.run();
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match kind {
        b'r' => assert!(verify(text).is_none(), "nobody signed it"),
        b's' => signs_anything(text),
        b'k' => reads_keys(text),
        b'e' => reads_an_email(text),
        _ => {}
    }
}

/// Who a token names, as a shopper or as staff, after everything that must agree does.
fn verify(token: &str) -> Option<Identity> {
    let mut found: Option<Identity> = None;
    for expected in [Audience::Webstore, Audience::Admin] {
        let looked = KEYS.public.inspect(token, ACCOUNT, expected, NOW);
        match KEYS.public.verify(token, ACCOUNT, expected, NOW) {
            Ok(identity) => {
                let looked = looked.expect("what is true is claimed");
                assert!(KEYS.public.knows(&looked.kid));
                assert!(looked.identity == identity);
                assert_eq!(identity.audience, expected);
                assert_eq!(identity.account, ACCOUNT);
                assert!(identity.expires > NOW);
                assert!(canonical_email(&identity.email).as_ref() == Some(&identity.email));
                assert!(found.is_none(), "one token is good for two audiences");
                found = Some(identity);
            }
            Err(error) => {
                assert!(token.len() <= MAX_VTEXID_BYTES || error == VtexIdError::TooLong);
                assert!(!error.label().is_empty());
            }
        }
    }
    let account = Account {
        name: ACCOUNT,
        id: "5b1f0c1e-8a54-4f0e-9d0b-6a2f2f6b7c11",
    };
    let cookies = [
        ("VtexIdclientAutCookie", token),
        ("VtexIdclientAutCookie_demostore", token),
    ];
    let outcome = authenticate(&cookies, &KEYS.public, account, NOW);
    assert!(outcome.admin.is_none() || outcome.store.is_none());
    assert!(outcome.admin.or(outcome.store) == found);
    assert_eq!(outcome.valid_until, found.as_ref().map(|one| one.expires));
    found
}

fn signs_anything(text: &str) {
    let mut letters = text.chars();
    let Some(pick) = letters.next() else { return };
    let Some((header, payload)) = letters.as_str().split_once('\n') else {
        return;
    };
    let (kid, private) = &KEYS.private[pick as usize % KEYS.private.len()];
    let alg = private.algorithm().name();
    let header = match header {
        "" => format!(r#"{{"typ":"JWT","alg":"{alg}","kid":"{kid}"}}"#),
        other => other.to_owned(),
    };
    let token = private.seal(&header, payload);
    if verify(&token).is_some() {
        // Another key's name does not make it that key's.
        let other = &KEYS.private[(pick as usize + 1) % KEYS.private.len()].1;
        assert!(verify(&other.seal(&header, payload)).is_none());
    }
}

#[derive(Arbitrary, Debug)]
struct Minted {
    admin: bool,
    email: Option<String>,
    user_id: Option<String>,
    seconds: u32,
    edits: Vec<Edit>,
}

impl Minted {
    fn run(&self) {
        let login = Login {
            audience: if self.admin {
                Audience::Admin
            } else {
                Audience::Webstore
            },
            account: ACCOUNT,
            email: self.email.as_deref().unwrap_or("Ana@example.com"),
            user_id: self.user_id.as_deref().unwrap_or("user-1"),
            life: Duration::from_secs(self.seconds.into()),
            random: 7,
        };
        let Ok(token) = mint(&KEYS.login, &login, NOW) else {
            return;
        };
        let edited = self
            .edits
            .iter()
            .take(8)
            .fold(token.clone(), |text, edit| edit.apply(&text));
        if token.len() <= MAX_VTEXID_BYTES {
            let identity = verify(&token).expect("the login's key signed it");
            assert_eq!(identity.audience, login.audience);
            assert!(Some(identity.email) == canonical_email(login.email));
            assert_eq!(identity.expires.since(NOW), login.life);
        }
        assert!(edited == token || verify(&edited).is_none());
    }
}

fn reads_keys(text: &str) {
    if let Ok((keys, _)) = VtexIdKeys::parse(text) {
        let all = keys.len();
        let (twice, _) = VtexIdKeys::parse(text).expect("it was read before");
        let (joined, warnings) = keys.join(twice);
        assert_eq!(joined.len(), all, "the same keys twice are the same keys");
        assert!(warnings.is_empty());
    }
    if let Ok(key) = LoginKey::parse(text) {
        assert_eq!(key.public_keys().len(), 1);
        assert!(key.public_keys().knows(key.kid()));
    }
}

fn reads_an_email(text: &str) {
    if let Some(email) = canonical_email(text) {
        assert!(canonical_email(&email).as_ref() == Some(&email));
        assert_eq!(email.matches('@').count(), 1);
        assert!(!email.chars().any(|c| c.is_control() || c.is_whitespace()));
        assert!(canonical_email(&text.to_ascii_uppercase()) == Some(email));
    }
}
