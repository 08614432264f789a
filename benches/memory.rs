//! What sessions take of memory, all in, and what finding one among many costs.
//!
//! Each figure comes from a process of its own, so that none finds another's memory freed. With
//! `cargo bench --bench memory`; `-- large` adds ten million sessions, which needs 5 GiB.
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use vestibule::clock::SystemClock;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, Field, Session, SessionId, Upkeep};
use vestibule::domain::time::Millis;
use vestibule::domain::token::TokenHash;
use vestibule::ports::{Clock as _, SessionStore as _};
use vestibule::store::memory::MemoryCapacity;
use vestibule::store::{Interner, MemoryStore};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEEP: Duration = Duration::from_mins(30);
/// Campaigns that visitors come from; each is one body for all of them.
const CAMPAIGNS: u64 = 500;
/// Values of its own that an authenticated session holds.
const VALUES: usize = 25;
const LOOKUPS: u64 = 2_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.find(|argument| argument != "--bench").as_deref() {
        Some("anonymous") => weigh(Kind::Anonymous, arguments.next()),
        Some("authenticated") => weigh(Kind::Authenticated, arguments.next()),
        Some("large") => all(&["10000", "1000000", "10000000"]),
        _ => all(&["10000", "1000000"]),
    }
}

fn all(counts: &[&str]) {
    for count in counts {
        again("anonymous", count);
    }
    again("authenticated", "1000000");
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

fn weigh(kind: Kind, count: Option<String>) {
    let count = count.and_then(|count| count.parse().ok());
    let count: u64 = count.unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime of one thread can always be made");
    let store = MemoryStore::new(MemoryCapacity {
        anonymous: u64::MAX,
        authenticated: u64::MAX,
    });
    let bodies = Interner::default();
    let now = SystemClock::start().now();
    let account: Arc<str> = "demostore".into();
    // Tables and threads that the first sessions bring with them are no session's own.
    runtime.block_on(fill(&store, &bodies, (kind, &account, now), 1..1_000));
    let before = resident_bytes();
    runtime.block_on(fill(
        &store,
        &bodies,
        (kind, &account, now),
        1_000..count + 1_000,
    ));
    let grown = resident_bytes().saturating_sub(before);
    let lookup = lookup(&store, kind, count);
    println!(
        "{count:>9} {kind:?}: {:>5} bytes each, {:>5} MiB, a random one found in {lookup:.0?}",
        grown / count,
        grown >> 20,
    );
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
            account: Arc::clone(account),
            body: bodies.share(body),
            version: 1,
            created_at: now,
            issued_at: now,
            last_seen: now,
            token: Some(TokenHash::from_u128(7)),
            logins: match kind {
                Kind::Anonymous => Arc::default(),
                Kind::Authenticated => Arc::new([login]),
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
fn lookup(store: &MemoryStore, kind: Kind, count: u64) -> Duration {
    let authenticated = kind == Kind::Authenticated;
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let begun = Instant::now();
    for _ in 0..LOOKUPS {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let found = store.peek(id(1_000 + dice % count), authenticated);
        assert!(black_box(found).is_some(), "every one of them is there");
    }
    begun.elapsed() / u32::try_from(LOOKUPS).expect("not that many")
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
