//! The signed context: what a backend may believe of a session without asking (contract §9).

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::session::{Body, SessionId};
use super::time::Millis;
use super::token::KeyRing;

/// Longest context, in bytes. A longer one would burst a backend's header limits and is not sent.
pub const MAX_CONTEXT_BYTES: usize = 8 * 1024;

/// What a context tells, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextRules {
    /// The namespaces that it tells. `cookie` never is.
    pub namespaces: Vec<String>,
    /// Its `aud`.
    pub audience: String,
    /// How long it holds.
    pub lifetime: Duration,
}

/// Of which session a context is.
#[derive(Clone, Copy, Debug)]
pub struct ContextSubject<'a> {
    /// The session.
    pub id: SessionId,
    /// Its version.
    pub version: u64,
    /// The account.
    pub account: &'a str,
    /// Its fields.
    pub body: &'a Body,
}

/// A signed context and when it is to be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedContext {
    /// The JWT.
    pub token: String,
    /// From here on less than a tenth of its life is left.
    pub renew_at: Millis,
}

impl ContextRules {
    /// Signs a context with the ring's newest asymmetric key that signs; `None` where there is
    /// no such key, or where the context would be too long.
    pub fn sign(
        &self,
        ring: &KeyRing,
        subject: ContextSubject<'_>,
        now: Millis,
    ) -> Option<SignedContext> {
        let ContextSubject {
            id,
            version,
            account,
            body,
        } = subject;
        let expires = now.plus(self.lifetime);
        let claims = json!({
            "iss": "vestibule",
            "aud": self.audience,
            "account": account,
            "sid": id.to_string(),
            "version": version,
            "iat": now.as_secs(),
            "nbf": now.as_secs(),
            "exp": expires.as_secs(),
            "namespaces": self.told(body),
        });
        let token = ring.sign_context(&claims.to_string(), now)?;
        let renew_at = expires.minus(self.lifetime / 10);
        (token.len() <= MAX_CONTEXT_BYTES).then_some(SignedContext { token, renew_at })
    }

    fn told(&self, body: &Body) -> Value {
        let Value::Object(all) = body.to_json() else {
            return json!({});
        };
        let told = all
            .into_iter()
            .filter(|(name, _)| name != "cookie" && self.namespaces.contains(name));
        Value::Object(told.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jws::Compact;
    use crate::domain::session::field::known;
    use crate::domain::token::TokenAlgorithm;

    fn ring(algorithm: TokenAlgorithm) -> KeyRing {
        let mut count = 7_u128;
        KeyRing::generate(algorithm, Millis::from_secs(0), &mut || {
            count = count
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                .wrapping_add(1);
            count
        })
    }

    fn rules() -> ContextRules {
        ContextRules {
            namespaces: vec!["store".to_owned(), "cookie".to_owned()],
            audience: "catalogue".to_owned(),
            lifetime: Duration::from_mins(5),
        }
    }

    fn subject(body: &Body) -> ContextSubject<'_> {
        ContextSubject {
            id: SessionId::from_random(9),
            version: 3,
            account: "demostore",
            body,
        }
    }

    #[test]
    fn tells_the_chosen_namespaces_and_never_cookies() {
        let body: Body = [
            (known("store.channel"), json!("2")),
            (known("profile.email"), json!("ana@example.com")),
            (known("cookie.VtexIdclientAutCookie"), json!("hash")),
        ]
        .into_iter()
        .collect();
        for algorithm in [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa] {
            let ring = ring(algorithm);
            let now = Millis::from_secs(1000);
            let signed = rules().sign(&ring, subject(&body), now).unwrap();
            assert_eq!(signed.renew_at, Millis::from_secs(1000 + 270));
            let read = Compact::read(&signed.token, MAX_CONTEXT_BYTES).unwrap();
            assert_eq!(read.header().typ.as_deref(), Some("vsc+jwt"));
            let claims = read.claims().unwrap();
            assert_eq!(
                claims.get("namespaces"),
                Some(&json!({"store": {"channel": {"value": "2"}}}))
            );
            assert_eq!(claims.get("aud"), Some(&json!("catalogue")));
            assert_eq!(claims.get("exp"), Some(&json!(1300)));
            let jwks = ring.public_jwks();
            assert_eq!(jwks["keys"][0]["kid"], json!(read.header().kid));
        }
    }

    #[test]
    fn a_ring_of_shared_secrets_signs_no_context_and_publishes_nothing() {
        let ring = ring(TokenAlgorithm::Hs256);
        assert_eq!(
            rules().sign(&ring, subject(&Body::new()), Millis::from_secs(1)),
            None
        );
        assert_eq!(ring.public_jwks(), json!({"keys": []}));
    }

    #[test]
    fn a_context_that_would_burst_a_backends_limits_is_not_sent() {
        let body: Body = [(known("store.channel"), json!("x".repeat(9000)))]
            .into_iter()
            .collect();
        let ring = ring(TokenAlgorithm::EdDsa);
        assert_eq!(
            rules().sign(&ring, subject(&body), Millis::from_secs(1)),
            None
        );
    }
}
