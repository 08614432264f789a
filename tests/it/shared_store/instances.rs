//! Two processes on one server, which a load balancer would send shoppers to as it likes.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::program::run_instance;
use crate::support::valkey::{Server, eventually};
use crate::support::{Client, Demo};

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
