//! The servers of an upstream, through the whole proxy: who gets a request, who is left alone, and
//! what is tried again.

mod secured;
mod trying;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;
use vestibule::admin::{Access, router};

use crate::support::origin::Origin;
use crate::support::{Shop, Shopper};

async fn servers<const N: usize>() -> [Origin; N] {
    let mut servers = Vec::new();
    for _ in 0..N {
        servers.push(Origin::start().await);
    }
    servers.try_into().unwrap()
}

/// A shop whose pages are on these servers.
async fn shop(servers: &[Origin], settings: &str) -> Arc<Shop> {
    let addresses: Vec<String> = servers.iter().map(|one| one.address.to_string()).collect();
    Shop::with(&format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = {addresses:?}\n{settings}\n"
    ))
    .await
}

/// How many requests each got.
fn counts(servers: &[Origin]) -> Vec<usize> {
    servers.iter().map(|server| server.seen().len()).collect()
}

async fn ready(shop: &Shop) -> (u16, String) {
    let asked = Request::get("/health/ready").body(Body::empty()).unwrap();
    let router = router(Arc::clone(&shop.shared), Access::Loopback);
    let answer = router.oneshot(asked).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const EJECTS: &str = "[account.upstream.ejection]\nfailures = 2\npause = \"10s\"\n";

#[tokio::test]
async fn servers_get_requests_by_their_weight() {
    let servers = servers::<2>().await;
    let heavy = format!("weights = {{ \"{}\" = 3 }}", servers[1].address);
    let shop = shop(&servers, &heavy).await;
    let mut shopper = Shopper::new(&shop);
    for _ in 0..12 {
        shopper.get("/").await;
    }
    assert_eq!(counts(&servers), [3, 9]);
}

#[tokio::test]
async fn each_shopper_meets_one_server_and_those_without_a_session_meet_all() {
    let servers = servers::<3>().await;
    let shop = shop(&servers, "balance = \"session\"").await;
    let mut met = [0; 3];
    for _ in 0..12 {
        let before = counts(&servers);
        let mut shopper = Shopper::new(&shop);
        for _ in 0..4 {
            shopper.get("/").await;
        }
        let after = counts(&servers);
        let got: Vec<usize> = (0..3).map(|at| after[at] - before[at]).collect();
        let one = got.iter().position(|count| *count > 0).unwrap();
        assert_eq!(got[one], 4, "{got:?}");
        met[one] += 1;
    }
    assert!(met.iter().all(|shoppers| *shoppers > 0), "{met:?}");
    let before = counts(&servers);
    for _ in 0..6 {
        shop.raw(b"GET /static/a.css HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
            .await;
    }
    let after = counts(&servers);
    assert!((0..3).all(|at| after[at] == before[at] + 2), "{after:?}");
}

#[tokio::test]
async fn a_server_with_a_request_under_way_waits_for_its_turn() {
    let servers = servers::<2>().await;
    let shop = shop(&servers, "balance = \"least_connections\"").await;
    let held = [servers[0].holds("/slow"), servers[1].holds("/slow")];
    let slow = {
        let shop = Arc::clone(&shop);
        tokio::spawn(async move { Shopper::new(&shop).get("/slow").await.status })
    };
    let busy = tokio::select! {
        () = held[0].asked() => 0,
        () = held[1].asked() => 1,
    };
    let mut shopper = Shopper::new(&shop);
    for _ in 0..4 {
        shopper.get("/").await;
    }
    assert_eq!(servers[1 - busy].seen().len(), 4);
    held[busy].answer();
    assert_eq!(slow.await.unwrap(), 200);
}

#[tokio::test]
async fn a_server_that_answers_errors_is_left_alone_for_a_while_and_operators_are_told() {
    let servers = servers::<2>().await;
    let shop = shop(&servers, EJECTS).await;
    servers[0].says("/", 500, &[]);
    let well = r#"{"ready":true,"reasons":[]}"#;
    assert_eq!(ready(&shop).await, (200, well.to_owned()));
    let mut shopper = Shopper::new(&shop);
    let mut failed = 0;
    for _ in 0..10 {
        failed += usize::from(shopper.get("/").await.status == 500);
    }
    assert_eq!((failed, servers[1].seen().len()), (2, 8));
    let told = r#"{"ready":true,"reasons":[{"level":"degraded","what":"upstream","account":"demostore","name":"store","message":"1 of 2 servers are down"}]}"#;
    assert_eq!(ready(&shop).await, (200, told.to_owned()));
    let metrics = shop.metrics();
    for line in [
        r#"vestibule_upstream_servers{account="demostore",state="ejected",upstream="store"} 1"#,
        r#"vestibule_upstream_servers{account="demostore",state="up",upstream="store"} 1"#,
        r#"vestibule_upstream_ejections_total{account="demostore",upstream="store"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    servers[0].says("/", 200, &[]);
    shop.clock.advance(Duration::from_secs(10));
    for _ in 0..4 {
        assert_eq!(shopper.get("/").await.status, 200);
    }
    assert_eq!(servers[0].seen().len(), 4, "it is back");
    assert_eq!(ready(&shop).await, (200, well.to_owned()));
}

#[tokio::test]
async fn where_nobody_listens_another_server_takes_the_request_even_a_post() {
    let servers = servers::<1>().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = gone.local_addr().unwrap();
    drop(gone);
    let over = format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = [\"{place}\", \"{}\"]\n{EJECTS}",
        servers[0].address
    );
    let shop = Shop::with(&over).await;
    for _ in 0..6 {
        let post = "POST /order HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\
                    Connection: close\r\n\r\nhi";
        let reply = shop.raw(post.as_bytes()).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "hi"));
    }
    assert_eq!(servers[0].seen().len(), 6);
    let ejected = r#"vestibule_upstream_ejections_total{account="demostore",upstream="store"} 1"#;
    assert!(shop.metrics().contains(ejected));
}

#[tokio::test]
async fn a_name_is_found_without_a_restart_and_one_that_is_lost_leads_where_it_led() {
    let servers = servers::<2>().await;
    let over = format!(
        "[[account.upstream]]\nname = \"store\"\naddresses = [\"store.internal:{}\"]\n",
        servers[0].address.port()
    );
    let shop = Shop::with(&over).await;
    let upstreams = || {
        let running = shop.shared.running.load_full();
        let sites = running.hosts.sites();
        let all = sites.flat_map(|site| site.upstreams.values().map(Arc::clone));
        all.collect::<Vec<_>>()
    };
    let mut shopper = Shopper::new(&shop);
    assert_eq!(shopper.get("/").await.status, 502, "nobody knows the name");
    assert_eq!(ready(&shop).await.0, 503);
    // A name of the test's own leads to one address; the port is the configuration's.
    shop.names.set("store.internal", Some(servers[0].address));
    for upstream in upstreams() {
        upstream.resolve().await;
    }
    assert_eq!(shopper.get("/").await.status, 200);
    shop.names.set("store.internal", None);
    for upstream in upstreams() {
        upstream.resolve().await;
    }
    assert_eq!(shopper.get("/").await.status, 200, "it leads where it led");
    assert_eq!(counts(&servers), [2, 0]);
}
