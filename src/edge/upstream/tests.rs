//! An upstream by itself: who is chosen, and who is left alone, with time and names in the test's hands.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use super::*;
use crate::config::values::{
    HealthCheck, HealthQuestion, UpstreamAddress, UpstreamProtocol, UpstreamTimeouts,
};
use crate::domain::balance::Balance;
use crate::domain::standing::{EjectionSettings, HealthSettings};
use crate::telemetry::Telemetry;

#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Hand {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Names that the test says; all others resolve to nothing.
#[derive(Debug, Default)]
struct Known(Mutex<HashMap<String, io::Result<Vec<SocketAddr>>>>);

impl Known {
    fn set(&self, name: &str, places: &[&str]) {
        let places = places.iter().map(|place| place.parse().unwrap()).collect();
        self.0.lock().insert(name.to_owned(), Ok(places));
    }

    fn forget(&self, name: &str) {
        let unknown = Err(io::Error::other("no such name"));
        self.0.lock().insert(name.to_owned(), unknown);
    }
}

#[async_trait::async_trait]
impl Names for Known {
    async fn find(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        match self.0.lock().get(name) {
            Some(Ok(places)) => Ok(places.clone()),
            Some(Err(_)) | None => Err(io::Error::other("no such name")),
        }
    }
}

struct World {
    clock: Arc<Hand>,
    names: Arc<Known>,
    telemetry: Telemetry,
}

fn settings(addresses: &[(&str, u16)], balance: Balance) -> values::Upstream {
    let second = Duration::from_secs(1);
    values::Upstream {
        name: "store".into(),
        addresses: addresses
            .iter()
            .map(|&(text, weight)| UpstreamAddress {
                text: text.to_owned(),
                weight,
            })
            .collect(),
        balance,
        resolve_every: second,
        health: None,
        ejection: EjectionSettings {
            failures: 2,
            window: Duration::from_secs(10),
            pause: Duration::from_secs(10),
            longest: Duration::from_mins(1),
        },
        retries: 0,
        keeps_case: false,
        protocol: UpstreamProtocol::Http1,
        tls: None,
        timeouts: UpstreamTimeouts {
            connect: second,
            read: second,
            write: second,
            idle: second,
        },
        keep_alive: 8,
    }
}

impl World {
    fn new() -> Self {
        Self {
            clock: Arc::default(),
            names: Arc::default(),
            telemetry: Telemetry::new(),
        }
    }

    fn upstream(&self, settings: values::Upstream) -> Upstream {
        let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&self.clock);
        let names: Arc<dyn Names> = Arc::<Known>::clone(&self.names);
        let counters = self.telemetry.upstreams().of("shop", "store");
        let transport = Transport::read(&settings).unwrap();
        Upstream::new(Arc::new(settings), transport, (clock, names), counters)
    }

    /// How many servers the metrics count in a state.
    fn counted(&self, state: &str) -> i64 {
        let line = format!(
            "vestibule_upstream_servers{{account=\"shop\",state=\"{state}\",upstream=\"store\"}} "
        );
        let text = self.telemetry.render();
        let line = text.lines().find_map(|one| one.strip_prefix(&line));
        line.unwrap().parse().unwrap()
    }
}

const ONE: &str = "127.0.0.1:81";
const TWO: &str = "127.0.0.1:82";
const THREE: &str = "127.0.0.1:83";

fn wish(turn: usize) -> Wish<'static> {
    Wish {
        turn,
        session: None,
        met: &[],
    }
}

/// The next request's server, by the last digit of its port.
fn next(upstream: &Upstream) -> u16 {
    chosen(upstream, &wish(upstream.next_turn()))
}

fn chosen(upstream: &Upstream, wish: &Wish<'_>) -> u16 {
    upstream.choose(wish).unwrap().address().port() - 80
}

fn many(upstream: &Upstream, count: usize) -> Vec<u16> {
    (0..count).map(|_| next(upstream)).collect()
}

/// Fails a request at a server.
fn fail(upstream: &Upstream, server: &str) {
    let all = upstream.table.load().all.clone();
    let server = all.iter().find(|one| one.address.to_string() == server);
    upstream.failed(&Taken::new(server.unwrap()));
}

#[test]
fn servers_are_taken_in_turn_by_weight_with_every_timeout_set() {
    let world = World::new();
    let upstream = world.upstream(settings(&[(ONE, 1), (TWO, 2)], Balance::RoundRobin));
    assert_eq!(many(&upstream, 6), [2, 1, 2, 2, 1, 2]);
    let options = upstream.choose(&wish(0)).unwrap().peer(false).options;
    for timeout in [
        options.connection_timeout,
        options.total_connection_timeout,
        options.read_timeout,
        options.write_timeout,
        options.idle_timeout,
    ] {
        assert_eq!(timeout, Some(Duration::from_secs(1)));
    }
    let upgraded = upstream.choose(&wish(0)).unwrap().peer(true).options;
    assert_eq!(upgraded.read_timeout, Some(Duration::from_hours(1)));
}

#[test]
fn a_request_meets_no_server_twice_before_all_were_tried() {
    let world = World::new();
    for balance in [
        Balance::RoundRobin,
        Balance::LeastConnections,
        Balance::Session,
    ] {
        let upstream = world.upstream(settings(&[(ONE, 1), (TWO, 9), (THREE, 1)], balance));
        let mut met = Vec::new();
        for _ in 0..3 {
            let wish = Wish {
                turn: 0,
                session: Some(7),
                met: &met,
            };
            let address = upstream.choose(&wish).unwrap().address();
            assert!(!met.contains(&address), "{balance:?}");
            met.push(address);
        }
        let wish = Wish {
            met: &met,
            ..wish(0)
        };
        assert!(
            upstream.choose(&wish).is_some(),
            "rather again than nowhere"
        );
    }
}

#[test]
fn the_server_with_the_fewest_requests_under_way_is_taken_and_idle_ones_take_turns() {
    let world = World::new();
    let upstream = world.upstream(settings(
        &[(ONE, 1), (TWO, 1), (THREE, 1)],
        Balance::LeastConnections,
    ));
    assert_eq!(many(&upstream, 3), [1, 2, 3]);
    let held: Vec<_> = (0..2).map(|_| upstream.choose(&wish(0)).unwrap()).collect();
    let busy: Vec<u16> = held.iter().map(|taken| taken.address().port()).collect();
    assert_eq!(busy, [81, 82]);
    assert_eq!(many(&upstream, 3), [3, 3, 3]);
    drop(held);
    assert_eq!(many(&upstream, 3), [1, 2, 3]);
}

#[test]
fn a_session_meets_one_server_and_another_only_while_that_one_is_out() {
    let world = World::new();
    let servers = [(ONE, 1), (TWO, 1), (THREE, 1)];
    let upstream = world.upstream(settings(&servers, Balance::Session));
    let of = |session: u128| {
        let wish = Wish {
            session: Some(session << 90 | session),
            ..wish(upstream.next_turn())
        };
        chosen(&upstream, &wish)
    };
    let before: Vec<u16> = (1..100).map(of).collect();
    for server in [1, 2, 3] {
        assert!(before.iter().filter(|one| **one == server).count() > 15);
    }
    assert_eq!((1..100).map(of).collect::<Vec<_>>(), before);
    fail(&upstream, ONE);
    fail(&upstream, ONE);
    for (session, before) in (1..100).zip(&before) {
        let now = of(session);
        assert!(now != 1 && (*before == 1 || now == *before));
    }
    world.clock.advance(10);
    assert_eq!((1..100).map(of).collect::<Vec<_>>(), before);
}

#[test]
fn a_server_that_fails_is_out_for_a_while_and_then_back() {
    let world = World::new();
    let upstream = world.upstream(settings(&[(ONE, 1), (TWO, 1)], Balance::RoundRobin));
    fail(&upstream, ONE);
    assert_eq!(many(&upstream, 2), [1, 2]);
    fail(&upstream, ONE);
    assert_eq!(many(&upstream, 2), [2, 2]);
    assert_eq!((world.counted("up"), world.counted("ejected")), (1, 1));
    // Half of the servers are out: the other stays whatever it does.
    fail(&upstream, TWO);
    fail(&upstream, TWO);
    assert_eq!(many(&upstream, 2), [2, 2]);
    world.clock.advance(9);
    assert_eq!(many(&upstream, 2), [2, 2]);
    world.clock.advance(1);
    assert_eq!(many(&upstream, 2), [1, 2]);
    assert_eq!((world.counted("up"), world.counted("ejected")), (2, 0));
    let text = world.telemetry.render();
    let ejections = "vestibule_upstream_ejections_total{account=\"shop\",upstream=\"store\"} 1\n";
    assert!(text.contains(ejections));
}

#[test]
fn an_only_server_is_never_ejected() {
    let world = World::new();
    let upstream = world.upstream(settings(&[(ONE, 1)], Balance::RoundRobin));
    for _ in 0..20 {
        fail(&upstream, ONE);
    }
    assert_eq!((next(&upstream), world.counted("up")), (1, 1));
}

#[test]
fn a_success_between_failures_keeps_a_server() {
    let world = World::new();
    let upstream = world.upstream(settings(&[(ONE, 1), (TWO, 1)], Balance::RoundRobin));
    for _ in 0..5 {
        fail(&upstream, ONE);
        let taken = upstream.choose(&wish(0)).unwrap();
        assert_eq!(taken.address().port(), 81);
        upstream.succeeded(&taken);
    }
    assert_eq!(upstream.out(), 0);
}

/// A port of this machine on which nobody listens, and one on which somebody does.
async fn listener() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn checked(question: Option<HealthQuestion>) -> HealthCheck {
    HealthCheck {
        question,
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        thresholds: HealthSettings {
            healthy: 2,
            unhealthy: 2,
        },
    }
}

#[tokio::test]
async fn a_server_that_accepts_no_connection_gets_no_requests_until_it_does_again() {
    let world = World::new();
    let ((well, first), (ill, second)) = (listener().await, listener().await);
    let mut settings = settings(&[(&first, 1), (&second, 1)], Balance::RoundRobin);
    settings.health = Some(checked(None));
    let upstream = world.upstream(settings);
    drop(ill);
    upstream.check().await;
    assert_eq!((world.counted("up"), world.counted("down")), (1, 1));
    for turn in 0..4 {
        let taken = upstream.choose(&wish(turn)).unwrap();
        assert_eq!(taken.address(), well.local_addr().unwrap());
    }
    let back = tokio::net::TcpListener::bind(&second).await.unwrap();
    upstream.check().await;
    assert_eq!(world.counted("up"), 1, "once is not enough");
    upstream.check().await;
    assert_eq!(world.counted("up"), 2);
    drop((well, back));
    upstream.check().await;
    upstream.check().await;
    assert_eq!((world.counted("up"), world.counted("down")), (0, 2));
    assert_eq!(upstream.out(), 2);
    assert!(upstream.choose(&wish(0)).is_some(), "all out: all are used");
}

#[tokio::test]
async fn a_server_is_well_if_it_answers_the_question_with_the_status() {
    let world = World::new();
    let (listener, address) = listener().await;
    let status = Arc::new(Mutex::new(204_u16));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (says, hears) = (Arc::clone(&status), Arc::clone(&asked));
    let answer = move |request: axum::extract::Request| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        hears.lock().push((request.uri().to_string(), host));
        http::StatusCode::from_u16(*says.lock()).unwrap()
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut settings = settings(&[(&address, 1)], Balance::RoundRobin);
    settings.health = Some(checked(Some(HealthQuestion {
        path: "/health?deep=1".to_owned(),
        host: Some("shop.example".to_owned()),
        status: 204,
    })));
    let upstream = world.upstream(settings);
    upstream.check().await;
    assert_eq!(world.counted("up"), 1);
    let asked = asked.lock().clone();
    assert_eq!(
        asked,
        [("/health?deep=1".to_owned(), "shop.example".to_owned())]
    );
    *status.lock() = 200;
    upstream.check().await;
    upstream.check().await;
    assert_eq!((world.counted("up"), world.counted("down")), (0, 1));
    let text = world.telemetry.render();
    for (outcome, count) in [("good", 1), ("bad", 2)] {
        let line = format!(
            "vestibule_upstream_checks_total{{account=\"shop\",outcome=\"{outcome}\",upstream=\"store\"}} {count}\n"
        );
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[tokio::test]
async fn a_name_is_no_server_until_it_resolves_and_never_a_panic() {
    let world = World::new();
    let upstream = world.upstream(settings(&[("shop.internal:80", 1)], Balance::RoundRobin));
    assert!(upstream.has_names() && upstream.choose(&wish(0)).is_none());
    upstream.resolve().await;
    assert!(upstream.choose(&wish(0)).is_none());
    world
        .names
        .set("shop.internal", &["10.0.0.1:0", "10.0.0.2:0"]);
    upstream.resolve().await;
    assert_eq!(upstream.known(), 2);
    let taken = upstream.choose(&wish(0)).unwrap();
    assert_eq!(taken.address().port(), 80);
}

#[tokio::test]
async fn a_name_that_moves_is_followed_and_one_that_is_lost_leads_where_it_led() {
    let world = World::new();
    let names = [("one.internal:80", 1), ("two.internal:81", 2)];
    let upstream = world.upstream(settings(&names, Balance::RoundRobin));
    let known = || -> Vec<String> {
        let table = upstream.table.load();
        let addresses = table.all.iter().map(|server| server.address.to_string());
        addresses.collect()
    };
    world.names.set("one.internal", &["10.0.0.1:0"]);
    world
        .names
        .set("two.internal", &["10.0.0.9:0", "10.0.0.8:0"]);
    upstream.resolve().await;
    assert_eq!(known(), ["10.0.0.1:80", "10.0.0.8:81", "10.0.0.9:81"]);
    // The first is lost while the second moves.
    world.names.forget("one.internal");
    world
        .names
        .set("two.internal", &["10.0.0.8:0", "10.0.0.7:0"]);
    upstream.resolve().await;
    assert_eq!(known(), ["10.0.0.1:80", "10.0.0.7:81", "10.0.0.8:81"]);
    world.names.set("two.internal", &[]);
    upstream.resolve().await;
    assert_eq!(known(), ["10.0.0.1:80", "10.0.0.7:81", "10.0.0.8:81"]);
}

#[tokio::test]
async fn a_server_that_stays_when_names_move_stands_as_before() {
    let world = World::new();
    let upstream = world.upstream(settings(&[("shop.internal:80", 1)], Balance::RoundRobin));
    world
        .names
        .set("shop.internal", &["10.0.0.1:0", "10.0.0.2:0"]);
    upstream.resolve().await;
    fail(&upstream, "10.0.0.1:80");
    fail(&upstream, "10.0.0.1:80");
    world
        .names
        .set("shop.internal", &["10.0.0.1:0", "10.0.0.3:0"]);
    upstream.resolve().await;
    assert_eq!((world.counted("up"), world.counted("ejected")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn names_are_looked_up_at_the_interval_until_the_upstream_is_gone() {
    let world = World::new();
    world.names.set("shop.internal", &["10.0.0.1:0"]);
    let mut settings = settings(&[("shop.internal:80", 1)], Balance::RoundRobin);
    settings.resolve_every = Duration::from_secs(7);
    let upstream = Arc::new(world.upstream(settings));
    let tended = tokio::spawn(Upstream::tend(Arc::downgrade(&upstream)));
    let leads = |to: &str| {
        let table = upstream.table.load();
        let first = table.all.first().map(|server| server.address.to_string());
        first.as_deref() == Some(to)
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(leads("10.0.0.1:80"));
    world.names.set("shop.internal", &["10.0.0.2:0"]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(leads("10.0.0.1:80"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(leads("10.0.0.2:80"));
    drop(upstream);
    tended.await.unwrap();
}
