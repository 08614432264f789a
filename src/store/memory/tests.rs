//! The index says what the caches hold, whoever changes them at once.

use serde_json::json;

use super::*;
use crate::domain::plans::SharedBody;
use crate::domain::session::field::known;
use crate::domain::session::{Body, LoginHashes, Upkeep};
use crate::store::Place;

const HOUR: Duration = Duration::from_hours(1);
const IDS: u128 = 4;

fn store(room: u64) -> MemoryStore {
    MemoryStore::new(MemoryCapacity {
        anonymous: room,
        authenticated: room,
        anonymous_unused: HOUR,
        authenticated_unused: HOUR,
    })
}

fn session(bits: u128, known_shopper: bool) -> Session {
    let field = if known_shopper {
        "authentication.storeUserId"
    } else {
        "public.sc"
    };
    let body: Body = [(known(field), json!("1"))].into_iter().collect();
    Session {
        id: SessionId::from_random(bits),
        body: Arc::new(SharedBody::new(&"demostore".into(), &body)),
        version: 1,
        created_at: Millis::default(),
        issued_at: Millis::default(),
        last_seen: Millis::default(),
        token: None,
        logins: LoginHashes::default(),
        upkeep: Upkeep::default(),
    }
}

/// What the caches hold under an id.
fn cached(store: &MemoryStore, id: SessionId) -> Option<Arc<Resident>> {
    let entry = store.anonymous.get(&id);
    let entry = entry.or_else(|| store.authenticated.get(&id))?;
    Some(Arc::clone(entry.indexed()))
}

async fn change(store: &MemoryStore, bits: u128, choice: u64) {
    let id = SessionId::from_random(bits);
    let found = |known_shopper| {
        let resident = Resident::new(session(bits, known_shopper), Box::default());
        Found::Live(Arc::new(resident))
    };
    // Refused by what is there as often as not.
    match choice % 9 {
        0 => drop(store.create(session(bits, false), HOUR).await),
        1 => drop(store.create(session(bits, true), HOUR).await),
        2 => drop(store.save(session(bits, true), 1, HOUR).await),
        3 => drop(
            store
                .issue(id, TokenHash::from_u128(1), Millis::default())
                .await,
        ),
        4 => {
            let marker = Marker {
                account: "demostore".into(),
                to: SessionId::from_random(bits + 1),
                until: Millis::default(),
            };
            drop(store.rotate(id, marker, HOUR).await);
        }
        5 => {
            let ended = Ended {
                session: Arc::new(session(bits, false)),
                reason: Ending::Logout,
                successor: None,
            };
            drop(store.end(id, ended, HOUR).await);
        }
        6 => store.keep(id, found(false), HOUR),
        7 => store.keep(id, found(true), HOUR),
        _ => store.forget(id),
    }
}

#[test]
fn after_any_changes_at_once_the_index_and_the_caches_hold_the_same() {
    let store = store(u64::MAX);
    for round in 0..50_u64 {
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let store = &store;
                scope.spawn(move || {
                    let mut dice = (round * 4 + thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let runtime = tokio::runtime::Builder::new_current_thread().build();
                    runtime.unwrap().block_on(async {
                        for _ in 0..40 {
                            dice ^= dice << 13;
                            dice ^= dice >> 7;
                            dice ^= dice << 17;
                            let bits = 1 + u128::from(dice >> 32) % IDS;
                            change(store, bits, dice % 9).await;
                        }
                    });
                });
            }
        });
        for bits in 1..=IDS {
            let id = SessionId::from_random(bits);
            let (indexed, cached) = (store.index.get(id), cached(&store, id));
            let same = match (&indexed, &cached) {
                (Some(indexed), Some(cached)) => Arc::ptr_eq(indexed, cached),
                (None, None) => true,
                _ => false,
            };
            assert!(same, "round {round}, {bits}: {indexed:?}, {cached:?}");
        }
    }
}

#[tokio::test]
async fn what_a_cache_lets_go_leaves_the_index() {
    let store = store(50_000);
    for bits in 1..=2_000 {
        store.create(session(bits, false), HOUR).await.unwrap();
    }
    store.anonymous.run_pending_tasks();
    let indexed =
        (1..=2_000).filter(|bits| store.index.get(SessionId::from_random(*bits)).is_some());
    let kept = store.anonymous.entry_count();
    assert!(kept > 0 && kept < 1_000, "{kept}");
    assert_eq!(indexed.count() as u64, kept);
    store.forget_sessions();
    assert!(store.peek(SessionId::from_random(2_000), false).is_none());
}

#[tokio::test]
async fn whoever_is_active_stays_when_others_have_to_go() {
    let store = store(50_000);
    let active = store.create(session(1, false), HOUR).await.unwrap();
    let mut now = Millis::default();
    for bits in 2..=2_000 {
        store.create(session(bits, false), HOUR).await.unwrap();
        now = now.plus(Duration::from_secs(10));
        store.touch(&active, now, Duration::from_mins(1));
        store.anonymous.run_pending_tasks();
    }
    assert!(store.peek(SessionId::from_random(1), false).is_some());
    assert!(store.peek(SessionId::from_random(2), false).is_none());
}

/// The ids of a page, and whether there is more.
async fn page(store: &MemoryStore, after: Option<Place>, most: usize) -> (Latest, Vec<u128>) {
    let wanted = Wanted {
        fits: &|resident| resident.session().authenticated(),
        after,
        most,
    };
    let latest = store.latest(wanted).await;
    let ids = latest.sessions.iter().map(|(place, _)| place.id.as_u128());
    let ids = ids.collect();
    (latest, ids)
}

#[tokio::test]
async fn the_latest_come_first_a_page_at_a_time_each_once() {
    let store = store(1 << 30);
    // Two were used at each moment, in no order of their ids; every third is somebody else's.
    let mut expected = Vec::new();
    for number in 0..300_u128 {
        let bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let known_shopper = number % 3 > 0;
        let session = session(bits, known_shopper);
        let resident = store.create(session, HOUR).await.unwrap();
        let seen = Millis::from_secs(i64::try_from(number / 2).unwrap());
        resident.touch(seen);
        if known_shopper {
            let id = resident.session().id;
            expected.push(Place { seen, id });
        }
    }
    expected.sort_unstable();
    let expected: Vec<u128> = expected.iter().rev().map(|one| one.id.as_u128()).collect();
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let (latest, ids) = page(&store, after, 7).await;
        assert!(latest.complete && ids.len() <= 7);
        told.extend(ids);
        after = latest.sessions.last().map(|(place, _)| *place);
        if !latest.more {
            break;
        }
    }
    assert_eq!(told, expected);
    let (latest, ids) = page(&store, None, expected.len()).await;
    assert_eq!((latest.more, ids.len()), (false, expected.len()));
}

#[tokio::test]
async fn what_holds_a_place_is_none_of_the_latest() {
    let store = store(1 << 30);
    for bits in [1, 2, 3] {
        store.create(session(bits, true), HOUR).await.unwrap();
    }
    let [first, second, third] = [1, 2, 3].map(SessionId::from_random);
    let ended = Ended {
        session: Arc::new(session(1, true)),
        reason: Ending::Logout,
        successor: None,
    };
    assert!(store.end(first, ended, HOUR).await.unwrap());
    let marker = Marker {
        account: "demostore".into(),
        to: third,
        until: Millis::from_secs(60),
    };
    store.rotate(second, marker, HOUR).await.unwrap();
    assert_eq!(page(&store, None, 10).await.1, [third.as_u128()]);
}
