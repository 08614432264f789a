//! What one client may do in a minute.

use std::time::Duration;

use crate::support::{SCRIPT, SERVER, Shop, Shopper};

use super::shed;

const SESSIONS: &str = "/api/sessions";

fn value(value: &str) -> String {
    format!("{{\"public\":{{\"kept\":{{\"value\":\"{value}\"}}}}}}")
}

#[tokio::test]
async fn writes_over_the_limit_are_told_to_wait_and_change_nothing() {
    let shop = Shop::with("[limits]\napi_writes_per_minute = 2").await;
    let mut shopper = Shopper::new(&shop);
    let first = shopper.call(("POST", SESSIONS), SCRIPT, &value("1")).await;
    assert_eq!(first.status, 201);
    let second = shopper.call(("PATCH", SESSIONS), SCRIPT, &value("2")).await;
    assert_eq!(second.status, 200);
    for method in ["POST", "PATCH"] {
        let body = value("3");
        let reply = shopper.call((method, SESSIONS), SCRIPT, &body).await;
        assert_eq!(reply.status, 429, "{reply:?}");
        assert_eq!(reply.header("retry-after"), Some("30"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.json()["type"], "TooManyRequests");
        assert!(reply.all("set-cookie").is_empty());
    }
    // Reading, pages and the way out are not writes.
    let kept = shopper.read("public.kept").await;
    assert_eq!(kept["public"]["kept"]["value"], "2");
    assert_eq!(shopper.get("/").await.status, 200);
    assert_eq!(shed(&shop, "api_writes"), 2);
    shop.clock.advance(Duration::from_secs(30));
    let third = shopper.call(("PATCH", SESSIONS), SCRIPT, &value("3")).await;
    assert_eq!(third.status, 200);
    let over = shopper.call(("DELETE", SESSIONS), SCRIPT, "").await;
    assert_eq!(over.status, 204);
}

#[tokio::test]
async fn a_client_is_whom_a_trusted_proxy_names_and_a_household_is_one() {
    let limits = "[limits]\napi_writes_per_minute = 1\nnew_sessions_per_minute = 1\n";
    let trusting = format!("[server]\ntrusted_proxies = [\"unix\"]\n{limits}");
    let shop = Shop::with(&trusting).await;
    let write = async |client: &str| {
        let headers = [SERVER, &[("x-forwarded-for", client)]].concat();
        let mut caller = Shopper::new(&shop);
        caller.call(("POST", SESSIONS), &headers, "{}").await.status
    };
    let clients = [
        ("198.51.100.1", 201),
        ("198.51.100.1", 429),
        ("198.51.100.2", 201),
        ("2001:db8:1:2::1", 201),
        ("2001:db8:1:2::ffff", 429),
        ("2001:db8:1:3::1", 201),
        // What the shopper says of itself comes before what our proxy saw.
        ("203.0.113.9, 198.51.100.2", 429),
    ];
    for (client, status) in clients {
        assert_eq!(write(client).await, status, "{client}");
    }

    // Nobody's word counts here, so all are one.
    let shop = Shop::with(limits).await;
    let mut statuses = Vec::new();
    for client in ["198.51.100.1", "198.51.100.2"] {
        let headers = [SERVER, &[("x-forwarded-for", client)]].concat();
        let reply = Shopper::new(&shop)
            .call(("POST", SESSIONS), &headers, "{}")
            .await;
        statuses.push(reply.status);
    }
    assert_eq!(statuses, [201, 429]);
}

#[tokio::test]
async fn new_sessions_come_back_evenly_and_not_all_at_the_end_of_a_minute() {
    let shop = Shop::with("[limits]\nnew_sessions_per_minute = 3").await;
    let mut begun = Vec::new();
    for second in 0..120_u64 {
        let reply = Shopper::new(&shop).get("/").await;
        assert_eq!(reply.status, 200);
        if reply.sets_session() {
            begun.push(second);
        }
        shop.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(begun, [0, 1, 2, 20, 40, 60, 80, 100]);
}

#[tokio::test]
async fn a_reload_forgets_no_quota_that_it_does_not_change() {
    let shop = Shop::with("[limits]\nnew_sessions_per_minute = 1\n").await;
    assert!(Shopper::new(&shop).get("/").await.sets_session());
    let reloads = shop.reloads();
    for (file, from, to, again) in [
        ("shop.toml", "touch = false", "touch = true", false),
        (
            "shop.test.toml",
            "new_sessions_per_minute = 1",
            "new_sessions_per_minute = 2",
            true,
        ),
    ] {
        shop.rewrite(file, |text| text.replace(from, to));
        reloads.reload().await;
        let reply = Shopper::new(&shop).get("/").await;
        assert_eq!(reply.sets_session(), again, "{to}");
    }
}
