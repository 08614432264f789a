//! What every store promises, held against each of them by the same tests.
//!
//! `store_contract!(name, open)` makes the whole suite for a store; `open` gives an empty one, and
//! whatever it needs as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use vestibule::domain::plans::SharedBody;
use vestibule::domain::session::field::known;
use vestibule::domain::session::{Body, LoginHashes, Session, SessionId, Upkeep};
use vestibule::domain::time::Millis;
use vestibule::domain::token::TokenHash;
use vestibule::ports::{Clock, SessionStore, StoreError};
use vestibule::store::memory::MemoryCapacity;
use vestibule::store::valkey::Settings;
use vestibule::store::{
    EmbeddedStore, Ended, Ending, Found, LayeredStore, Login, Marker, MemoryStore, Owing,
    PersonKey, Resident,
};
use vestibule::telemetry::Telemetry;

use crate::support::clock::{ManualClock, T0};
use crate::support::valkey::{Server, far};

pub(crate) const KEEP: Duration = Duration::from_mins(30);
/// How long a cache holds what nobody asks for.
pub(crate) const UNUSED: Duration = Duration::from_hours(1);

/// A store, and what lives as long as it.
pub(crate) struct Opened {
    pub store: Arc<dyn SessionStore>,
    _folder: Option<TempDir>,
    _server: Option<Server>,
}

pub(crate) fn capacity() -> MemoryCapacity {
    MemoryCapacity {
        anonymous: 1 << 20,
        authenticated: 1 << 20,
        anonymous_unused: UNUSED,
        authenticated_unused: UNUSED,
    }
}

/// Room for what an outage leaves.
pub(crate) fn owing() -> Owing {
    Owing {
        most: 1000,
        metrics: Telemetry::new().store().clone(),
    }
}

fn memory() -> Opened {
    Opened {
        store: Arc::new(MemoryStore::new(capacity())),
        _folder: None,
        _server: None,
    }
}

/// A layered store over files in this folder.
pub(crate) fn on_disk(folder: &std::path::Path, clock: Arc<dyn Clock>) -> Arc<dyn SessionStore> {
    let metrics = Telemetry::new().store().clone();
    let far = EmbeddedStore::open(folder, clock, metrics).unwrap();
    let near = MemoryStore::new(capacity());
    Arc::new(LayeredStore::new(
        near,
        Arc::new(far),
        Arc::default(),
        owing(),
    ))
}

fn embedded() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    Opened {
        store: on_disk(
            &folder.path().join("sessions"),
            Arc::<ManualClock>::default(),
        ),
        _folder: Some(folder),
        _server: None,
    }
}

/// The same behind a cache that holds nothing: every read comes from afar.
fn embedded_uncached() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Telemetry::new().store().clone();
    let path = folder.path().join("sessions");
    let far = EmbeddedStore::open(&path, Arc::<ManualClock>::default(), metrics).unwrap();
    let near = MemoryStore::new(MemoryCapacity {
        anonymous: 0,
        authenticated: 0,
        anonymous_unused: UNUSED,
        authenticated_unused: UNUSED,
    });
    Opened {
        store: Arc::new(LayeredStore::new(
            near,
            Arc::new(far),
            Arc::default(),
            owing(),
        )),
        _folder: Some(folder),
        _server: None,
    }
}

/// A layered store over a server that others may use too.
pub(crate) fn shared(
    settings: Settings,
    clock: Arc<dyn Clock>,
    capacity: MemoryCapacity,
) -> LayeredStore {
    let near = MemoryStore::new(capacity);
    LayeredStore::new(
        near,
        Arc::new(far(settings, clock)),
        Arc::default(),
        owing(),
    )
}

fn over(server: Server, capacity: MemoryCapacity) -> Opened {
    let store = shared(server.settings(), Arc::<ManualClock>::default(), capacity);
    Opened {
        store: Arc::new(store),
        _folder: None,
        _server: Some(server),
    }
}

fn valkey() -> Opened {
    over(Server::start(), capacity())
}

/// The same on a server by another maker.
fn valkey_9() -> Opened {
    over(Server::of_valkey_9(), capacity())
}

fn valkey_uncached() -> Opened {
    let nothing = MemoryCapacity {
        anonymous: 0,
        authenticated: 0,
        anonymous_unused: UNUSED,
        authenticated_unused: UNUSED,
    };
    over(Server::start(), nothing)
}

pub(crate) fn session(id: u128, body: &[(&'static str, &str)]) -> Session {
    let body: Body = body
        .iter()
        .map(|(name, value)| (known(name), json!(value)))
        .collect();
    Session {
        id: SessionId::from_random(id),
        body: Arc::new(SharedBody::new(&"demostore".into(), &body)),
        version: 1,
        created_at: T0,
        issued_at: T0,
        last_seen: T0,
        token: None,
        logins: LoginHashes::default(),
        upkeep: Upkeep::default(),
    }
}

pub(crate) fn anonymous(id: u128) -> Session {
    session(id, &[("public.sc", "1")])
}

fn known_shopper(id: u128) -> Session {
    session(id, &[("authentication.storeUserId", "user-1")])
}

fn changed(old: &Session, value: &str) -> Session {
    let mut body = old.body.fields();
    body.set(known("public.sc"), json!(value));
    Session {
        body: Arc::new(SharedBody::new(old.account(), &body)),
        version: old.version + 1,
        ..old.clone()
    }
}

pub(crate) fn marker(to: u128) -> Marker {
    Marker {
        account: "demostore".into(),
        to: SessionId::from_random(to),
        until: T0.plus(Duration::from_secs(30)),
    }
}

pub(crate) fn ended(session: Session, reason: Ending) -> Ended {
    Ended {
        session: Arc::new(session),
        reason,
        successor: None,
    }
}

pub(crate) async fn live(store: &dyn SessionStore, id: u128) -> Arc<Resident> {
    match store.load(SessionId::from_random(id)).await {
        Ok(Some(Found::Live(resident))) => resident,
        other => panic!("not live: {other:?}"),
    }
}

pub(crate) const fn hash(bits: u128) -> TokenHash {
    TokenHash::from_u128(bits)
}

pub(crate) mod suite {
    use super::*;

    pub(crate) async fn what_was_created_is_loaded_whole(store: &dyn SessionStore) {
        let made = Session {
            token: Some(hash(3)),
            upkeep: Upkeep::of_marks(5, [(1, 0, T0)]),
            ..known_shopper(1)
        };
        store.create(made.clone(), KEEP).await.unwrap();
        let found = live(store, 1).await;
        let session = found.session();
        assert_eq!(session.body.fields(), made.body.fields());
        assert_eq!((session.version, session.token), (1, made.token));
        assert_eq!(session.times(), made.times());
        assert_eq!(session.upkeep, made.upkeep);
        assert_eq!(&**session.account(), "demostore");
        assert!(session.authenticated());
        let nothing = store.load(SessionId::from_random(2)).await;
        assert!(matches!(nothing, Ok(None)), "{nothing:?}");
    }

    pub(crate) async fn creating_never_overwrites_whatever_is_there(store: &dyn SessionStore) {
        for id in 1..=3 {
            store.create(anonymous(id), KEEP).await.unwrap();
        }
        let id = SessionId::from_random;
        store.rotate(id(2), marker(9), KEEP).await.unwrap();
        let end = ended(anonymous(3), Ending::Idle);
        assert_eq!(store.end(id(3), end, KEEP).await, Ok(true));
        for taken in 1..=3 {
            for session in [anonymous(taken), known_shopper(taken)] {
                let refused = store.create(changed(&session, "2"), KEEP).await;
                assert_eq!(refused.unwrap_err(), StoreError::Exists, "{taken}");
            }
        }
        let found = store.load(id(2)).await.unwrap();
        assert!(matches!(found, Some(Found::Moved(_))), "{found:?}");
    }

    pub(crate) async fn a_save_counts_only_on_the_version_that_is_kept(store: &dyn SessionStore) {
        let first = anonymous(1);
        store.create(first.clone(), KEEP).await.unwrap();
        let second = changed(&first, "2");
        let saved = store.save(second.clone(), 1, KEEP).await.unwrap();
        assert_eq!(saved.unwrap().session().version, 2);
        let overtaken = store.save(changed(&first, "3"), 1, KEEP).await.unwrap();
        assert!(overtaken.is_none());
        let kept = live(store, 1).await;
        assert_eq!(kept.session().body.fields().text("public.sc"), Some("2"));
        let nothing = store.save(anonymous(7), 1, KEEP).await.unwrap();
        assert!(nothing.is_none());
        assert!(matches!(
            store.load(SessionId::from_random(7)).await,
            Ok(None)
        ));
    }

    pub(crate) async fn a_save_never_sets_cookie_and_activity_back(store: &dyn SessionStore) {
        let first = anonymous(1);
        store.create(first.clone(), KEEP).await.unwrap();
        let later = T0.plus(Duration::from_mins(1));
        let issued = store.issue(first.id, hash(5), later).await;
        assert_eq!(issued, Ok(true));
        let resident = live(store, 1).await;
        store.touch(&resident, later, Duration::ZERO);
        let second = Session {
            last_seen: resident.last_seen(),
            ..changed(&first, "2")
        };
        let saved = store.save(second, 1, KEEP).await.unwrap().unwrap();
        assert_eq!(saved.session().token, Some(hash(5)));
        assert_eq!(saved.session().issued_at, later);
        // A change that was made of an older reading.
        let old = Session {
            version: 3,
            ..changed(&first, "3")
        };
        let saved = store.save(old, 2, KEEP).await.unwrap().unwrap();
        assert_eq!(saved.last_seen(), later);
        assert_eq!(saved.session().token, Some(hash(5)));
    }

    pub(crate) async fn a_cookie_is_noted_only_on_a_live_session(store: &dyn SessionStore) {
        for id in 1..=2 {
            store.create(anonymous(id), KEEP).await.unwrap();
        }
        let id = SessionId::from_random;
        assert_eq!(store.issue(id(1), hash(5), T0).await, Ok(true));
        assert_eq!(live(store, 1).await.session().token, Some(hash(5)));
        store.rotate(id(1), marker(9), KEEP).await.unwrap();
        let end = ended(anonymous(2), Ending::Logout);
        store.end(id(2), end, KEEP).await.unwrap();
        for gone in 1..=3 {
            assert_eq!(
                store.issue(id(gone), hash(6), T0).await,
                Ok(false),
                "{gone}"
            );
        }
        let found = store.load(id(3)).await.unwrap();
        assert!(found.is_none(), "nothing came back to life: {found:?}");
    }

    pub(crate) async fn activity_moves_forwards_alone(store: &dyn SessionStore) {
        let resident = store.create(anonymous(1), KEEP).await.unwrap();
        let later = T0.plus(Duration::from_secs(9));
        store.touch(&resident, later, Duration::ZERO);
        store.touch(&resident, T0, Duration::ZERO);
        assert_eq!(resident.last_seen(), later);
        assert_eq!(resident.snapshot().last_seen, later);
    }

    pub(crate) async fn a_rotation_leaves_its_marker_and_a_late_write_finds_nothing(
        store: &dyn SessionStore,
    ) {
        let old = known_shopper(1);
        store.create(old.clone(), KEEP).await.unwrap();
        store.rotate(old.id, marker(2), KEEP).await.unwrap();
        let found = store.load(old.id).await.unwrap();
        let Some(Found::Moved(found)) = found else {
            panic!("{found:?}")
        };
        assert_eq!(found, marker(2));
        let late = store.save(changed(&old, "2"), 1, KEEP).await.unwrap();
        assert!(late.is_none());
        let end = ended(old.clone(), Ending::Logout);
        assert_eq!(store.end(old.id, end, KEEP).await, Ok(false));
        let found = store.load(old.id).await.unwrap();
        assert!(matches!(found, Some(Found::Moved(_))), "{found:?}");
    }

    pub(crate) async fn at_no_moment_of_a_rotation_is_there_nothing(store: Arc<dyn SessionStore>) {
        for round in 1..=20 {
            let old = if round % 2 == 0 {
                known_shopper(round)
            } else {
                anonymous(round)
            };
            store.create(old.clone(), KEEP).await.unwrap();
            let rotating = {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.rotate(old.id, marker(999), KEEP).await })
            };
            loop {
                let found = store.load(SessionId::from_random(round)).await.unwrap();
                match found {
                    Some(Found::Live(_)) => tokio::task::yield_now().await,
                    Some(Found::Moved(_)) => break,
                    other => panic!("{other:?}"),
                }
            }
            rotating.await.unwrap().unwrap();
        }
    }

    pub(crate) async fn a_persons_sessions_are_found_and_no_others(store: &dyn SessionStore) {
        let staff = session(
            3,
            &[
                ("authentication.adminUserId", "staff-1"),
                ("impersonate.storeUserId", "user-1"),
            ],
        );
        let stranger = session(4, &[("authentication.storeUserId", "user-2")]);
        for made in [
            known_shopper(1),
            known_shopper(2),
            staff,
            stranger,
            anonymous(5),
        ] {
            store.create(made, KEEP).await.unwrap();
        }
        let id = SessionId::from_random;
        let end = ended(known_shopper(2), Ending::Idle);
        assert_eq!(store.end(id(2), end, KEEP).await, Ok(true));
        for (person, sessions) in [
            ("user-1", &[1, 3][..]),
            ("staff-1", &[3]),
            ("user-2", &[4]),
            ("user-3", &[]),
        ] {
            let key = PersonKey::of("demostore", person);
            let found = store.of_person(key).await.unwrap();
            assert!(found.complete);
            let mut ids: Vec<_> = found
                .sessions
                .iter()
                .map(|one| one.session().id.as_u128())
                .collect();
            ids.sort_unstable();
            let expected: Vec<_> = sessions.iter().map(|bits| id(*bits).as_u128()).collect();
            assert_eq!(ids, expected, "{person}");
        }
        let elsewhere = PersonKey::of("otherstore", "user-1");
        assert!(
            store
                .of_person(elsewhere)
                .await
                .unwrap()
                .sessions
                .is_empty()
        );
    }

    pub(crate) async fn a_session_ends_once_and_its_tombstone_says_why(store: &dyn SessionStore) {
        let old = known_shopper(1);
        store.create(old.clone(), KEEP).await.unwrap();
        let with = Ended {
            successor: Some(marker(2)),
            ..ended(old.clone(), Ending::Absolute)
        };
        assert_eq!(store.end(old.id, with, KEEP).await, Ok(true));
        let again = ended(old.clone(), Ending::Logout);
        assert_eq!(store.end(old.id, again, KEEP).await, Ok(false));
        let Ok(Some(Found::Ended(found))) = store.load(old.id).await else {
            panic!("no tombstone")
        };
        assert_eq!(found.reason, Ending::Absolute);
        assert_eq!(found.successor, Some(marker(2)));
        assert_eq!(found.session.body.fields(), old.body.fields());
        let nobody = ended(anonymous(3), Ending::Idle);
        let nothing = store.end(SessionId::from_random(3), nobody, KEEP).await;
        assert_eq!(nothing, Ok(false));
    }

    pub(crate) async fn a_login_opens_once_and_ends_once(store: &dyn SessionStore) {
        let (day, now) = (Duration::from_hours(24), now());
        let login = || Login::new(now, now.plus(day));
        store.open_login(hash(1), login()).await.unwrap();
        let second = Login::new(now.plus(KEEP), now.plus(day));
        let kept = store.open_login(hash(1), second).await.unwrap();
        assert_eq!(kept.created_at, now, "the first one stays");
        assert_eq!(store.close_login(hash(1), Ending::Idle).await, Ok(true));
        assert_eq!(store.close_login(hash(1), Ending::Logout).await, Ok(false));
        let kept = store.login(hash(1)).await.unwrap().unwrap();
        assert_eq!(kept.ended(), Some(Ending::Idle));
        let again = store.open_login(hash(1), login()).await.unwrap();
        assert_eq!(again.ended(), Some(Ending::Idle));
    }

    pub(crate) async fn a_login_that_nobody_opened_cannot_end(store: &dyn SessionStore) {
        assert!(store.login(hash(1)).await.unwrap().is_none());
        assert_eq!(store.close_login(hash(1), Ending::Idle).await, Ok(false));
        assert!(store.login(hash(1)).await.unwrap().is_none());
    }

    pub(crate) async fn a_session_knows_of_the_end_of_its_logins(store: &dyn SessionStore) {
        let (day, now) = (Duration::from_hours(24), now());
        store
            .open_login(hash(1), Login::new(now, now.plus(day)))
            .await
            .unwrap();
        let made = Session {
            logins: [hash(1)].into(),
            ..known_shopper(1)
        };
        let resident = store.create(made, KEEP).await.unwrap();
        assert!(resident.logins_stand(now, day));
        assert_eq!(live(store, 1).await.session().logins.len(), 1);
        store.close_login(hash(1), Ending::Logout).await.unwrap();
        assert!(!resident.logins_stand(now, day));
        assert!(!live(store, 1).await.logins_stand(now, day));
    }

    pub(crate) async fn a_login_is_forgotten_at_its_tokens_end(store: &dyn SessionStore) {
        let now = now();
        let over = Login::new(now, now);
        store.open_login(hash(1), over).await.unwrap();
        assert!(store.login(hash(1)).await.unwrap().is_none());
    }

    pub(crate) async fn a_record_that_outlived_itself_is_gone(store: &dyn SessionStore) {
        // Used long before any clock of a test began.
        let old = Session {
            last_seen: Millis::from_secs(0),
            ..anonymous(1)
        };
        drop(store.create(old, Duration::ZERO).await.unwrap());
        let found = store.load(SessionId::from_random(1)).await.unwrap();
        assert!(found.is_none(), "{found:?}");
    }

    fn now() -> Millis {
        ManualClock::default().now()
    }
}

macro_rules! store_contract {
    ($store:ident) => {
        mod $store {
            store_contract!(@each $store:
                what_was_created_is_loaded_whole
                creating_never_overwrites_whatever_is_there
                a_save_counts_only_on_the_version_that_is_kept
                a_save_never_sets_cookie_and_activity_back
                a_cookie_is_noted_only_on_a_live_session
                activity_moves_forwards_alone
                a_rotation_leaves_its_marker_and_a_late_write_finds_nothing
                a_persons_sessions_are_found_and_no_others
                a_session_ends_once_and_its_tombstone_says_why
                a_login_opens_once_and_ends_once
                a_login_that_nobody_opened_cannot_end
                a_session_knows_of_the_end_of_its_logins
                a_login_is_forgotten_at_its_tokens_end
                a_record_that_outlived_itself_is_gone
            );

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn at_no_moment_of_a_rotation_is_there_nothing() {
                let opened = super::$store();
                let store = std::sync::Arc::clone(&opened.store);
                super::suite::at_no_moment_of_a_rotation_is_there_nothing(store).await;
            }
        }
    };
    (@each $store:ident: $($promise:ident)+) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let opened = super::$store();
                super::suite::$promise(&*opened.store).await;
            }
        )+
    };
}

store_contract!(memory);
store_contract!(embedded);
store_contract!(embedded_uncached);
store_contract!(valkey);
store_contract!(valkey_uncached);
store_contract!(valkey_9);
