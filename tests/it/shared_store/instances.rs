//! Two processes on one server, which a load balancer would send shoppers to as it likes.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::program::{ask, run_instance, run_instance_told};
use crate::support::valkey::{Server, eventually};
use crate::support::{Client, Demo};

/// Who writes at once, into how many sessions, and how often each.
const WRITERS: usize = 6;
const SESSIONS: usize = 2;
const WRITES: usize = 25;

const ANA: &str = "11111111-1111-4111-8111-111111111111";

#[tokio::test]
async fn two_processes_on_one_server_are_one_to_a_shopper() {
    let server = Server::start();
    // It lends its storefront and its keys.
    let demo = Demo::start().await;
    let (mut one, one_port) = run_instance(&demo, server.port).await;
    let (mut other, other_port) = run_instance(&demo, server.port).await;
    let mut client = Client::of(&demo).moved_to(one_port);
    client.get("/?utm_campaign=blackfriday").await;
    client.log_in("ana@example.com").await;
    let here = client.echo().await;
    here.says(&[("x-session-user-id", Some(ANA))]);
    let mut client = client.moved_to(other_port);
    let there = client.echo().await;
    there.says(&[
        ("x-session-user-id", Some(ANA)),
        ("x-session-campaigns", Some("black-friday,vip")),
    ]);
    assert_eq!(there.session(), here.session());
    // What is written there is read here.
    let body = r#"{"public":{"gift":{"value":"yes"}}}"#;
    let reply = client.call("PATCH", "/api/sessions", body).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    let reader = client.moved_to(one_port);
    eventually("the change is read", async || {
        let target = "/api/sessions?items=public.gift";
        let reply = reader.call("GET", target, "").await.unwrap();
        reply.json()["namespaces"]["public"]["gift"]["value"] == "yes"
    })
    .await;
    // Somebody who holds a copy of the cookies loses them with the logout, on every instance.
    let thief = client.moved_to(one_port);
    assert_eq!(client.post("/logout", &[]).await.status, 303);
    client.echo().await;
    let begun = Instant::now();
    eventually("the copy is worth nothing", async || {
        let echo = thief.clone().echo().await;
        echo.header("x-session-user-id").is_none()
    })
    .await;
    // A second, and the time of a request on a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(2));
    for running in [&mut one, &mut other] {
        let log = running.log();
        assert!(running.stop().await.success(), "{log}");
    }
}

/// What the admin listener of a process says of a session that is over; `None` while it lives.
async fn ended(admin_port: u16, id: &str) -> Option<Value> {
    let path = format!("/api/accounts/demostore/sessions/{id}");
    let wire = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let reply = ask(admin_port, &wire).await.expect("it answers");
    assert_eq!(reply.status, 200, "{reply:?}");
    let session = reply.json();
    assert_eq!(session["id"], id);
    session.get("ended").cloned()
}

#[tokio::test]
async fn why_a_session_ended_is_told_by_the_process_that_had_no_part_in_it() {
    let server = Server::start();
    let demo = Demo::start().await;
    let storefront = format!("127.0.0.1:{}", demo.storefront_port);
    let (mut one, [one_port, one_admin]) = run_instance_told(&demo, server.port, &storefront).await;
    let (mut other, [_, other_admin]) = run_instance_told(&demo, server.port, &storefront).await;
    let mut client = Client::of(&demo).moved_to(one_port);
    client.get("/?utm_campaign=blackfriday").await;
    let stranger = client.echo().await.session();
    client.log_in("ana@example.com").await;
    let ana = client.echo().await.session();
    // It knows of them as they live, so that what it says later is no first look.
    for id in [&stranger, &ana] {
        ended(other_admin, id).await;
    }
    client.post("/logout", &[]).await;
    let after = client.echo().await.session();
    let tells = async |admin: u16, id: &str, reason: &str, successor: Option<&str>| {
        eventually("the end is told", async || {
            ended(admin, id).await.is_some_and(|told| {
                told["reason"] == reason && told["successor"].as_str() == successor
            })
        })
        .await;
    };
    // A login, a logout, and an end by an operator of the other process.
    for admin in [other_admin, one_admin] {
        tells(admin, &stranger, "replaced", Some(&ana)).await;
        tells(admin, &ana, "logout", Some(&after)).await;
        assert_eq!(ended(admin, &after).await, None, "it lives");
    }
    let path = format!("/api/accounts/demostore/sessions/{after}");
    let end = format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(ask(other_admin, &end).await.unwrap().status, 204);
    for admin in [one_admin, other_admin] {
        tells(admin, &after, "revoked", None).await;
    }
    for running in [&mut one, &mut other] {
        let log = running.log();
        assert!(running.stop().await.success(), "{log}");
    }
}

/// Lost updates and stale reads of one's own would show in the history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_three_processes_write_at_once_nothing_is_lost_and_everyone_reads_their_own() {
    let server = Server::start();
    let demo = Demo::start().await;
    let mut running = Vec::new();
    let mut ports = Vec::new();
    for _ in 0..3 {
        let (instance, port) = run_instance(&demo, server.port).await;
        running.push(instance);
        ports.push(port);
    }
    let mut shoppers = Vec::new();
    for _ in 0..SESSIONS {
        let mut shopper = Client::of(&demo).moved_to(ports[0]);
        shopper.get("/?utm_source=mail").await;
        shoppers.push(shopper);
    }
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        let shopper = shoppers[writer % SESSIONS].clone();
        writing.spawn(write_here_and_there(shopper, ports.clone(), writer));
    }
    let histories = writing.join_all().await;
    for (session, shopper) in shoppers.iter().enumerate() {
        let of_it = histories
            .iter()
            .filter(|(writer, _)| writer % SESSIONS == session);
        let keys: Vec<&String> = of_it.flat_map(|(_, keys)| keys).collect();
        assert!(keys.len() > WRITES, "{}", keys.len());
        for &port in &ports {
            let reader = shopper.moved_to(port);
            eventually("every instance has every answered write", async || {
                let target = "/api/sessions?items=public.*";
                let reply = reader.call("GET", target, "").await.unwrap();
                let public = &reply.json()["namespaces"]["public"];
                keys.iter().all(|key| public[key]["value"] == **key)
            })
            .await;
        }
    }
    for instance in &mut running {
        let log = instance.log();
        assert!(instance.stop().await.success(), "{log}");
    }
}

/// Adds keys of its own to a session, each on another instance, and reads each where it was
/// written. Returns those that were answered.
async fn write_here_and_there(
    shopper: Client,
    ports: Vec<u16>,
    writer: usize,
) -> (usize, Vec<String>) {
    let mut answered = Vec::new();
    for number in 0..WRITES {
        let port = ports[(writer + number * number) % ports.len()];
        let client = shopper.moved_to(port);
        let key = format!("w{writer}n{number}");
        let body = format!(r#"{{"public":{{"{key}":{{"value":"{key}"}}}}}}"#);
        let reply = client.call("PATCH", "/api/sessions", &body).await.unwrap();
        // Overtaken too often by the others: refused, and nothing has changed.
        if reply.status == 503 {
            continue;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        let target = format!("/api/sessions?items=public.{key}");
        let reply = client.call("GET", &target, "").await.unwrap();
        let read = &reply.json()["namespaces"]["public"][&key]["value"];
        assert_eq!(*read, key, "{reply:?}");
        answered.push(key);
    }
    (writer, answered)
}
