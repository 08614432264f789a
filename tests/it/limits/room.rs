//! How much may go on at once: requests of all, of a route; connections of all, of a client.

use std::net::SocketAddr;
use std::sync::Arc;

use pingora::listeners::ConnectionFilter as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vestibule::edge::door::Keeper;

use crate::support::street::plain;
use crate::support::{SERVER, Shop, Shopper, Street};

use super::{asked, shed};

const PAGE: &str = "GET /held HTTP/1.1\r\nHost: shop.example\r\nAccept: text/html\r\n\
    Connection: close\r\n\r\n";

/// Requests that the store does not answer yet, so many.
async fn hold(shop: &Arc<Shop>, count: usize) -> Vec<tokio::task::JoinHandle<u16>> {
    let held = shop.origin.holds("/held");
    let mut under_way = Vec::new();
    for _ in 0..count {
        let shop = Arc::clone(shop);
        under_way.push(tokio::spawn(async move {
            shop.raw(PAGE.as_bytes()).await.status
        }));
        held.asked().await;
    }
    under_way
}

async fn let_go(shop: &Shop, under_way: Vec<tokio::task::JoinHandle<u16>>) {
    let held = shop.origin.holds_still("/held");
    for one in under_way {
        held.answer();
        assert_eq!(one.await.unwrap(), 200, "what was under way is finished");
    }
}

#[tokio::test]
async fn over_the_limit_a_request_is_told_at_once_to_come_again_and_reaches_nobody() {
    let shop = Shop::with("[limits]\nrequests = 2").await;
    let under_way = hold(&shop, 2).await;
    let reached = shop.origin.seen().len();
    let page = shop.raw(PAGE.as_bytes()).await;
    assert_eq!((page.status, page.header("retry-after")), (503, Some("1")));
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.all("set-cookie").is_empty());
    let script = PAGE.replace("text/html", "application/json");
    let problem = shop.raw(script.as_bytes()).await;
    assert_eq!(
        (problem.status, &problem.json()["status"]),
        (503, &503.into())
    );
    let call = Shopper::new(&shop)
        .call(("POST", "/api/sessions"), SERVER, "{}")
        .await;
    assert_eq!((call.status, call.header("retry-after")), (503, Some("1")));
    assert_eq!(call.json()["type"], "Unavailable");
    assert_eq!(shop.origin.seen().len(), reached);

    // Operators see it, and are not kept out.
    assert_eq!(shed(&shop, "requests"), 3);
    let (status, metrics) = asked(&shop, "/metrics").await;
    assert_eq!(status, 200);
    assert!(
        metrics.contains(r#"vestibule_load{what="requests"} 2"#),
        "{metrics}"
    );
    assert_eq!(asked(&shop, "/health/ready").await.0, 200);

    let_go(&shop, under_way).await;
    let held = shop.origin.holds_still("/held");
    held.answer();
    assert_eq!(
        shop.raw(PAGE.as_bytes()).await.status,
        200,
        "there is room again"
    );
    let (_, metrics) = asked(&shop, "/metrics").await;
    assert!(metrics.contains(r#"vestibule_load{what="requests"} 0"#));
}

#[tokio::test]
async fn the_last_places_are_for_shoppers_who_have_a_session() {
    let shop = Shop::with("[limits]\nrequests = 10").await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let under_way = hold(&shop, 9).await;
    assert_eq!(Shopper::new(&shop).get("/").await.status, 503, "a stranger");
    assert_eq!(shopper.get("/").await.status, 200, "a shopper");
    let_go(&shop, under_way).await;
}

#[tokio::test]
async fn a_route_with_a_limit_of_its_own_leaves_the_others_alone() {
    let shop = Shop::with("[[account.route]]\npath = \"/held\"\nrequests = 1").await;
    let under_way = hold(&shop, 1).await;
    let second = shop.raw(PAGE.as_bytes()).await;
    assert_eq!(
        (second.status, second.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(shed(&shop, "route_requests"), 1);
    assert_eq!(Shopper::new(&shop).get("/").await.status, 200);
    let_go(&shop, under_way).await;
}

#[tokio::test]
async fn a_websocket_is_a_connection_and_takes_no_requests_place() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shop = Shop::with(&format!(
        "[limits]\nrequests = 1\n\
         [[account.upstream]]\nname = \"socket\"\naddresses = [\"{address}\"]\n\
         [[account.route]]\npath = \"/ws\"\nupstream = \"socket\"\n"
    ))
    .await;
    let street = Street::before(&shop, &plain());
    let mut client = street.connect();
    let wire = b"GET /ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    client.write_all(wire).await.unwrap();
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let opened = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\n\r\nhello";
    socket.write_all(opened).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        answer.push(client.read_u8().await.unwrap());
    }
    assert_eq!(Shopper::new(&shop).get("/").await.status, 200);
}

#[tokio::test]
async fn over_the_limit_a_connection_is_closed_as_soon_as_it_comes() {
    let shop = Shop::with("[limits]\nconnections = 2").await;
    let mut listener = plain();
    listener.connections = Some(1);
    let [small, other] = [&listener, &plain()].map(|one| Street::before(&shop, one));
    let mut first = small.connect();
    assert!(answers(&mut first).await);
    assert!(!answers(&mut small.connect()).await, "the listener is full");
    let mut second = other.connect();
    assert!(answers(&mut second).await);
    assert!(!answers(&mut other.connect()).await, "the process is full");
    assert!(answers(&mut first).await, "who is inside stays");
    let (_, metrics) = asked(&shop, "/metrics").await;
    assert!(metrics.contains(r#"vestibule_load{what="connections"} 2"#));
    assert_eq!(shed(&shop, "listener_connections"), 1);
    assert_eq!(shed(&shop, "connections"), 1);
    drop(first);
    small.idle().await;
    assert!(answers(&mut small.connect()).await, "there is room again");
}

/// Whether a page comes over a connection that then stays.
async fn answers(client: &mut tokio::io::DuplexStream) -> bool {
    let page = b"GET /p HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    if client.write_all(page).await.is_err() {
        return false;
    }
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => heard.push(byte),
            Err(_) => return false,
        }
    }
    true
}

#[tokio::test]
async fn one_client_has_so_many_connections_and_proxies_stand_for_many() {
    let over = "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
        [limits]\nconnections_per_client = 2";
    let shop = Shop::with(over).await;
    let keeper = Keeper::new(Arc::clone(&shop.shared), None);
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let client = address("[2001:db8::1]:4000");
    let neighbour = address("[2001:db8::2]:4000");
    let inside = [client, neighbour].map(|one| keeper.let_in(Some(&one)).unwrap());
    for refused in [client, neighbour] {
        assert!(keeper.let_in(Some(&refused)).is_err());
        assert!(!keeper.should_accept(Some(&refused)).await);
    }
    assert_eq!(shed(&shop, "client_connections"), 4);
    let others = ["[2001:db8:0:1::1]:4000", "192.0.2.1:4000"];
    let many = ["10.1.2.3:4000", "[::ffff:10.1.2.3]:4000", "127.0.0.1:4000"];
    let mut held = Vec::new();
    for one in others {
        held.push(keeper.let_in(Some(&address(one))).unwrap());
    }
    for one in many {
        held.extend([(); 5].map(|()| keeper.let_in(Some(&address(one))).unwrap()));
    }
    held.extend([(); 5].map(|()| keeper.let_in(None).unwrap()));
    drop(inside);
    assert!(keeper.should_accept(Some(&client)).await);
    assert!(keeper.let_in(Some(&client)).is_ok());
}
