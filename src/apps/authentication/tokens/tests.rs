//! Verdicts without network: keys at hand, and a service that is not there.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::*;
use crate::domain::breaker::BreakerSettings;
use crate::domain::vtexid::{Login, LoginKey, draw_login_key, mint};
use crate::outbound::names::SystemNames;
use crate::outbound::source::{Manners, Source, World};
use crate::outbound::{Outbound, Tls};
use crate::telemetry::Telemetry;

const ID: &str = "5f1d4c30-92d2-4d8c-9f31-a24ff8a5d2c1";
const COOKIE: &str = "VtexIdclientAutCookie_demostore";

#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn bits(&self) -> u128 {
        let count = u128::from(self.0.fetch_add(1, Ordering::SeqCst));
        (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

struct Rig {
    tokens: Tokens,
    key: LoginKey,
    clock: Arc<Hand>,
    telemetry: Telemetry,
}

impl Rig {
    /// With the keys of `key`, and a service where nobody listens.
    fn new(with_service: bool) -> Self {
        let entropy = Arc::new(Counted::default());
        let key = LoginKey::parse(&draw_login_key(&mut || entropy.bits())).unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1000)));
        let time: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let telemetry = Telemetry::new();
        let chance = Arc::<Counted>::clone(&entropy);
        let outbound = Outbound::new(Tls::Unused, Arc::new(SystemNames), chance).unwrap();
        let world = World {
            outbound: Arc::new(outbound),
            clock: Arc::clone(&time),
            entropy: Arc::<Counted>::clone(&entropy) as _,
            metrics: telemetry.sources().clone(),
        };
        let manners = Manners {
            timeout: Duration::from_secs(30),
            retries: 0,
            concurrency: 8,
            reply_bytes: 1024,
            breaker: BreakerSettings {
                failures: 0,
                cool_down: Duration::ZERO,
            },
        };
        let places = Arc::new(Semaphore::new(8));
        let source = Source::new("login_service", "demostore".into(), manners, places, world);
        let nowhere = "http://127.0.0.1:1/".parse().unwrap();
        let service = || TokenService::new(Arc::new(source), nowhere, "demostore".into(), 60);
        let rules = ("token-emitter".to_owned(), Duration::ZERO);
        let settings = TokensSettings {
            account_name: "demostore".to_owned(),
            account_id: ID.to_owned(),
            keys: KeyBook::new(
                key.public_keys(),
                Vec::new(),
                None,
                rules,
                Arc::clone(&time),
            ),
            service: with_service.then(service),
            verify_ttl: Duration::from_mins(5),
            ledger: Ledger::new(
                "login_token",
                telemetry.sources().lookups_of("demostore", "login_token"),
                &Arc::default(),
            ),
        };
        Self {
            tokens: Tokens::new(settings, time, &*entropy),
            key,
            clock,
            telemetry,
        }
    }

    async fn verify(&self, token: &str) -> Result<AuthOutcome, Failure> {
        let cookies = [(COOKIE.to_owned(), token.to_owned())];
        let client = "192.0.2.1".parse().unwrap();
        self.tokens.verify(&cookies, Some(client)).await
    }
}

fn token(key: &LoginKey) -> String {
    let login = Login {
        audience: Audience::Webstore,
        account: "demostore",
        email: "ana@example.com",
        user_id: "u-1",
        life: Duration::from_mins(1),
        random: 7,
    };
    mint(key, &login, Millis::from_secs(1000)).unwrap()
}

#[tokio::test]
async fn a_token_of_a_trusted_key_proves_its_bearer_until_it_ends_remembered_or_not() {
    let rig = Rig::new(false);
    let token = token(&rig.key);
    let proven = AuthOutcome {
        shopper: Some(("u-1".to_owned(), "ana@example.com".to_owned())),
        valid_until: Some(Millis::from_secs(1060)),
        ..AuthOutcome::default()
    };
    for now in [1000, 1000, 1059] {
        rig.clock.0.store(now, Ordering::SeqCst);
        assert_eq!(rig.verify(&token).await, Ok(proven.clone()), "{now}");
    }
    rig.clock.0.store(1060, Ordering::SeqCst);
    assert_eq!(rig.verify(&token).await.unwrap().refused, ["expired"]);
    let counted = |answer: &str, count: u32| {
        let line = format!(
            r#"vestibule_source_lookups_total{{account="demostore",answer="{answer}",source="login_token"}} {count}"#
        );
        assert!(rig.telemetry.render().contains(&line), "{line}");
    };
    counted("checked", 1);
    counted("kept", 2);
}

#[tokio::test]
async fn ten_thousand_different_bad_tokens_of_one_client_cost_no_more_calls_than_it_may_have() {
    let rig = Rig::new(true);
    let stranger = LoginKey::parse(&draw_login_key(&mut || Counted(9.into()).bits())).unwrap();
    let good = token(&stranger);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, rest) = signature.split_at(4);
    for number in 0..10_000 {
        let bad = format!("{signed}.{number:04}{rest}");
        let outcome = rig.verify(&bad).await;
        assert!(
            outcome.is_err(),
            "asked about later, and nobody meanwhile: {outcome:?}"
        );
    }
    let calls = r#"vestibule_source_calls_total{account="demostore",outcome="unavailable",source="login_service"} 60"#;
    assert!(
        rig.telemetry.render().contains(calls),
        "{}",
        rig.telemetry.render()
    );
}
