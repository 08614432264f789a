//! Whom login tokens prove: by keys at hand, by keys of an address, or by asking the login's service.
//!
//! Cheap looks come first: what is malformed, over or of another account costs neither a signature nor
//! a call. Verdicts are remembered by a keyed hash of the token. Signatures are checked beside the
//! event loop.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::keys::{KeyBook, read_keys};
use super::service::TokenService;
use crate::domain::time::Millis;
use crate::domain::token::{HashKey, hash_token};
use crate::domain::transform::Failure;
use crate::domain::vtexid::{
    Account, Audience, Claimed, Identity, MAX_VTEXID_BYTES, VtexIdError, VtexIdKeys, read_logins,
    settle,
};
use crate::outbound::recent::{How, Ledger};
use crate::outbound::remote::{Probed, Remote};
use crate::ports::{AuthOutcome, Clock, Entropy, TokenVerifier};

/// Verdicts that are remembered at most.
const VERDICTS: u64 = 100_000;
/// How long it is remembered that a token proves nobody.
const REFUSED: Duration = Duration::from_secs(30);

/// What verifying an account's tokens goes by.
#[derive(Debug)]
pub struct TokensSettings {
    /// The account's name.
    pub account_name: String,
    /// The account's id.
    pub account_id: String,
    /// The keys.
    pub keys: KeyBook,
    /// Who is asked where no key is known.
    pub service: Option<TokenService>,
    /// How long a verdict is believed.
    pub verify_ttl: Duration,
    /// Where it is told how each token was verified.
    pub ledger: Ledger,
}

#[derive(Clone)]
struct Verdict {
    result: Result<Identity, VtexIdError>,
    at: Millis,
    until: Millis,
}

/// Verifies an account's login tokens.
pub struct Tokens {
    settings: TokensSettings,
    /// For looking at tokens before their keys.
    rules: VtexIdKeys,
    hash: HashKey,
    verdicts: Cache<(Audience, u128), Arc<Verdict>>,
    /// Signatures that are checked at the same time.
    hands: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

/// Neither keys nor verdicts.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// A verifier that has seen no token yet.
    pub fn new(settings: TokensSettings, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        // One processor stays for the requests, however many logins come at once.
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let hands = processors.saturating_sub(1).max(1);
        Self {
            rules: settings.keys.rules(),
            hash: HashKey::from_bytes(entropy.bits().to_le_bytes()),
            verdicts: Cache::builder()
                .max_capacity(VERDICTS)
                .time_to_live(settings.verify_ttl.max(REFUSED))
                .build(),
            hands: Arc::new(Semaphore::new(hands)),
            settings,
            clock,
        }
    }

    async fn verdict(
        &self,
        audience: Audience,
        token: &str,
        client: Option<IpAddr>,
    ) -> Result<Result<Identity, VtexIdError>, Failure> {
        if token.len() > MAX_VTEXID_BYTES {
            return Ok(Err(VtexIdError::TooLong));
        }
        let now = self.clock.now();
        let name = (audience, hash_token(&self.hash, token).as_u128());
        if let Some(verdict) = self
            .verdicts
            .get(&name)
            .filter(|verdict| now < verdict.until)
        {
            let age = now.since(verdict.at);
            self.settings.ledger.kept(age);
            return Ok(verdict.result.clone());
        }
        let account = &self.settings.account_name;
        let claimed = match self.rules.inspect(token, account, audience, now) {
            Ok(claimed) => claimed,
            Err(error) => return Ok(Err(error)),
        };
        let began = Instant::now();
        let looked = self.look_closely(token, claimed, client).await;
        let took = began.elapsed();
        match looked {
            Ok((result, how)) => {
                self.settings.ledger.tell(how, took);
                self.remember(name, &result, now);
                Ok(result)
            }
            Err(failure) => {
                let why = failure.to_string();
                self.settings.ledger.tell(How::Failed { why }, took);
                Err(failure)
            }
        }
    }

    fn remember(
        &self,
        name: (Audience, u128),
        result: &Result<Identity, VtexIdError>,
        now: Millis,
    ) {
        let until = match result {
            Ok(person) => person.expires.min(now.plus(self.settings.verify_ttl)),
            Err(_) => now.plus(REFUSED),
        };
        let verdict = Verdict {
            result: result.clone(),
            at: now,
            until,
        };
        self.verdicts.insert(name, Arc::new(verdict));
    }

    /// Checks the signature by the key that the token names, or asks the service.
    async fn look_closely(
        &self,
        token: &str,
        claimed: Claimed,
        client: Option<IpAddr>,
    ) -> Result<(Result<Identity, VtexIdError>, How), Failure> {
        let found = self.settings.keys.find(&claimed.kid).await;
        match (found, &self.settings.service) {
            (Ok(Some(keys)), _) => {
                let verified = self.check(keys, token, claimed.identity.audience).await?;
                Ok((verified, How::Checked))
            }
            (Ok(None) | Err(_), Some(service)) => {
                let claimed = claimed.identity;
                let confirmed = service.confirms(token, &claimed, client).await?;
                // What somebody else said is asked again before it is too old.
                let end = self.clock.now().plus(self.settings.verify_ttl);
                let person = Identity {
                    expires: claimed.expires.min(end),
                    ..claimed
                };
                let result = confirmed.then_some(person);
                Ok((result.ok_or(VtexIdError::NotConfirmed), How::Asked))
            }
            (Ok(None), None) => Ok((Err(VtexIdError::UnknownKey), How::Checked)),
            (Err(failure), None) => Err(failure),
        }
    }

    /// A signature of P-256 or RSA takes as long as many requests: not on the event loop.
    async fn check(
        &self,
        keys: Arc<VtexIdKeys>,
        token: &str,
        audience: Audience,
    ) -> Result<Result<Identity, VtexIdError>, Failure> {
        let hands = Arc::clone(&self.hands).acquire_owned().await;
        let hand = hands.map_err(|_| Failure::Broken)?;
        let (token, account) = (token.to_owned(), self.settings.account_name.clone());
        let now = self.clock.now();
        let checking = tokio::task::spawn_blocking(move || {
            let _hand = hand;
            keys.verify(&token, &account, audience, now)
        });
        checking.await.map_err(|_| Failure::Broken)
    }
}

#[async_trait]
impl TokenVerifier for Tokens {
    async fn verify(
        &self,
        cookies: &[(String, String)],
        client: Option<IpAddr>,
    ) -> Result<AuthOutcome, Failure> {
        if self.settings.keys.is_due() {
            self.settings.keys.reread();
        }
        let cookies: Vec<(&str, &str)> = cookies
            .iter()
            .map(|(name, token)| (&**name, &**token))
            .collect();
        let account = Account {
            name: &self.settings.account_name,
            id: &self.settings.account_id,
        };
        let logins = read_logins(&cookies, account);
        let mut verdicts = Vec::with_capacity(logins.tokens.len());
        for login in &logins.tokens {
            let verdict = self.verdict(login.audience, login.token, client).await?;
            verdicts.push((login.audience, verdict));
        }
        let outcome = settle(verdicts, &logins.over_limit);
        let person = |identity: Identity| (identity.user_id, identity.email);
        Ok(AuthOutcome {
            admin: outcome.admin.map(person),
            shopper: outcome.store.map(person),
            valid_until: outcome.valid_until,
            refused: outcome
                .failures
                .into_iter()
                .map(VtexIdError::label)
                .collect(),
        })
    }
}

#[async_trait]
impl Remote for Tokens {
    async fn tend(&self) {
        self.settings.keys.reread();
        if let Some(url) = self.settings.keys.url() {
            url.tend().await;
        }
    }

    async fn probe(&self) -> Vec<Probed> {
        let mut all = Vec::new();
        if let Some(url) = self.settings.keys.url() {
            let (source, uri) = url.parts();
            let trying = async {
                let text = source
                    .get_text(uri.clone(), &http::HeaderMap::new())
                    .await?;
                read_keys(&text)
            };
            let probed = Probed::of(source.name(), uri.to_string(), trying, |keys| {
                Ok(format!("{} keys", keys.len()))
            });
            all.push(probed.await);
        }
        if let Some(service) = &self.settings.service {
            let (source, uri) = service.parts();
            let address = uri.to_string();
            let address = address.split('?').next().unwrap_or_default().to_owned();
            let probed = Probed::of(source.name(), address, service.probe(), |()| {
                Ok("tokens can be asked about".to_owned())
            });
            all.push(probed.await);
        }
        all
    }
}

#[cfg(test)]
mod tests;
