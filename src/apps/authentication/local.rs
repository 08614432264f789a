//! Login tokens verified with keys at hand, without asking anybody.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::transform::Failure;
use crate::domain::vtexid::{Account, Identity, VtexIdError, VtexIdKeys, authenticate};
use crate::ports::{AuthOutcome, Clock, TokenVerifier};

/// Verifies an account's login tokens with the keys that it trusts.
pub struct LocalTokens {
    account_name: String,
    account_id: String,
    keys: VtexIdKeys,
    clock: Arc<dyn Clock>,
}

impl LocalTokens {
    /// A verifier for the account of this name and id.
    pub fn new(
        keys: VtexIdKeys,
        account_name: &str,
        account_id: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            account_name: account_name.into(),
            account_id: account_id.into(),
            keys,
            clock,
        }
    }
}

/// How many keys, and none of them.
impl fmt::Debug for LocalTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTokens")
            .field("account", &self.account_name)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenVerifier for LocalTokens {
    async fn verify(&self, cookies: &[(String, String)]) -> Result<AuthOutcome, Failure> {
        let cookies: Vec<(&str, &str)> = cookies
            .iter()
            .map(|(name, token)| (&**name, &**token))
            .collect();
        let account = Account {
            name: &self.account_name,
            id: &self.account_id,
        };
        let outcome = authenticate(&cookies, &self.keys, account, self.clock.now());
        let person = |identity: Identity| (identity.user_id, identity.email);
        let failures = outcome.failures.into_iter();
        Ok(AuthOutcome {
            admin: outcome.admin.map(person),
            shopper: outcome.store.map(person),
            valid_until: outcome.valid_until,
            refused: failures.map(VtexIdError::label).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::Millis;
    use crate::domain::vtexid::{Audience, Login, LoginKey, draw_login_key, mint};

    const ID: &str = "5f1d4c30-92d2-4d8c-9f31-a24ff8a5d2c1";

    #[derive(Debug)]
    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Millis {
            Millis::from_secs(self.0)
        }
    }

    fn key() -> LoginKey {
        let mut seed = 1_u128;
        let jwk = draw_login_key(&mut || {
            seed = seed
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                .wrapping_add(1);
            seed
        });
        LoginKey::parse(&jwk).unwrap()
    }

    fn token(audience: Audience, email: &str) -> String {
        let login = Login {
            audience,
            account: "demostore",
            email,
            user_id: "u-1",
            life: Duration::from_mins(1),
            random: 7,
        };
        mint(&key(), &login, Millis::from_secs(1000)).unwrap()
    }

    #[tokio::test]
    async fn tokens_of_a_trusted_key_prove_people_until_they_end() {
        let cookies = [
            (
                "VtexIdclientAutCookie".to_owned(),
                token(Audience::Admin, "agent@demostore.example"),
            ),
            (
                "VtexIdclientAutCookie_demostore".to_owned(),
                token(Audience::Webstore, "ana@example.com"),
            ),
        ];
        let person = |email: &str| Some(("u-1".to_owned(), email.to_owned()));
        let proven = AuthOutcome {
            admin: person("agent@demostore.example"),
            shopper: person("ana@example.com"),
            valid_until: Some(Millis::from_secs(1060)),
            refused: vec![],
        };
        let ended = AuthOutcome {
            refused: vec!["expired", "expired"],
            ..AuthOutcome::default()
        };
        for (now, outcome) in [(1000, proven.clone()), (1059, proven), (1060, ended)] {
            let tokens = LocalTokens::new(key().public_keys(), "demostore", ID, Arc::new(At(now)));
            assert_eq!(tokens.verify(&cookies).await, Ok(outcome), "{now}");
        }
    }
}
