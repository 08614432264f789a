//! Attacks that take more than one request, or another server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use vestibule::clock::SystemEntropy;
use vestibule::domain::session::SessionId;
use vestibule::ports::{Entropy, SessionStore};
use vestibule::store::memory::{MemoryCapacity, MemoryStore};

use crate::shared_store::{pair, twins};
use crate::store_contract::anonymous;
use crate::support::recorder::{latin1, until};
use crate::support::shopper::{SCRIPT, SERVER, Shopper};
use crate::support::valkey::Server;
use crate::support::{Reply, Shop};

const STAFF: &str = "VtexIdclientAutCookie";
const SHOPPER: &str = "VtexIdclientAutCookie_demostore";
const IMPERSONATED: &str = "vtex-impersonated-customer-email";
const ANA: &str = "11111111-1111-4111-8111-111111111111";

#[tokio::test]
async fn a_session_from_before_a_login_is_nobody_at_any_instance() {
    let server = Server::start();
    let (here, there) = twins(&server).await;
    let mut shopper = Shopper::new(&here);
    shopper.get("/?utm_source=newsletter").await;
    let before = here
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    let stolen = shopper.cookie("vtex_session").unwrap().to_owned();
    shopper.keep(SHOPPER, &here.token("ana@example.com"));
    shopper.get("/").await;
    let known = here.origin.last();
    assert_eq!(known.header("x-session-authenticated"), Some("true"));
    assert_ne!(known.header("x-session-id"), Some(&*before));
    for shop in [&there, &here] {
        let mut thief = Shopper::new(shop);
        thief.keep("vtex_session", &stolen);
        assert_eq!(thief.get("/").await.status, 200);
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-authenticated"), Some("false"));
        assert_ne!(seen.header("x-session-id"), known.header("x-session-id"));
        assert_eq!(seen.header("x-session-user-id"), None);
    }
}

#[test]
fn of_a_million_ids_no_two_are_the_same() {
    let entropy = SystemEntropy;
    let ids: BTreeSet<SessionId> = (0..1_000_000)
        .map(|_| SessionId::from_random(entropy.bits()))
        .collect();
    assert_eq!(ids.len(), 1_000_000);
}

#[tokio::test]
async fn whoever_brings_the_same_bogus_cookie_gets_a_session_of_their_own_or_none() {
    let shop = Shop::start().await;
    let asked: Vec<_> = (0..200)
        .map(|_| {
            let mut one = Shopper::new(&shop);
            one.keep("vtex_session", "eyJhbGciOiJFZERTQSJ9.e30.AAAA");
            tokio::spawn(async move { one.get("/").await })
        })
        .collect();
    for one in asked {
        assert_eq!(one.await.unwrap().status, 200);
    }
    let seen = shop.origin.seen();
    let ids: Vec<&str> = seen
        .iter()
        .filter_map(|seen| seen.header("x-session-id"))
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert!(!ids.is_empty());
    assert_eq!(distinct.len(), ids.len(), "a session is shared");
}

#[tokio::test]
async fn the_third_value_of_a_campaign_is_stored_like_the_second() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    for source in ["1", "2", "3"] {
        shopper.get(&format!("/?utm_source={source}")).await;
        let read = shopper.read("public.utm_source").await;
        assert_eq!(read["public"]["utm_source"]["value"], json!(source));
    }
}

#[tokio::test]
async fn a_token_that_was_believed_is_not_with_another_signature() {
    let shop = Shop::start().await;
    let mut ana = Shopper::known(&shop, "ana@example.com");
    ana.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    let (signed, _) = ana.cookie(SHOPPER).unwrap().rsplit_once('.').unwrap();
    let other = shop.token("bruno@example.com");
    let (_, signature) = other.rsplit_once('.').unwrap();
    for forged in [
        format!("{signed}.{signature}"),
        format!("{signed}."),
        signed.to_owned(),
    ] {
        // With the session, and without it.
        for mut thief in [ana.clone(), Shopper::new(&shop)] {
            thief.keep(SHOPPER, &forged);
            thief.get("/").await;
            let seen = shop.origin.last();
            assert_eq!(seen.header("x-session-authenticated"), Some("false"));
            assert_eq!(seen.header("x-session-user-id"), None);
        }
    }
}

#[tokio::test]
async fn a_session_that_was_asked_for_in_vain_is_found_once_it_is_there() {
    const KEEP: Duration = Duration::from_hours(1);
    let server = Server::start();
    let (here, there) = pair(&server).await;
    let id = SessionId::from_random(77);
    assert!(matches!(there.store.load(id).await, Ok(None)));
    here.store.create(anonymous(77), KEEP).await.unwrap();
    let found = there.store.load(id).await;
    assert!(matches!(found, Ok(Some(_))), "{found:?}");
}

#[tokio::test]
async fn ten_times_the_capacity_fills_it_once() {
    const KEEP: Duration = Duration::from_hours(1);
    const EACH: u128 = 2_500;
    let room = 2 << 20;
    let store = Arc::new(MemoryStore::new(MemoryCapacity {
        anonymous: room,
        authenticated: room,
        anonymous_unused: KEEP,
        authenticated_unused: KEEP,
    }));
    let writers: Vec<_> = (0..8_u128)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 0..EACH {
                    let id = 1 + writer * EACH + number;
                    store.create(anonymous(id), KEEP).await.unwrap();
                    // The same ones are asked for over and over.
                    let again = SessionId::from_random(1 + id % 64);
                    drop(store.peek(again, false));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let all = 8 * EACH;
    let kept = (1..=all).filter(|id| store.peek(SessionId::from_random(*id), false).is_some());
    let kept = kept.count();
    assert!(
        kept > 0 && kept < usize::try_from(all / 2).unwrap(),
        "{kept} of {all}"
    );
}

#[tokio::test]
async fn what_a_body_says_outside_public_changes_nothing() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let before = shopper.read("*").await;
    let body = json!({
        "authentication": {"adminUserEmail": {"value": "boss@example.com"}},
        "impersonate": {"canImpersonate": {"value": "true"}},
        "profile": {"isAuthenticated": {"value": "true"}},
        "account": {"accountName": {"value": "other"}},
        "store": {"channel": {"value": "9"}},
    });
    let call = ("PATCH", "/api/sessions");
    let reply = shopper.call(call, SCRIPT, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(shopper.read("*").await, before);
}

#[tokio::test]
async fn every_answer_of_the_api_is_json_that_nobody_keeps_and_names_no_token_elsewhere() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let created = shopper.call(("POST", "/api/sessions"), SERVER, "{}").await;
    let token = created.json()["sessionToken"].as_str().unwrap().to_owned();
    let long = format!("/api/sessions/{token}?items=public.sc");
    let calls = [
        ("GET", "/api/sessions?items=*", ""),
        ("GET", "/api/sessions", ""),
        ("GET", &*long, ""),
        ("GET", "/api/segments", ""),
        (
            "PATCH",
            "/api/sessions",
            r#"{"public":{"a":{"value":"1"}}}"#,
        ),
        ("PATCH", "/api/sessions", "{"),
        (
            "PATCH",
            "/api/sessions",
            r#"{"public":{"sc":{"value":"4"}}}"#,
        ),
        ("PUT", "/api/sessions", "{}"),
        ("GET", "/api/segments/none", ""),
    ];
    let mut all: Vec<(String, Reply)> = vec![("POST".to_owned(), created)];
    for (method, target, body) in calls {
        let reply = shopper.call((method, target), SERVER, body).await;
        all.push((format!("{method} {target} {body}"), reply));
    }
    for (call, reply) in all {
        let kind = reply.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{call}: {reply:?}");
        let keeping = reply.header("cache-control");
        assert_eq!(keeping, Some("no-store"), "{call}: {reply:?}");
        assert_eq!(reply.header("location"), None, "{call}");
        let _: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    }
}

#[tokio::test]
async fn a_login_token_of_any_size_is_judged_or_refused_and_nobody_is_known_by_it() {
    use base64::Engine as _;
    let shop = Shop::start().await;
    let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    let members: Vec<String> = (0..1_000).map(|at| format!(r#""m{at}":{at}"#)).collect();
    let members = members.join(",");
    let crowded = encode(&format!(r#"{{"alg":"ES256",{members}}}"#));
    for (token, status) in [
        (format!("{crowded}.e30.AAAA"), 200),
        (format!("{}.e30.AAAA", "A".repeat(14_000)), 200),
        (format!("{}.e30.AAAA", "A".repeat(64 << 10)), 431),
    ] {
        let mut one = Shopper::new(&shop);
        one.keep(SHOPPER, &token);
        assert_eq!(one.get("/").await.status, status, "{} bytes", token.len());
        if status == 200 {
            let seen = shop.origin.last();
            assert_eq!(seen.header("x-session-authenticated"), Some("false"));
        }
    }
}

#[tokio::test]
async fn when_the_agents_token_ends_the_browser_is_not_left_as_the_customer() {
    let shop = Shop::start().await;
    let life = Duration::from_mins(10);
    let mut agent = Shopper::new(&shop);
    agent.keep(
        STAFF,
        &shop.staff_token_for("agent@demostore.example", life),
    );
    agent.keep(IMPERSONATED, "ana@example.com");
    agent.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    shop.clock.advance(life);
    agent.get("/").await;
    let seen = shop.origin.last();
    for gone in [
        "x-session-user-id",
        "x-session-user-email",
        "x-session-impersonator",
        "x-session-price-tables",
    ] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.header("x-session-authenticated"), Some("false"));
}

#[tokio::test]
async fn while_an_agent_acts_as_a_customer_the_store_gets_the_agents_token_and_no_customers() {
    let shop = Shop::start().await;
    let token = shop.staff_token("agent@demostore.example");
    let mut agent = Shopper::new(&shop);
    agent.keep(STAFF, &token);
    agent.keep(IMPERSONATED, "ana@example.com");
    agent.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-user-id"), Some(ANA));
    let cookies = seen.header("cookie").unwrap();
    assert!(cookies.contains(&format!("{STAFF}={token}")), "{cookies}");
    assert!(!cookies.contains(SHOPPER), "{cookies}");
}

#[tokio::test]
async fn a_value_too_long_for_a_header_is_left_out_and_the_page_served() {
    let map = "[account.headers.map]\nx-session-note = \"public.note\"\n";
    let shop = Shop::with(map).await;
    let mut shopper = Shopper::new(&shop);
    let write = |size: usize| json!({"public": {"note": {"value": "A".repeat(size)}}}).to_string();
    let call = ("PATCH", "/api/sessions");
    for (size, there) in [(4_096, true), (4_097, false), (50_000, false)] {
        let reply = shopper.call(call, SCRIPT, &write(size)).await;
        assert!(reply.status < 300, "{reply:?}");
        assert_eq!(shopper.get("/").await.status, 200);
        let seen = shop.origin.last();
        assert_eq!(seen.header("x-session-note").is_some(), there, "{size}");
    }
}

/// A store's server that answers before it has read the body, and keeps the connection.
async fn hasty() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while let Some(path) = next_head(&mut stream, &mut bytes).await {
                    let length = path.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// The target of the next request.
async fn next_head(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    let end = until(stream, bytes, b"\r\n\r\n").await?;
    let rest = bytes.split_off(end);
    let head = latin1(&std::mem::replace(bytes, rest));
    head.split(' ').nth(1).map(ToOwned::to_owned)
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_passed_on_and_the_next_one_gets_their_own() {
    let address = hasty().await;
    let upstream = format!("[[account.upstream]]\nname = \"store\"\naddresses = [\"{address}\"]\n");
    let shop = Shop::with(&upstream).await;
    let sent = "A".repeat(1_000);
    let wire = format!(
        "POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000000\r\n\r\n{sent}"
    );
    let (answer, kept) = shop.bytes(wire.as_bytes(), true).await;
    assert!(!kept);
    if !answer.is_empty() {
        let reply = Reply::parse(&answer);
        let own = reply.status == 200 && reply.body == "/upload";
        assert!(own || reply.status >= 400, "{reply:?}");
    }
    for path in ["/one", "/two"] {
        let mut next = Shopper::new(&shop);
        let reply = next.get(path).await;
        assert_eq!((reply.status, &*reply.body), (200, path));
    }
}
