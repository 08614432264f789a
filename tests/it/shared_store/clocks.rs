//! An instance whose clock is an hour off, on a server that others with a good one share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::Shop;
use crate::support::clock::{ManualClock, at};
use crate::support::origin::Origin;
use crate::support::valkey::{Server, eventually, hears};

/// A shop by a good clock, and another instance of it by its own.
async fn apart(server: &Server) -> (Arc<Shop>, Arc<Shop>) {
    let store = format!(
        "[store]\nkind = \"valkey\"\naddresses = [\"127.0.0.1:{}\"]\ndeadline = \"5s\"\n",
        server.port
    );
    let good = Shop::with(&store).await;
    let odd = good.twin_by(&Arc::<ManualClock>::default(), Origin::start().await);
    for shop in [&good, &odd] {
        eventually("changes are heard", async || hears(&shop.metrics())).await;
    }
    (good, odd)
}

/// A browser's cookies; it goes by a clock of its own, and keeps them.
type Jar = BTreeMap<String, String>;

/// A page at an instance; whose session it is for.
async fn page(shop: &Shop, jar: &mut Jar) -> String {
    let pairs = jar.iter().map(|(name, value)| format!("{name}={value}"));
    let line = pairs.collect::<Vec<_>>().join("; ");
    let wire = format!(
        "GET / HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\nCookie: {line}\r\n\r\n"
    );
    let reply = shop.raw(wire.as_bytes()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.put_cookies(jar);
    let seen = shop.origin.last();
    let session = seen.header("x-session-id").map(str::to_owned);
    session.expect("every page has a session")
}

/// Waits until the server has the last activity by an instance's clock.
async fn told(server: &Server, shop: &Shop, session: &str) {
    use vestibule::ports::Clock as _;

    let key = format!("vst:s:{{{}}}", session.replace('-', ""));
    let now = shop.clock.now().as_millis();
    eventually("the activity is told", async || {
        let told = server.text(&["GETRANGE", &key, "2", "16"]);
        told.parse::<i64>().is_ok_and(|told| told >= now)
    })
    .await;
}

fn steps(shop: &Shop) -> bool {
    let metrics = shop.metrics();
    let mut lines = metrics.lines();
    lines.any(|line| line.starts_with(r#"vestibule_events_total{event="clock_step"} "#))
        && !metrics.contains("vestibule_events_total{event=\"clock_step\"} 0\n")
}

#[tokio::test]
async fn an_instance_that_is_an_hour_ahead_ends_whom_it_meets_once_and_keeps_nobody_for_ever() {
    let server = Server::start();
    let (good, ahead) = apart(&server).await;
    ahead.clock.set(at("60:00"));
    let (mut faithful, mut jar) = (Jar::new(), Jar::new());
    let (kept, met) = (
        page(&good, &mut faithful).await,
        page(&good, &mut jar).await,
    );
    // Both come back, so that their sessions are on the server.
    page(&good, &mut faithful).await;
    page(&good, &mut jar).await;

    let another = page(&ahead, &mut jar).await;
    assert_ne!(
        another, met,
        "by that clock the shopper was away for an hour"
    );
    page(&ahead, &mut jar).await;
    for minute in 1..=20 {
        good.clock.set(at(&format!("{minute}:00")));
        ahead.clock.set(at(&format!("{}:00", 60 + minute)));
        for shop in [&good, &ahead] {
            assert_eq!(page(shop, &mut jar).await, another, "minute {minute}");
        }
        told(&server, &ahead, &another).await;
        // Whoever never meets it has lost nothing.
        assert_eq!(page(&good, &mut faithful).await, kept, "minute {minute}");
    }
    assert!(steps(&good), "and operators can see it");

    // The last activity is at 80:00 by the clock that is ahead: nothing lives on after 105:00.
    good.clock.set(at("105:31"));
    assert_ne!(page(&good, &mut jar).await, another);
}

#[tokio::test]
async fn an_instance_that_is_an_hour_behind_ends_nobody_and_keeps_nobody_for_ever() {
    let server = Server::start();
    let (good, behind) = apart(&server).await;
    let hour = |minute: u32| at(&format!("{}:00", 60 + minute));
    good.clock.set(hour(0));
    let mut jar = Jar::new();
    let kept = page(&good, &mut jar).await;
    page(&good, &mut jar).await;
    told(&server, &good, &kept).await;
    for minute in 1..=40 {
        good.clock.set(hour(minute));
        behind.clock.set(at(&format!("{minute}:00")));
        for shop in [&behind, &good] {
            assert_eq!(page(shop, &mut jar).await, kept, "minute {minute}");
        }
        told(&server, &good, &kept).await;
    }
    assert!(steps(&behind), "and operators can see it");
    // The last activity was at 100:00; it ends by either clock, an hour later by the one behind.
    behind.clock.set(at("125:31"));
    let mut late = jar.clone();
    assert_ne!(page(&behind, &mut late).await, kept);
    good.clock.set(at("125:31"));
    assert_ne!(page(&good, &mut jar).await, kept);
}
