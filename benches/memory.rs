//! What sessions take of memory, all in, and what finding one among many costs.
//!
//! Each figure comes from a process of its own, so that none finds another's memory freed. With
//! `cargo bench --bench memory`; `-- large` adds ten million sessions, which needs 9 GiB.
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use vestibule::clock::{SystemClock, SystemEntropy};
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, Field, LoginHashes, Session, SessionId, Upkeep};
use vestibule::domain::time::Millis;
use vestibule::domain::token::{
    Claims, KeyRing, TokenAlgorithm, TokenHash, TokenUse, hash_token, peek_id, sign_token,
};
use vestibule::ports::{Clock as _, Entropy as _, SessionStore as _};
use vestibule::store::memory::MemoryCapacity;
use vestibule::store::{Found, Interner, MemoryStore};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEEP: Duration = Duration::from_mins(30);
/// Campaigns that visitors come from; each is one body for all of them.
const CAMPAIGNS: u64 = 500;
/// Values of its own that an authenticated session holds.
const VALUES: usize = 25;
const LOOKUPS: u32 = 2_000_000;
const COOKIES: u32 = 1_000_000;
/// How often each time is taken; the fastest counts.
const ROUNDS: usize = 3;
/// So few that the caches of a processor may hold them.
const FEW: u64 = 10_000;
/// The number of the first session that is counted.
const FIRST: u64 = 1_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.find(|argument| argument != "--bench");
    let count = arguments.next().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(1_000_000);
    match what.as_deref() {
        Some("anonymous") => weigh(Kind::Anonymous, count),
        Some("authenticated") => weigh(Kind::Authenticated, count),
        Some("lookup") => compare_lookups(count),
        Some("large") => all(&["10000", "1000000", "10000000"]),
        _ => all(&["10000", "1000000"]),
    }
}

fn all(counts: &[&str]) {
    for count in counts {
        again("anonymous", count);
    }
    again("authenticated", "1000000");
    for count in counts.iter().skip(1) {
        again("lookup", count);
    }
}

fn again(kind: &str, count: &str) {
    let program = std::env::current_exe().expect("the program is a file");
    let done = Command::new(program).args([kind, count]).status();
    assert!(done.is_ok_and(|status| status.success()), "{kind} {count}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anonymous,
    Authenticated,
}

fn weigh(kind: Kind, count: u64) {
    let (_store, grown) = filled(kind, count);
    println!(
        "{count:>9} {kind:?}: {:>5} bytes each, {:>5} MiB",
        grown / count,
        grown >> 20,
    );
}

/// A store with so many sessions, and the bytes by which the process grew for them.
fn filled(kind: Kind, count: u64) -> (MemoryStore, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime of one thread can always be made");
    let store = MemoryStore::new(MemoryCapacity {
        anonymous: u64::MAX,
        authenticated: u64::MAX,
        anonymous_unused: KEEP,
        authenticated_unused: KEEP,
    });
    let bodies = Interner::default();
    let now = SystemClock::start().now();
    let account: Arc<str> = "demostore".into();
    let shared = (kind, &account, now);
    // Tables and threads that the first sessions bring with them are no session's own.
    runtime.block_on(fill(&store, &bodies, shared, 1..FIRST));
    let before = resident_bytes();
    runtime.block_on(fill(&store, &bodies, shared, FIRST..count + FIRST));
    let grown = resident_bytes().saturating_sub(before);
    (store, grown)
}

/// What finding a random session among many costs, against one among few, and what memory alone
/// makes of the difference: one read that waits for another, over as many bytes.
fn compare_lookups(many: u64) {
    let (small, small_bytes) = filled(Kind::Anonymous, FEW);
    let (large, large_bytes) = filled(Kind::Anonymous, many);
    let [mut among_few, mut among_many] = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        among_few = among_few.min(lookup(&small, FEW));
        among_many = among_many.min(lookup(&large, many));
    }
    let shop = Shop::new();
    let [mut stage_few, mut stage_many] = [Duration::MAX; 2];
    let [cookies_few, cookies_many] = [FEW, many].map(|count| shop.cookies(count));
    for _ in 0..ROUNDS {
        stage_few = stage_few.min(shop.recognise(&small, &cookies_few));
        stage_many = stage_many.min(shop.recognise(&large, &cookies_many));
    }
    drop((small, large));
    let [near, far] = [small_bytes, large_bytes].map(chase);
    let times = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{many:>9} a random one found in {among_many:?}, among {FEW} in {among_few:?}: {:.1} times",
        times(among_many, among_few),
    );
    println!(
        "{:>9} by its cookie, which is compared, in {stage_many:?} and {stage_few:?}: {:.1} times",
        "",
        times(stage_many, stage_few),
    );
    println!(
        "{:>9} one read of as much memory in {far:?} and {near:?}: {:.1} times; finding is {:.1} reads",
        "",
        times(far, near),
        times(among_many, far),
    );
}

/// What one read takes that depends on the one before, at random over so many bytes.
fn chase(bytes: u64) -> Duration {
    // One line of the processor's caches each; following the numbers goes through all of them.
    let lines = usize::try_from(bytes / 64).expect("it fits into memory");
    let mut next: Vec<[u64; 8]> = (0..lines as u64).map(|line| [line; 8]).collect();
    let mut dice = Dice::default();
    for line in (1..lines).rev() {
        let other = usize::try_from(dice.below(line as u64)).expect("it is less than a length");
        next.swap(line, other);
    }
    let (mut at, mut fastest) = (0, Duration::MAX);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..LOOKUPS {
            let line = next.get(at).expect("each number is a place");
            at = usize::try_from(line[0]).expect("each number is a place");
        }
        fastest = fastest.min(begun.elapsed() / LOOKUPS);
    }
    black_box(at);
    fastest
}

type Shared<'a> = (Kind, &'a Arc<str>, Millis);

async fn fill(
    store: &MemoryStore,
    bodies: &Interner,
    (kind, account, now): Shared<'_>,
    numbers: std::ops::Range<u64>,
) {
    for number in numbers {
        let body = match kind {
            Kind::Anonymous => visitor(number % CAMPAIGNS),
            Kind::Authenticated => shopper(number),
        };
        let login = TokenHash::from_u128(u128::from(number));
        let session = Session {
            id: id(number),
            body: bodies.share(account, body),
            version: 1,
            created_at: now,
            issued_at: now,
            last_seen: now,
            token: Some(TokenHash::from_u128(7)),
            logins: match kind {
                Kind::Anonymous => LoginHashes::default(),
                Kind::Authenticated => [login].into(),
            },
            upkeep: Upkeep::default(),
        };
        store.create(session, KEEP).await.expect("ids differ");
    }
}

fn id(number: u64) -> SessionId {
    let spread = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    SessionId::from_random(spread)
}

/// What a visitor from a campaign holds; as many other visitors hold the same.
fn visitor(campaign: u64) -> Body {
    [
        (known("account.accountName"), json!("demostore")),
        (known("profile.isAuthenticated"), json!("false")),
        (known("public.utm_source"), json!("newsletter")),
        (
            known("public.utm_campaign"),
            json!(format!("campaign-{campaign}")),
        ),
        (known("store.channel"), json!("1")),
        (known("store.countryCode"), json!("BRA")),
        (known("store.cultureInfo"), json!("pt-BR")),
        (known("store.currencyCode"), json!("BRL")),
        (known("store.currencySymbol"), json!("R$")),
    ]
    .into_iter()
    .collect()
}

/// What a shopper holds and nobody else: their ids, and values of twenty characters.
fn shopper(number: u64) -> Body {
    let ids = [
        (
            known("authentication.storeUserId"),
            json!(format!("user-{number:016}")),
        ),
        (known("profile.isAuthenticated"), json!("true")),
    ];
    let values = (ids.len()..VALUES).map(|value| {
        let field = Field::new("public", &format!("value{value}")).expect("a plain name");
        (field, json!(format!("{number:016}-{value:03}")))
    });
    ids.into_iter().chain(values).collect()
}

/// What finding a random session costs, over so many of them that caches of the processor matter.
fn lookup(store: &MemoryStore, count: u64) -> Duration {
    let mut dice = Dice::default();
    let begun = Instant::now();
    for _ in 0..LOOKUPS {
        let found = store.peek(id(FIRST + dice.below(count)), false);
        assert!(black_box(found).is_some(), "every one of them is there");
    }
    begun.elapsed() / LOOKUPS
}

/// What a request's stage *Lookup* has beside the store.
struct Shop {
    keys: KeyRing,
    account: Arc<str>,
    now: Millis,
}

impl Shop {
    fn new() -> Self {
        let now = SystemClock::start().now();
        let keys = KeyRing::generate(TokenAlgorithm::Hs256, now, &mut || SystemEntropy.bits());
        Self {
            keys,
            account: "demostore".into(),
            now,
        }
    }

    /// As many cookies as are looked for, of random sessions among so many. Each is read once a
    /// round, so that none makes the next look-up of its session quicker.
    fn cookies(&self, count: u64) -> Vec<String> {
        let mut dice = Dice::default();
        let cookies = (0..COOKIES).map(|_| {
            let claims = Claims {
                id: id(FIRST + dice.below(count)),
                account: &self.account,
                issued: self.now,
                expires: self.now.plus(KEEP),
                authenticated: false,
                light: false,
                token_use: TokenUse::Cookie,
            };
            sign_token(&self.keys, &claims, self.now).expect("the claims are small")
        });
        cookies.collect()
    }

    /// From a cookie to its session: the key that signed it, its id, what is under that, and
    /// the comparison of the cookie's keyed hash with the one that is kept.
    fn recognise(&self, store: &MemoryStore, cookies: &[String]) -> Duration {
        let begun = Instant::now();
        for cookie in cookies {
            assert!(self.keys.is_current(cookie, self.now), "the key is new");
            let (id, authenticated) = peek_id(cookie).expect("it was signed here");
            let Some(Found::Live(resident)) = store.peek(id, authenticated) else {
                unreachable!("every one of them is there and lives");
            };
            let session = resident.session();
            assert!(*session.account() == self.account, "there is one account");
            let issued = session.token == Some(hash_token(self.keys.hash_key(), cookie));
            black_box((issued, session.issued_at));
        }
        begun.elapsed() / COOKIES
    }
}

struct Dice(u64);

impl Default for Dice {
    fn default() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }
}

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Memory of this process that is in use, in bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .and_then(|count| count.trim().parse().ok())
        .expect("the line is a number of kB");
    kilobytes * 1024
}
