//! Traces: one span for each stage, each call of an app and each try at a server, at a collector that
//! may fail without anybody noticing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use crate::support::collector::{Collector, Sending, Temper, told};
use crate::support::shopper::PAGE;
use crate::support::valkey::eventually;
use crate::support::{SCRIPT, Service, Shop, Shopper};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const TRUSTED: &str = "[server]\ntrusted_proxies = [\"unix\"]\n";
const SEARCH: &str = "input = { public = [\"utm_source\"] }\noutput = { search = [\"facets\"] }\n";

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn page(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [PAGE, more].concat()
}

fn counts(shop: &Shop, outcome: &str) -> u64 {
    let line = format!("vestibule_trace_spans_total{{outcome=\"{outcome}\"}} ");
    let metrics = shop.metrics();
    let value = metrics.lines().find_map(|one| one.strip_prefix(&line));
    value.unwrap().parse().unwrap()
}

/// Spans by their ids, with the request's own.
struct Tree {
    root: Span,
    all: BTreeMap<String, Span>,
}

impl Tree {
    fn of(spans: Vec<Span>) -> Self {
        let all = spans.into_iter().map(|span| (hex(&span.span_id), span));
        let all: BTreeMap<_, _> = all.collect();
        let roots = all.values();
        let roots: Vec<_> = roots
            .filter(|span| !all.contains_key(&hex(&span.parent_span_id)))
            .collect();
        assert_eq!(roots.len(), 1, "{roots:?}");
        Self {
            root: roots[0].clone(),
            all,
        }
    }

    /// Names from the request's own span down to one.
    fn way(&self, span: &Span) -> String {
        match self.all.get(&hex(&span.parent_span_id)) {
            Some(parent) => format!("{} > {}", self.way(parent), span.name),
            None => span.name.clone(),
        }
    }

    fn ways(&self) -> BTreeSet<String> {
        self.all.values().map(|span| self.way(span)).collect()
    }

    fn named(&self, name: &str) -> &Span {
        let mut found = self.all.values().filter(|span| span.name == name);
        found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {:?}", self.ways()))
    }
}

/// The spans of a page that a shopper came for by a campaign, and had logged in for.
fn whole_and_well_named(tree: &Tree) {
    let root = &tree.root;
    for way in [
        "GET / > decide",
        "GET / > decide > lookup",
        "GET / > decide > cycle",
        "GET / > decide > cycle > app store",
        "GET / > decide > cycle > app authentication",
        "GET / > decide > cycle > app profile",
        "GET / > decide > cycle > app search",
        "GET / > decide > keep",
        "GET / > upstream store",
        "GET / > leave",
    ] {
        assert!(tree.ways().contains(way), "{way} in {:?}", tree.ways());
    }
    for span in tree.all.values() {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert_eq!(span.trace_state, "vendor=1");
        let within = root.start_time_unix_nano <= span.start_time_unix_nano
            && span.end_time_unix_nano <= root.end_time_unix_nano;
        assert!(within, "{span:?}");
    }
    let whole = told(&root.attributes);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/"),
        ("http.response.status_code", "200"),
        ("vestibule.account", "demostore"),
        ("vestibule.verdict", "forward"),
        ("vestibule.lookup", "no_token"),
        ("vestibule.events", "created,login"),
        ("vestibule.tries", "1"),
    ] {
        assert_eq!(
            whole.get(key).map(String::as_str),
            Some(value),
            "{key}: {whole:?}"
        );
    }
}

#[tokio::test]
async fn a_request_has_a_span_for_each_stage_call_and_try_below_the_callers() {
    let (collector, service) = (Collector::start().await, Service::start().await);
    service.answers("search", |_| json!({"search": {"facets": {"value": "x"}}}));
    let app = format!(
        "[[account.app]]\nname = \"search\"\nurl = {:?}\n{SEARCH}",
        service.url()
    );
    let traces = collector.configured("service_name = \"street\"\n");
    let shop = Shop::with(&format!("{TRUSTED}{traces}{app}")).await;
    let sending = Sending::of(&shop);
    let mut shopper = Shopper::known(&shop, "ana@example.com");
    let names = page(&[("traceparent", SAMPLED), ("tracestate", "vendor=1")]);
    shopper
        .send("GET", "/p?utm_source=newsletter", &names)
        .await;
    sending.stop().await;
    let tree = Tree::of(collector.spans());
    let root = &tree.root;
    assert_eq!(hex(&root.parent_span_id), "b7ad6b7169203331");
    assert_eq!(root.name, "GET /");
    whole_and_well_named(&tree);
    // Who is called is told which span calls.
    let parent = |span: &Span| format!("00-{TRACE}-{}-01", hex(&span.span_id));
    let upstream = shop.origin.last();
    let expected = parent(tree.named("upstream store"));
    assert_eq!(upstream.header("traceparent"), Some(&*expected));
    assert_eq!(upstream.header("tracestate"), Some("vendor=1"));
    let asked = service.got();
    let calls = tree.all.values().filter(|span| span.name == "app search");
    let calls: BTreeSet<_> = calls.map(parent).collect();
    let told: BTreeSet<_> = asked
        .iter()
        .map(|got| got.header("traceparent").unwrap().to_owned())
        .collect();
    assert_eq!(told, calls);
    assert_eq!(asked[0].header("tracestate"), Some("vendor=1"));
    let (resource, bearer) = collector.sender();
    assert_eq!(resource["service.name"], "street");
    assert_eq!(bearer, None);
}

#[tokio::test]
async fn whoever_is_believed_decides_and_the_share_does_elsewhere() {
    // The share, whose word counts, whether the peer is trusted, what it says, whether it is traced.
    for (ratio, parent, trusted, said, traced) in [
        ("0", "trusted", true, Some(SAMPLED), true),
        ("1", "trusted", true, Some(UNSAMPLED), false),
        ("0", "trusted", false, Some(SAMPLED), false),
        ("1", "trusted", false, Some(UNSAMPLED), true),
        ("0", "any", false, Some(SAMPLED), true),
        ("0", "none", true, Some(SAMPLED), false),
        ("1", "trusted", false, None, true),
        ("0", "trusted", false, None, false),
    ] {
        let case = format!("{ratio} {parent} {trusted} {said:?}");
        let collector = Collector::start().await;
        let traces = collector.configured(&format!("ratio = {ratio}\nparent = {parent:?}\n"));
        let server = if trusted { TRUSTED } else { "" };
        let shop = Shop::with(&format!("{server}{traces}")).await;
        let sending = Sending::of(&shop);
        let said: Vec<_> = said.map(|said| ("traceparent", said)).into_iter().collect();
        Shopper::new(&shop).send("GET", "/", &page(&said)).await;
        sending.stop().await;
        assert_eq!(!collector.spans().is_empty(), traced, "{case}");
        // Everybody after is told the same.
        let upstream = shop.origin.last();
        let flags = upstream.header("traceparent").unwrap().ends_with("-01");
        assert_eq!(flags, traced, "{case}");
    }
}

#[tokio::test]
async fn a_returning_shopper_and_a_call_of_the_api_are_traced_too() {
    let collector = Collector::start().await;
    let shop = Shop::with(&collector.configured("ratio = 1\n")).await;
    let mut shopper = Shopper::known(&shop, "ana@example.com").on_one_connection();
    for _ in 0..4 {
        shopper.get("/").await;
    }
    shopper.send("GET", "/api/sessions?items=*", SCRIPT).await;
    let path = format!("/api/sessions/{}", shopper.cookie("vtex_session").unwrap());
    shopper
        .send("GET", &format!("{path}?items=*"), SCRIPT)
        .await;
    let sending = Sending::of(&shop);
    sending.stop().await;
    let spans = collector.spans();
    let roots: Vec<_> = spans
        .iter()
        .filter(|span| span.parent_span_id.is_empty())
        .collect();
    let names: Vec<_> = roots.iter().map(|span| &*span.name).collect();
    let api = "GET /api/sessions";
    let of_token = "GET /api/sessions/{token}";
    assert_eq!(names, ["GET /", "GET /", "GET /", "GET /", api, of_token]);
    let last = told(&roots[3].attributes);
    assert_eq!(last["vestibule.lookup"], "recognised");
    let traces: BTreeSet<_> = roots.iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces.len(), 6);
}

#[tokio::test]
async fn without_a_well_formed_context_no_vendors_part_goes_on() {
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    for (parent, passes) in [
        (Some(SAMPLED), true),
        (Some("nonsense"), false),
        (None, false),
    ] {
        let mut names = page(&[("tracestate", "vendor=1")]);
        names.extend(parent.map(|parent| ("traceparent", parent)));
        shopper.send("GET", "/", &names).await;
        let seen = shop.origin.last();
        assert_eq!(
            seen.header("tracestate"),
            passes.then_some("vendor=1"),
            "{parent:?}"
        );
        if passes {
            // Nobody here traces: what the client says of it goes on.
            assert!(seen.header("traceparent").unwrap().ends_with("-01"));
        }
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_and_one_that_answers_are_two_tries() {
    let collector = Collector::start().await;
    let gone = crate::support::program::free_ports()[0];
    let shop = Shop::with(&collector.configured("ratio = 1\n")).await;
    let reloads = shop.reloads();
    let ours = shop.origin.address.to_string();
    shop.rewrite("shop.toml", |text| {
        let both = format!("\"127.0.0.1:{gone}\", \"{ours}\"");
        text.replace(&format!("\"{ours}\""), &both)
    });
    reloads.reload().await;
    let sending = Sending::of(&shop);
    for _ in 0..2 {
        Shopper::new(&shop).get("/").await;
    }
    sending.stop().await;
    let spans = collector.spans();
    let tries = spans.iter().filter(|span| span.name == "upstream store");
    let outcomes: Vec<_> = tries
        .map(|span| told(&span.attributes)["vestibule.outcome"].clone())
        .collect();
    assert_eq!(
        outcomes.iter().filter(|one| *one == "unconnected").count(),
        1,
        "{outcomes:?}"
    );
    assert_eq!(
        outcomes.iter().filter(|one| *one == "answered").count(),
        2,
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_collector_that_fails_or_is_gone_hurts_no_request() {
    let collector = Collector::start().await;
    let shop = Shop::with(&collector.configured("ratio = 1\ntimeout = \"200ms\"\n")).await;
    let sending = Sending::of(&shop);
    let mut sent = 0;
    for temper in [Temper::Fails, Temper::Hangs] {
        collector.is(temper);
        assert_eq!(Shopper::new(&shop).get("/").await.status, 200);
        eventually("they are counted as lost", async || {
            counts(&shop, "failed") > sent
        })
        .await;
        sent = counts(&shop, "failed");
    }
    assert_eq!(counts(&shop, "exported"), 0);
    collector.is(Temper::Rejects(2));
    assert_eq!(Shopper::new(&shop).get("/").await.status, 200);
    sending.stop().await;
    assert_eq!(counts(&shop, "failed"), sent + 2);
    assert_eq!(
        counts(&shop, "exported"),
        collector.spans().len() as u64 - 2
    );
}

#[tokio::test]
async fn what_the_queue_has_no_room_for_is_left_out_and_counted() {
    let collector = Collector::start().await;
    let shop = Shop::with(&collector.configured("ratio = 1\n")).await;
    // Nobody sends.
    let mut shopper = Shopper::new(&shop).on_one_connection();
    for _ in 0..1030 {
        shopper.get("/static/x").await;
    }
    let dropped = counts(&shop, "dropped");
    assert!(dropped >= 6, "{dropped}");
    let sending = Sending::of(&shop);
    tokio::time::timeout(Duration::from_mins(1), sending.stop())
        .await
        .unwrap();
    let spans = collector.spans();
    let requests = spans.iter().filter(|span| span.name.starts_with("GET"));
    assert_eq!(requests.count(), 1024);
}

#[tokio::test]
async fn the_collector_is_shown_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a-token-of-the-collector\n").unwrap();
    let collector = Collector::start().await;
    let more = format!("ratio = 1\ntoken_file = {file:?}\n");
    let shop: Arc<Shop> = Shop::with(&collector.configured(&more)).await;
    let sending = Sending::of(&shop);
    Shopper::new(&shop).get("/").await;
    sending.stop().await;
    assert!(!collector.spans().is_empty());
    let (_, bearer) = collector.sender();
    assert_eq!(bearer.as_deref(), Some("Bearer a-token-of-the-collector"));
}
