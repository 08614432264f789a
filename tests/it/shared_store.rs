//! Several instances over one server: what one does, the others know.

mod clocks;
mod cluster;
mod faults;
mod instances;
mod makes;
mod secured;
mod sentinel;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use vestibule::domain::session::{Session, SessionId};
use vestibule::domain::time::Millis;
use vestibule::domain::token::TokenHash;
use vestibule::ports::SessionStore;
use vestibule::store::{Ended, Ending, Found, Login};

use crate::store_contract::{KEEP, anonymous, live, session};
use crate::support::clock::{T0, at};
use crate::support::origin::Origin;
use crate::support::valkey::{Instance, Server, eventually, hears};
use crate::support::{Shop, Shopper};

const TOKEN: TokenHash = TokenHash::from_u128(77);

fn id(bits: u128) -> SessionId {
    SessionId::from_random(bits)
}

fn known(bits: u128) -> Session {
    Session {
        logins: [TOKEN].into(),
        ..session(bits, &[("authentication.storeUserId", "user-1")])
    }
}

/// The session as somebody changed it.
fn next(old: &Session) -> Session {
    Session {
        version: old.version + 1,
        ..old.clone()
    }
}

fn version_near(instance: &Instance, bits: u128) -> Option<u64> {
    match instance.store.peek(id(bits), false) {
        Some(Found::Live(resident)) => Some(resident.session().version),
        _ => None,
    }
}

pub(crate) async fn pair(server: &Server) -> (Instance, Instance) {
    (
        Instance::hearing(server.settings()).await,
        Instance::hearing(server.settings()).await,
    )
}

#[tokio::test]
async fn a_change_of_one_instance_is_seen_by_the_other_as_soon_as_it_is_told() {
    let server = Server::start();
    let (one, other) = pair(&server).await;
    let first = anonymous(1);
    one.store.create(first.clone(), KEEP).await.unwrap();
    assert_eq!(live(&other.store, 1).await.session().version, 1);
    assert_eq!(version_near(&other, 1), Some(1));
    let second = next(&first);
    one.store
        .save(second.clone(), 1, KEEP)
        .await
        .unwrap()
        .unwrap();
    eventually("the old value is dropped", async || {
        version_near(&other, 1).is_none()
    })
    .await;
    assert_eq!(live(&other.store, 1).await.session().version, 2);
    // And the other way round, a cookie too.
    let later = T0.plus(Duration::from_secs(9));
    assert_eq!(other.store.issue(id(1), TOKEN, later).await, Ok(true));
    eventually("the cookie is seen", async || {
        live(&one.store, 1).await.session().token == Some(TOKEN)
    })
    .await;
}

#[tokio::test]
async fn what_an_instance_wrote_itself_stays_near_it() {
    let server = Server::start();
    let (one, other) = pair(&server).await;
    for bits in 1..=2 {
        one.store.create(anonymous(bits), KEEP).await.unwrap();
        live(&other.store, bits).await;
    }
    one.store.save(next(&anonymous(1)), 1, KEEP).await.unwrap();
    one.store.save(next(&anonymous(2)), 1, KEEP).await.unwrap();
    // Told in this order to both: once the other has heard of the second, so have all of the first.
    eventually("both are heard", async || {
        version_near(&other, 1).is_none() && version_near(&other, 2).is_none()
    })
    .await;
    assert_eq!(version_near(&one, 1), Some(2));
}

#[tokio::test]
async fn a_logout_on_one_instance_is_one_on_the_other() {
    let server = Server::start();
    let (one, other) = pair(&server).await;
    let (now, day) = (T0, Duration::from_hours(24));
    let login = Login::new(now, now.plus(day));
    one.store.open_login(TOKEN, login).await.unwrap();
    one.store.create(known(1), KEEP).await.unwrap();
    one.store.create(known(2), KEEP).await.unwrap();
    // As a request holds it that is under way.
    let held = live(&other.store, 2).await;
    assert!(held.logins_stand(now, day));
    let ended = Ended {
        session: Arc::new(known(1)),
        reason: Ending::Logout,
        successor: None,
    };
    live(&other.store, 1).await;
    assert_eq!(one.store.close_login(TOKEN, Ending::Logout).await, Ok(true));
    assert_eq!(one.store.end(id(1), ended, KEEP).await, Ok(true));
    eventually("the login has ended", async || !held.logins_stand(now, day)).await;
    eventually("the session has ended", async || {
        matches!(other.store.load(id(1)).await, Ok(Some(Found::Ended(_))))
    })
    .await;
    assert_eq!(
        other.store.close_login(TOKEN, Ending::Idle).await,
        Ok(false)
    );
}

#[tokio::test]
async fn of_two_who_change_the_same_version_one_comes_through() {
    let server = Server::start();
    let (one, other) = pair(&server).await;
    let first = anonymous(1);
    one.store.create(first.clone(), KEEP).await.unwrap();
    live(&other.store, 1).await;
    let (a, b) = tokio::join!(
        one.store.save(next(&first), 1, KEEP),
        other.store.save(next(&first), 1, KEEP),
    );
    let through = [a.unwrap(), b.unwrap()];
    assert_eq!(through.iter().flatten().count(), 1);
    let login = |at: i64| Login::new(Millis::from_secs(at), T0.plus(KEEP));
    let (a, b) = tokio::join!(
        one.store.open_login(TOKEN, login(1)),
        other.store.open_login(TOKEN, login(2)),
    );
    assert_eq!(
        a.unwrap().created_at,
        b.unwrap().created_at,
        "the first stays"
    );
}

#[tokio::test]
async fn a_write_is_one_round_trip_and_what_is_near_none() {
    let server = Server::start();
    let instance = Instance::hearing(server.settings()).await;
    let store = &instance.store;
    let counts = || ["evalsha", "eval", "set", "get"].map(|name| server.calls(name));
    // The server learns each script at its first use.
    warm(store, 1).await;
    let before = counts();
    warm(store, 2).await;
    let asked: Vec<u64> = counts()
        .iter()
        .zip(before)
        .map(|(now, was)| now - was)
        .collect();
    // Save, issue, rotate, end and the end of a login by script. Beside the first cookie's, which
    // are sets by themselves, the scripts of save, rotate and end set too. Nothing was read.
    assert_eq!(asked, [5, 0, 3 + 3, 0]);
    let before = counts();
    for _ in 0..100 {
        assert!(matches!(store.peek(id(2), false), Some(Found::Moved(_))));
        store.load(id(2)).await.unwrap();
        store.login(TokenHash::from_u128(2)).await.unwrap();
    }
    assert_eq!(counts(), before);
}

/// Every kind of write once.
async fn warm(store: &dyn SessionStore, bits: u128) {
    let (first, token) = (anonymous(bits), TokenHash::from_u128(bits));
    store.create(first.clone(), KEEP).await.unwrap();
    store.save(next(&first), 1, KEEP).await.unwrap().unwrap();
    store.issue(id(bits), token, T0).await.unwrap();
    let marker = vestibule::store::Marker {
        account: "demostore".into(),
        to: id(bits + 100),
        until: T0.plus(KEEP),
    };
    store.rotate(id(bits), marker, KEEP).await.unwrap();
    let second = anonymous(bits + 100);
    store.create(second.clone(), KEEP).await.unwrap();
    let ended = Ended {
        session: Arc::new(second),
        reason: Ending::Logout,
        successor: None,
    };
    assert_eq!(store.end(id(bits + 100), ended, KEEP).await, Ok(true));
    let login = Login::new(T0, T0.plus(KEEP));
    store.open_login(token, login).await.unwrap();
    assert_eq!(store.close_login(token, Ending::Logout).await, Ok(true));
}

#[tokio::test]
async fn a_record_lives_on_the_server_as_long_as_after_its_last_use() {
    let server = Server::start();
    let instance = Instance::new(server.settings());
    let store = &instance.store;
    let resident = store.create(anonymous(1), KEEP).await.unwrap();
    let key = format!("vst:s:{{{:032x}}}", 1);
    let left = || {
        let left: i64 = redis::from_redis_value(server.ask(&["PTTL", &key])).unwrap();
        Duration::from_millis(left.unsigned_abs())
    };
    assert!(left() <= KEEP && left() + Duration::from_mins(1) > KEEP);
    // Used later, by a clock that the server knows nothing of.
    store.touch(&resident, T0.plus(Duration::from_mins(10)), Duration::ZERO);
    eventually("its life is longer", async || left() > KEEP).await;
    let at = server.text(&["GETRANGE", &key, "2", "16"]);
    assert_eq!(at.parse(), Ok(T0.plus(Duration::from_mins(10)).as_millis()));
    // Back it never goes.
    store.touch(&resident, T0, Duration::ZERO);
    store.close();
    assert_eq!(server.text(&["GETRANGE", &key, "2", "16"]), at);
}

#[tokio::test]
async fn a_record_of_a_later_vestibule_is_left_alone() {
    let server = Server::start();
    let instance = Instance::new(server.settings());
    let key = format!("vst:s:{{{:032x}}}", 1);
    for later in ["2 whatever", &format!("1L{}\u{2}rest", "0".repeat(97))] {
        server.ask(&["SET", &key, later]);
        let store = &instance.store;
        assert!(store.load(id(1)).await.is_err());
        assert!(store.create(anonymous(1), KEEP).await.is_err());
        assert!(store.save(next(&anonymous(1)), 1, KEEP).await.is_err());
        assert!(store.issue(id(1), TOKEN, T0).await.is_err());
        let ended = Ended {
            session: Arc::new(anonymous(1)),
            reason: Ending::Idle,
            successor: None,
        };
        assert!(store.end(id(1), ended, KEEP).await.is_err());
        assert_eq!(server.text(&["GET", &key]), later);
    }
}

#[tokio::test]
async fn a_damaged_record_is_set_aside_and_the_shopper_gets_a_new_session() {
    let server = Server::start();
    let instance = Instance::new(server.settings());
    let key = format!("vst:s:{{{:032x}}}", 1);
    instance.store.create(anonymous(1), KEEP).await.unwrap();
    server.ask(&["SETRANGE", &key, "120", "rubbish"]);
    let other = Instance::new(server.settings());
    assert!(matches!(other.store.load(id(1)).await, Ok(None)));
    other.store.create(anonymous(1), KEEP).await.unwrap();
    let aside = format!("vst:damaged:{key}");
    let there: i64 = redis::from_redis_value(server.ask(&["EXISTS", &aside])).unwrap();
    assert_eq!(there, 1);
}

/// Two instances of one shop.
pub(crate) async fn twins(server: &Server) -> (Arc<Shop>, Arc<Shop>) {
    let store = format!(
        "[store]\nkind = \"valkey\"\naddresses = [\"127.0.0.1:{}\"]\ndeadline = \"5s\"\n",
        server.port
    );
    let shop = Shop::with(&store).await;
    let twin = shop.twin(Origin::start().await);
    for shop in [&shop, &twin] {
        eventually("changes are heard", async || hears(&shop.metrics())).await;
    }
    (shop, twin)
}

#[tokio::test]
async fn a_login_that_is_used_elsewhere_counts_here() {
    const AUTH: &str = "VtexIdclientAutCookie_demostore";
    let server = Server::start();
    let (shop, twin) = twins(&server).await;
    let token = shop.token("ana@example.com");
    let mut here = Shopper::new(&shop);
    here.keep(AUTH, &token);
    here.get("/").await;
    // The twin has the login near, as of this moment.
    shop.clock.set(at("1:00"));
    let mut there = Shopper::new(&twin);
    there.keep(AUTH, &token);
    there.get("/").await;
    let user = |shop: &Shop| shop.origin.last().header("x-session-user-id").is_some();
    assert!(user(&twin));
    shop.clock.set(at("24:00"));
    here.get("/").await;
    let keys: Vec<String> = redis::from_redis_value(server.ask(&["KEYS", "vst:l:*"])).unwrap();
    let seen = T0.plus(at("24:00")).as_millis();
    eventually("the login's activity is noted", async || {
        server.text(&["GETRANGE", &keys[0], "2", "16"]).parse() == Ok(seen)
    })
    .await;
    shop.clock.set(at("31:00"));
    let mut another = Shopper::new(&twin);
    another.keep(AUTH, &token);
    another.get("/").await;
    assert!(user(&twin), "the login is not idle");
    // Nobody uses it any more.
    shop.clock.set(at("57:00"));
    let mut late = Shopper::new(&shop);
    late.keep(AUTH, &token);
    late.get("/").await;
    assert!(!user(&shop), "the login is idle");
    let mut late = Shopper::new(&twin);
    late.keep(AUTH, &token);
    late.get("/").await;
    assert!(!user(&twin), "and over for everybody");
}

#[tokio::test]
async fn a_shopper_who_is_active_elsewhere_does_not_end_here() {
    let server = Server::start();
    let (shop, twin) = twins(&server).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let session = |shop: &Shop| shop.origin.last().header("x-session-id").map(str::to_owned);
    let begun = session(&shop).unwrap();
    let jar = shopper.into_jar();
    shop.clock.set(at("1:00"));
    let mut there = Shopper::with_jar(&twin, jar.clone());
    there.get("/").await;
    assert_eq!(session(&twin).as_ref(), Some(&begun), "one session on both");
    shop.clock.set(at("24:00"));
    let mut here = Shopper::with_jar(&shop, jar);
    here.get("/").await;
    assert_eq!(session(&shop).as_ref(), Some(&begun));
    let key = format!("vst:s:{{{}}}", begun.replace('-', ""));
    let seen = T0.plus(at("24:00")).as_millis();
    eventually("the activity is noted", async || {
        server.text(&["GETRANGE", &key, "2", "16"]).parse() == Ok(seen)
    })
    .await;
    // By what is near there, it has been idle for 30 minutes.
    shop.clock.set(at("31:00"));
    there.get("/").await;
    assert_eq!(session(&twin).as_ref(), Some(&begun), "it lives");
    // And when nobody was active anywhere, it ends there too.
    shop.clock.set(at("57:00"));
    here.get("/").await;
    let after = session(&shop);
    assert!(
        after.is_some() && after.as_ref() != Some(&begun),
        "{after:?}"
    );
}
