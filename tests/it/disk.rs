//! What survives: a restart, a kill in the middle of writes, and what it does to the idle limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::clock::at;
use crate::support::program::{free_ports, run};
use crate::support::{Client, Demo, Shop, Shopper};

const ANA: &str = "11111111-1111-4111-8111-111111111111";
const EMBEDDED: &str = "[store]\nkind = \"embedded\"\npath = \"sessions\"\n";

/// How often the program is killed, and how many shoppers write meanwhile.
const KILLS: usize = 10;
const SHOPPERS: usize = 4;

#[tokio::test]
async fn a_shopper_is_still_logged_in_after_a_kill() {
    let mut demo = Demo::start().await;
    let mut client = Client::of(&demo);
    client.get("/?utm_campaign=blackfriday").await;
    client.log_in("ana@example.com").await;
    let before = client.echo().await;
    before.says(&[("x-session-user-id", Some(ANA))]);
    demo.kill().await;
    demo.start_again().await;
    let after = client.echo().await;
    after.says(&[
        ("x-session-user-id", Some(ANA)),
        ("x-session-campaigns", Some("black-friday,vip")),
    ]);
    assert_eq!(after.session(), before.session());
    let log = demo.log();
    assert!(demo.stop().await.success(), "{log}");
    demo.start_again().await;
    assert_eq!(client.echo().await.session(), before.session());
}

#[tokio::test]
async fn a_logout_is_one_after_a_kill_too() {
    let mut demo = Demo::start().await;
    let mut client = Client::of(&demo);
    client.log_in("ana@example.com").await;
    client
        .echo()
        .await
        .says(&[("x-session-user-id", Some(ANA))]);
    let mut thief = client.clone();
    assert_eq!(client.post("/logout", &[]).await.status, 303);
    client.echo().await;
    demo.kill().await;
    demo.start_again().await;
    let stolen = thief.echo().await;
    assert_eq!(stolen.header("x-session-user-id"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_patch_is_lost_by_a_kill() {
    kill_in_the_middle_of_writes(KILLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a hundred kills take minutes"]
async fn no_answered_patch_is_lost_by_a_hundred_kills() {
    kill_in_the_middle_of_writes(100).await;
}

async fn kill_in_the_middle_of_writes(kills: usize) {
    let mut demo = Demo::start().await;
    let mut shoppers = Vec::new();
    for _ in 0..SHOPPERS {
        let mut client = Client::of(&demo);
        client.get("/").await;
        shoppers.push(client);
    }
    let mut answered = 0;
    let mut last = vec![0; SHOPPERS];
    for _ in 0..kills {
        let done = Arc::new(AtomicUsize::new(0));
        let mut writing = Vec::new();
        for (client, from) in shoppers.iter().zip(&last) {
            let (client, done, from) = (client.clone(), Arc::clone(&done), *from);
            writing.push(tokio::spawn(write_until_gone(client, from, done)));
        }
        // In the middle of it, at another moment each time.
        while done.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        demo.kill().await;
        for (kept, writer) in last.iter_mut().zip(writing) {
            *kept = writer.await.unwrap();
        }
        answered += done.load(Ordering::SeqCst);
        demo.start_again().await;
        for (client, last) in shoppers.iter().zip(&last) {
            finds_what_was_answered(client, *last).await;
        }
    }
    println!("{answered} answered writes over {kills} kills, none lost");
}

async fn finds_what_was_answered(client: &Client, last: usize) {
    let target = "/api/sessions?items=public.count";
    let reply = client.call("GET", target, "").await;
    let reply = reply.expect("it runs again");
    assert_eq!(reply.status, 200, "{reply:?}");
    let found = &reply.json()["namespaces"]["public"]["count"]["value"];
    // What was under way may have come about or not; what was answered has.
    let found = usize::try_from(found.as_u64().unwrap_or(0)).unwrap();
    assert!(
        (last..=last + 1).contains(&found),
        "answered {last}, found {found}"
    );
}

/// Counts up in a session by `PATCH`; returns the last number that was answered.
async fn write_until_gone(client: Client, from: usize, done: Arc<AtomicUsize>) -> usize {
    let mut last = from;
    loop {
        let body = format!(r#"{{"public":{{"count":{{"value":{}}}}}}}"#, last + 1);
        match client.call("PATCH", "/api/sessions", &body).await {
            Some(reply) if reply.status == 200 => {
                last += 1;
                done.fetch_add(1, Ordering::SeqCst);
            }
            // A disk slower than the store may take: nothing was promised, and the number goes again.
            Some(reply) if reply.status == 503 => {}
            Some(reply) => panic!("{reply:?}"),
            None => return last,
        }
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_store_is_told_so_and_ends_with_2() {
    let demo = Demo::start().await;
    let [port, storefront, admin] = free_ports().map(|port| port.to_string());
    let data = demo.data();
    let data = data.to_str().unwrap();
    let ports = [
        "--port",
        &port,
        "--storefront-port",
        &storefront,
        "--admin-port",
        &admin,
    ];
    let arguments: Vec<&str> = ["demo", "--data", data].into_iter().chain(ports).collect();
    let said = run(&arguments);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("another process uses this store"),
        "{said:?}"
    );
}

// Vector 22 of the lifetime law.
#[tokio::test]
async fn a_restart_between_two_requests_leaves_a_session_alive() {
    let shop = Shop::with(EMBEDDED).await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=mail").await;
    let before = shop
        .origin
        .last()
        .header("x-session-id")
        .unwrap()
        .to_owned();
    shop.clock.set(at("10:00"));
    shopper.get("/").await;
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    shop.clock.set(at("12:00"));
    let mut shopper = Shopper::with_jar(&shop, jar);
    let reply = shopper.get("/").await;
    assert!(
        !reply.sets_session(),
        "nothing new for the browser: {reply:?}"
    );
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-session-id"), Some(before.as_str()));
}

#[tokio::test]
async fn after_a_restart_a_session_ends_late_by_the_touch_interval_at_most_and_never_early() {
    for (moment, alive) in [
        ("25:00.000", true),
        ("25:30.000", true),
        ("25:30.001", false),
    ] {
        let shop = Shop::with(EMBEDDED).await;
        let mut shopper = Shopper::new(&shop);
        shopper.get("/").await;
        let before = shop
            .origin
            .last()
            .header("x-session-id")
            .unwrap()
            .to_owned();
        let jar = shopper.into_jar();
        let shop = shop.restarted();
        shop.clock.set(at(moment));
        let mut shopper = Shopper::with_jar(&shop, jar);
        shopper.get("/").await;
        let after = shop.origin.last();
        let same = after.header("x-session-id") == Some(before.as_str());
        assert_eq!(same, alive, "{moment}");
    }
}

#[tokio::test]
async fn a_login_that_ended_stays_ended_after_a_restart() {
    const AUTH: &str = "VtexIdclientAutCookie_demostore";
    let shop = Shop::with(EMBEDDED).await;
    let (token, another) = (shop.token("ana@example.com"), shop.token("ana@example.com"));
    let mut shopper = Shopper::new(&shop);
    shopper.keep(AUTH, &token);
    shopper.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), Some(ANA));
    shop.clock.set(at("40:00"));
    shopper.get("/").await;
    assert_eq!(shop.origin.last().header("x-session-user-id"), None);
    drop(shopper);
    let shop = shop.restarted();
    for (token, user) in [(token, None), (another, Some(ANA))] {
        let mut shopper = Shopper::new(&shop);
        shopper.keep(AUTH, &token);
        shopper.get("/").await;
        assert_eq!(shop.origin.last().header("x-session-user-id"), user);
    }
}

#[tokio::test]
async fn a_memory_store_forgets_everything_at_a_restart() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/").await;
    let jar = shopper.into_jar();
    let shop = shop.restarted();
    let mut shopper = Shopper::with_jar(&shop, jar);
    assert!(shopper.get("/").await.sets_session(), "a new one");
}
