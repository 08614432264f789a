//! What is counted, under which names, and with which labels.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::exposed::{self, Exposed};
use crate::support::street::secure;
use crate::support::tls::Authority;
use crate::support::vtex::{APP_KEY, APP_TOKEN, Platform};
use crate::support::{SCRIPT, Service, Shop, Shopper, Street};

/// All metrics of a shop that has one of everything: a store on disk, an app over HTTP, sources of
/// the platform, a listener with a certificate.
pub(super) async fn of_everything() -> BTreeMap<String, Exposed> {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name);
    std::fs::write(path("app-key"), APP_KEY).unwrap();
    std::fs::write(path("app-token"), APP_TOKEN).unwrap();
    let (service, platform) = (Service::start().await, Platform::start().await);
    service.answers("search", |_| json!({}));
    let shop = Shop::with(&format!(
        "[store]\nkind = \"embedded\"\npath = \"sessions\"\n\
         [[account.app]]\nname = \"search\"\nurl = {:?}\n\
         input = {{ public = [\"sc\"] }}\noutput = {{ search = [\"facets\"] }}\n\
         [account.directory]\nkind = \"vtex\"\n\
         [account.directory.vtex]\naddress = \"{}/\"\n\
         app_key_file = {:?}\napp_token_file = {:?}\nfolder = {:?}\n",
        service.url(),
        platform.url(),
        path("app-key"),
        path("app-token"),
        path("kept"),
    ))
    .await;
    Authority::new(files.path()).vouches_for("shop.example");
    let _street = Street::before(&shop, &secure(files.path(), &["shop.example"]));
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    shopper.get("/?sc=2").await;
    shopper.send("GET", "/api/sessions?items=*", SCRIPT).await;
    // What is no token of ours, nor one of the login.
    let mut stranger = Shopper::new(&shop);
    stranger.keep("vtex_session", "a.b.c");
    stranger.keep("VtexIdclientAutCookie_demostore", "a.b.c");
    stranger.get("/").await;
    exposed::read(&shop.metrics_page().await)
}

#[tokio::test]
async fn names_say_what_is_counted_in_which_unit_and_labels_are_few() {
    let all = of_everything().await;
    assert!(all.len() > 50, "{}", all.len());
    for (name, Exposed { kind, labels }) in &all {
        assert!(name.starts_with("vestibule_"), "{name}");
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match kind.as_str() {
            "counter" => assert!(ends(&["_total"]), "{name}"),
            "gauge" => assert!(!ends(&["_total", "_count", "_sum", "_bucket"]), "{name}"),
            "histogram" => assert!(
                ["_seconds_", "_rounds_"]
                    .iter()
                    .any(|unit| name.contains(unit)),
                "{name}"
            ),
            other => panic!("{name} is a {other}"),
        }
        let known = [
            "account",
            "answer",
            "app",
            "cause",
            "certificate",
            "change",
            "event",
            "kind",
            "le",
            "listener",
            "method",
            "operation",
            "outcome",
            "reason",
            "resource",
            "result",
            "source",
            "state",
            "status",
            "upstream",
            "verdict",
            "what",
        ];
        for (label, values) in labels {
            assert!(known.contains(&label.as_str()), "{name}: {label}");
            assert!(values.len() <= 40, "{name}: {label}: {values:?}");
        }
    }
}

#[tokio::test]
async fn a_request_counts_where_it_belongs() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    shopper.get("/?utm_source=newsletter").await;
    shopper.get("/").await;
    shopper.get("/account").await;
    shop.raw(b"GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
        .await;
    let page = shop.metrics_page().await;
    let lines: BTreeSet<&str> = page.lines().collect();
    for line in [
        r#"vestibule_requests_total{account="demostore",status="2xx"} 2"#,
        r#"vestibule_requests_total{account="demostore",status="3xx"} 1"#,
        r#"vestibule_requests_total{account="",status="4xx"} 1"#,
        r#"vestibule_requests_refused_total{reason="unknown_host"} 1"#,
        r#"vestibule_lookups_total{result="no_token"} 1"#,
        r#"vestibule_lookups_total{result="recognised"} 2"#,
        r#"vestibule_verdicts_total{verdict="forward"} 2"#,
        r#"vestibule_verdicts_total{verdict="login"} 1"#,
        r#"vestibule_sessions{kind="anonymous",state="kept"} 1"#,
        r#"vestibule_sessions{kind="authenticated",state="kept"} 0"#,
        r#"vestibule_upstream_seconds_count{account="demostore",upstream="store"} 2"#,
        r"vestibule_decide_seconds_count 3",
        r"vestibule_request_seconds_count 4",
        r"vestibule_cycle_seconds_count 1",
        r#"vestibule_app_calls_total{account="demostore",app="rnb",outcome="answered"} 1"#,
        r#"vestibule_memo_questions_total{account="demostore",app="rnb"} 1"#,
        r#"vestibule_memo_misses_total{account="demostore",app="rnb"} 1"#,
    ] {
        assert!(lines.contains(line), "{line} in\n{page}");
    }
}

#[tokio::test]
async fn sessions_are_counted_by_what_they_are() {
    let shop = Shop::with("[store]\nkind = \"embedded\"\npath = \"sessions\"\n").await;
    // Nothing but defaults; a campaign; somebody who logs in, and leaves a marker.
    Shopper::new(&shop).get("/").await;
    Shopper::new(&shop).get("/?utm_source=newsletter").await;
    let mut ana = Shopper::new(&shop);
    ana.get("/?utm_source=newsletter").await;
    ana.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    ana.get("/").await;
    let page = shop.metrics_page().await;
    for line in [
        r#"vestibule_sessions{kind="anonymous",state="light"} 1"#,
        r#"vestibule_sessions{kind="anonymous",state="kept"} 1"#,
        r#"vestibule_sessions{kind="authenticated",state="kept"} 1"#,
        r#"vestibule_session_remains{kind="marker"} 1"#,
        r#"vestibule_session_remains{kind="tombstone"} 0"#,
        r#"vestibule_store_operations_total{operation="rotate",outcome="ok"} 1"#,
    ] {
        assert!(page.lines().any(|one| one == line), "{line} in\n{page}");
    }
}
