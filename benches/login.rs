//! What a login token costs: a verdict that is remembered, a cheap look at one that cannot be good, and
//! what neighbours on the same thread notice of 500 first-seen ES256 tokens a second.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use tokio::runtime::{Builder, Runtime};
use vestibule::apps::authentication::{KeyBook, Tokens, TokensSettings};
use vestibule::clock::{SystemClock, SystemEntropy};
use vestibule::domain::vtexid::{Audience, Login, LoginKey, draw_login_key, mint};
use vestibule::outbound::recent::Ledger;
use vestibule::ports::{Clock, Entropy, TokenVerifier};
use vestibule::telemetry::Telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COOKIE: &str = "VtexIdclientAutCookie_demostore";
const STAFF: &str = "VtexIdclientAutCookie";
const SECONDS: u32 = 4;
const A_SECOND: u32 = 500;

fn main() {
    neighbours();
    divan::main();
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread can always be made")
}

struct Rig {
    tokens: Arc<Tokens>,
    key: LoginKey,
    clock: Arc<SystemClock>,
}

impl Rig {
    fn new() -> Self {
        let key = draw_login_key(&mut || SystemEntropy.bits());
        let key = LoginKey::parse(&key).expect("it was made here");
        let clock = Arc::new(SystemClock::start());
        let time: Arc<dyn Clock> = Arc::<SystemClock>::clone(&clock);
        let rules = ("token-emitter".to_owned(), Duration::ZERO);
        let settings = TokensSettings {
            account_name: "demostore".to_owned(),
            account_id: "d5f1c7a2-3b44-4f5e-9a68-7c0d2e9b4a10".to_owned(),
            keys: KeyBook::new(
                key.public_keys(),
                Vec::new(),
                None,
                rules,
                Arc::clone(&time),
            ),
            service: None,
            verify_ttl: Duration::from_mins(5),
            ledger: Ledger::new(
                "login_token",
                Telemetry::new()
                    .sources()
                    .lookups_of("demostore", "login_token"),
                &Arc::default(),
            ),
        };
        Self {
            tokens: Arc::new(Tokens::new(settings, time, &SystemEntropy)),
            key,
            clock,
        }
    }

    fn login(&self, cookie: &str) -> [(String, String); 1] {
        let login = Login {
            audience: Audience::Webstore,
            account: "demostore",
            email: "ana@example.com",
            user_id: "11111111-1111-4111-8111-111111111111",
            life: Duration::from_hours(1),
            random: SystemEntropy.bits(),
        };
        let token = mint(&self.key, &login, self.clock.now()).expect("the login is well formed");
        [(cookie.to_owned(), token)]
    }
}

#[divan::bench]
fn a_verdict_that_is_remembered(bencher: Bencher<'_, '_>) {
    let (rig, runtime) = (Rig::new(), runtime());
    let login = rig.login(COOKIE);
    let first = runtime.block_on(rig.tokens.verify(&login, None));
    assert!(first.is_ok_and(|outcome| outcome.shopper.is_some()));
    bencher.bench_local(|| runtime.block_on(rig.tokens.verify(&login, None)));
}

#[divan::bench]
fn a_look_at_a_token_of_another_kind(bencher: Bencher<'_, '_>) {
    let (rig, runtime) = (Rig::new(), runtime());
    // A shopper's token in staff's cookie: refused before its signature.
    let login = rig.login(STAFF);
    bencher.bench_local(|| runtime.block_on(rig.tokens.verify(&login, None)));
}

#[divan::bench(sample_count = 200)]
fn a_token_that_is_seen_first(bencher: Bencher<'_, '_>) {
    let (rig, runtime) = (Rig::new(), runtime());
    bencher
        .with_inputs(|| rig.login(COOKIE))
        .bench_local_values(|login| runtime.block_on(rig.tokens.verify(&login, None)));
}

/// How late a neighbour on the same thread comes to its turn, which it wants every millisecond: alone,
/// and beside new logins.
fn neighbours() {
    for a_second in [0, A_SECOND] {
        let rig = Rig::new();
        let logins: Vec<_> = (0..a_second * SECONDS).map(|_| rig.login(COOKIE)).collect();
        let mut late = runtime().block_on(async move {
            let verifying = tokio::spawn(async move {
                let mut turns = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
                for login in logins {
                    turns.tick().await;
                    let tokens = Arc::clone(&rig.tokens);
                    tokio::spawn(async move { drop(tokens.verify(&login, None).await) });
                }
            });
            let mut late = Vec::new();
            let end = tokio::time::Instant::now() + Duration::from_secs(1) * SECONDS;
            let mut next = tokio::time::Instant::now();
            while next < end {
                next += Duration::from_millis(1);
                tokio::time::sleep_until(next).await;
                let now = tokio::time::Instant::now();
                late.push(now.saturating_duration_since(next));
                next = next.max(now);
            }
            drop(verifying.await);
            late
        });
        late.sort_unstable();
        let at = |percent: usize| late.get(late.len() * percent / 100).copied();
        let (median, worst) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
        println!(
            "{a_second} new ES256 tokens a second: a neighbour is late by {median:?} (median), {worst:?} (p99)"
        );
    }
}
