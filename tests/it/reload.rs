//! A changed configuration is put in force at once, or refused with its reasons.

use std::sync::Arc;
use std::time::Duration;

use vestibule::domain::token::{KeyRing, TokenAlgorithm};
use vestibule::reload::Reload;

use crate::support::program::{ask, run_demo_configuration};
use crate::support::shopper::PAGE;
use crate::support::valkey::eventually;
use crate::support::{SCRIPT, Shop, Shopper};

const ITEMS: &str = "/api/sessions?items=store.channel,profile.firstName";

fn swapped(reload: Reload) -> Vec<String> {
    match reload {
        Reload::Swapped(changes) => changes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_unchanged_is_left_alone() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    let before = shop.shared.running.load_full();
    assert_eq!(reloads.reload().await, Reload::Unchanged);
    // A remark is no change.
    shop.rewrite("shop.toml", |text| format!("# now and then\n{text}"));
    assert_eq!(reloads.reload().await, Reload::Unchanged);
    assert!(Arc::ptr_eq(&before, &shop.shared.running.load_full()));
}

#[tokio::test]
async fn requests_under_way_end_as_they_began_and_the_next_one_sees_what_is_new() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    let held = shop.origin.holds("/slow");
    let waiting = {
        let shopper = shopper.clone();
        tokio::spawn(async move { shopper.send_and_lose("GET", "/slow", PAGE).await })
    };
    held.asked().await;
    shop.rewrite("shop.test.toml", |text| {
        format!("{text}\n[account.headers.map]\nx-first-name = \"profile.firstName\"\n")
    });
    let changes = swapped(reloads.reload().await);
    assert!(
        changes
            .iter()
            .any(|key| key.starts_with("account.demostore.headers")),
        "{changes:?}"
    );
    held.answer();
    assert_eq!(waiting.await.unwrap().status, 200);
    shopper.get("/").await;
    let seen = shop.origin.last();
    assert_eq!(seen.header("x-first-name"), Some("Ana"), "the same session");
    assert!(
        shop.metrics()
            .contains(r#"vestibule_reloads_total{outcome="swapped"} 1"#)
    );
}

#[tokio::test]
async fn a_kept_connection_learns_of_a_new_configuration_with_its_next_request() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    let mut shopper = Shopper::known(&shop, "ana@example.com").on_one_connection();
    for _ in 0..4 {
        shopper.call(("GET", ITEMS), SCRIPT, "").await;
    }
    shop.rewrite("shop.test.toml", |text| {
        format!("{text}\n[account.api]\nenabled = false\n")
    });
    swapped(reloads.reload().await);
    shopper.call(("GET", ITEMS), SCRIPT, "").await;
    assert_eq!(
        shop.origin.last().target,
        ITEMS,
        "it goes on to the store now"
    );
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_refused_whole_and_says_where_they_are() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    let before = shop.shared.running.load_full();
    shop.rewrite("shop.toml", |text| {
        text.replace("hosts = [\"shop.example\"]", "hosts = [\"new.example\"]")
            .replace("session = \"required\"", "session = \"demanded\"")
    });
    let Reload::Refused(why) = reloads.reload().await else {
        panic!("it is accepted")
    };
    assert!(
        why.contains("demanded") && why.contains("shop.toml"),
        "{why}"
    );
    assert!(Arc::ptr_eq(&before, &shop.shared.running.load_full()));
    assert!(
        shop.metrics()
            .contains(r#"vestibule_reloads_total{outcome="refused"} 1"#)
    );
    let mut shopper = Shopper::new(&shop);
    assert_eq!(shopper.get("/").await.status, 200);
    // Mended, it counts.
    shop.rewrite("shop.toml", |text| text.replace("demanded", "required"));
    swapped(reloads.reload().await);
    assert_eq!(shopper.get("/").await.status, 421);
}

#[tokio::test]
async fn what_only_a_new_process_can_take_up_is_named_and_nothing_is_done() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    shop.rewrite("shop.toml", |text| {
        text.replace("127.0.0.1:1", "127.0.0.1:2")
            .replace("path = \"/poll\"", "path = \"/polling\"")
    });
    let Reload::Refused(why) = reloads.reload().await else {
        panic!("it is accepted")
    };
    assert!(why.contains("listener") && why.contains("new one"), "{why}");
    assert!(!why.contains("store"), "{why}");
}

#[tokio::test]
async fn sessions_that_live_in_memory_alone_can_live_no_longer_than_memory_was_told() {
    let shop = Shop::start().await;
    let reloads = shop.reloads();
    shop.rewrite("shop.toml", |text| {
        format!("{text}\n[lifetime]\nlifetime = \"20m\"\n")
    });
    swapped(reloads.reload().await);
    shop.rewrite("shop.toml", |text| text.replace("20m", "2h"));
    let Reload::Refused(why) = reloads.reload().await else {
        panic!("it is accepted")
    };
    assert!(why.starts_with("a longer lifetime"), "{why}");
}

#[tokio::test]
async fn a_rotated_key_signs_without_a_restart_and_nobody_is_logged_out() {
    let shop = Shop::with_ring(TokenAlgorithm::Hs256, "").await;
    let reloads = shop.reloads();
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/").await;
    let old = shopper.cookie("vtex_session").unwrap().to_owned();
    shop.rewrite("keys.json", |text| {
        let mut ring = KeyRing::parse(&text).unwrap();
        let mut bits = 1;
        ring.add_key(
            TokenAlgorithm::Hs256,
            vestibule::ports::Clock::now(&*shop.clock),
            &mut || {
                bits += 1;
                bits
            },
        );
        ring.to_json()
    });
    let changes = swapped(reloads.reload().await);
    assert!(
        changes.iter().any(|key| key.ends_with("keys.json")),
        "{changes:?}"
    );
    // The new key waits until every instance knows it; then it signs.
    shop.clock.advance(Duration::from_mins(20));
    shopper.get("/").await;
    assert_eq!(
        shop.origin.last().header("x-session-user-email"),
        Some("ana@example.com")
    );
    assert_ne!(shopper.cookie("vtex_session"), Some(old.as_str()));
}

#[tokio::test]
async fn an_account_for_which_nothing_changed_remembers_what_it_knew() {
    let shop = Shop::two_roots().await;
    let reloads = shop.reloads();
    let account = |name: &str| {
        let running = shop.shared.running.load_full();
        Arc::clone(&running.hosts.site_of(name).unwrap().account)
    };
    let (br, us) = (account("brstore"), account("usstore"));
    shop.rewrite("shop.toml", |text| {
        text.replacen("path = \"/poll\"", "path = \"/polling\"", 1)
    });
    let changes = swapped(reloads.reload().await);
    assert!(
        changes.iter().all(|key| key.starts_with("account.brstore")),
        "{changes:?}"
    );
    assert!(!Arc::ptr_eq(&br, &account("brstore")));
    assert!(Arc::ptr_eq(&us, &account("usstore")));
}

#[tokio::test]
async fn the_built_program_reloads_at_a_signal_and_when_a_file_has_changed() {
    let (running, folder, port) = run_demo_configuration().await;
    let file = folder.join("run.toml");
    let hosts = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    };
    let status = async |host: &str| {
        let wire = format!("GET /api/sessions?items=* HTTP/1.1\r\nHost: {host}\r\n\r\n");
        ask(port, &wire).await.map(|reply| reply.status)
    };
    assert_eq!(status("new.example").await, Some(421));
    hosts("hosts = [", "hosts = [\"new.example\", ");
    eventually("the changed file counts", async || {
        status("new.example").await == Some(200)
    })
    .await;
    // A mistake is refused, by a signal too, and the old configuration goes on.
    hosts(
        "hosts = [\"new.example\", ",
        "hoists = [\"newer.example\", ",
    );
    running.hang_up();
    eventually("the mistake is told", async || {
        running.log().contains("hoists")
    })
    .await;
    assert_eq!(status("new.example").await, Some(200));
    hosts(
        "hoists = [\"newer.example\", ",
        "hosts = [\"newer.example\", ",
    );
    running.hang_up();
    eventually("the mended file counts", async || {
        status("newer.example").await == Some(200)
    })
    .await;
}
