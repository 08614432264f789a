//! What is told: lines of the access log and the audit log, whole; and nothing, by any way, of what
//! clients keep to themselves.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use vestibule::config::values::LogLevel;
use vestibule::telemetry::filter;

use crate::support::collector::{Collector, Sending};
use crate::support::shopper::PAGE;
use crate::support::{SCRIPT, Shop, Shopper};

const STAFF: &str = "VtexIdclientAutCookie";
const ACT_AS: &str = "vtex-impersonated-customer-email";

/// All that is logged on this thread, as the program would write it.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Whoever writes a line first has it noted, for the whole process, whether anybody reads it. Where
/// there is one reader alone, only that thread is asked: a test beside this one would answer for it.
static ANOTHER_READER: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

impl Lines {
    fn begin(level: LogLevel) -> (Self, DefaultGuard) {
        LazyLock::force(&ANOTHER_READER);
        let lines = Self::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone());
        let layer = layer.json().flatten_event(true).with_filter(filter(level));
        let guard = tracing_subscriber::registry().with(layer).set_default();
        (lines, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }

    fn of(&self, target: &str) -> Vec<Value> {
        let lines = self.text();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line["target"] == target)
            .collect()
    }
}

#[tokio::test]
async fn a_request_has_one_line_that_says_what_became_of_it() {
    let (lines, _guard) = Lines::begin(LogLevel::Info);
    let shop = Shop::start().await;
    let mut shopper = Shopper::new(&shop);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let names = [PAGE, &[("traceparent", parent), ("x-request-id", "abc-1")]].concat();
    shopper.send("GET", "/p?utm_source=x", &names).await;
    shopper.send("GET", "/api/sessions?items=*", SCRIPT).await;
    shop.raw(b"BREW /x HTTP/1.1\r\nHost: nobody.example\r\n\r\n")
        .await;
    let access = lines.of("access");
    assert_eq!(access.len(), 3, "{access:?}");
    let first = &access[0];
    for (field, value) in [
        ("method", "GET"),
        ("path", "/p"),
        ("route", "/"),
        ("account", "demostore"),
        ("verdict", "forward"),
        ("lookup", "no_token"),
        ("request_id", "abc-1"),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
        ("upstream", "store"),
    ] {
        assert_eq!(first[field], value, "{field}: {first}");
    }
    assert_eq!(first["server"], shop.origin.address.to_string());
    assert_eq!(
        (&first["status"], &first["tries"]),
        (&200.into(), &1.into())
    );
    assert_eq!(first["failed"], false);
    let micros = |field: &str| first[field].as_u64().unwrap();
    assert!(micros("decide_micros") + micros("upstream_micros") <= micros("micros"));
    let session = first["session"].as_str().unwrap();
    assert!(session.len() == 32 && session.bytes().all(|b| b.is_ascii_hexdigit()));
    let api = &access[1];
    assert_eq!(
        (&api["route"], &api["session"]),
        (&"/api/sessions".into(), &first["session"])
    );
    assert!(
        api["bytes_out"].as_u64().unwrap() > 20 && api.get("server").is_none(),
        "{api}"
    );
    let refused = &access[2];
    for (field, value) in [
        ("method", "other"),
        ("refused", "unknown_host"),
        ("account", ""),
    ] {
        assert_eq!(refused[field], value, "{field}: {refused}");
    }
}

#[tokio::test]
async fn lines_are_for_all_for_a_share_and_what_went_wrong_or_for_nobody() {
    for (access, well, wrong) in [
        ("access = \"all\"", 1, 1),
        ("access = \"sampled\"\naccess_ratio = 1", 1, 1),
        ("access = \"sampled\"\naccess_ratio = 0", 0, 1),
        ("access = \"off\"", 0, 0),
    ] {
        let (lines, _guard) = Lines::begin(LogLevel::Info);
        let shop = Shop::with(&format!("[log]\n{access}\n")).await;
        shop.origin.says("/broken", 500, &[]);
        Shopper::new(&shop).get("/").await;
        assert_eq!(lines.of("access").len(), well, "{access}");
        Shopper::new(&shop).get("/broken").await;
        assert_eq!(lines.of("access").len(), well + wrong, "{access}");
    }
}

/// Everything that changes who somebody is, once.
async fn change_everybody(shop: &Arc<Shop>) {
    let mut ana = Shopper::new(shop);
    ana.get("/").await;
    ana.keep(
        "VtexIdclientAutCookie_demostore",
        &shop.token("ana@example.com"),
    );
    ana.get("/").await;
    ana.get("/?sc=4").await;
    ana.forget("VtexIdclientAutCookie_demostore");
    ana.get("/").await;
    let mut agent = Shopper::new(shop);
    agent.keep(STAFF, &shop.staff_token("agent@demostore.example"));
    agent.keep(ACT_AS, "bruno@example.com");
    agent.get("/").await;
    agent.forget(ACT_AS);
    agent.get("/").await;
    let mut clerk = Shopper::new(shop);
    clerk.keep(STAFF, &shop.staff_token("clerk@demostore.example"));
    clerk.keep(ACT_AS, "bruno@example.com");
    clerk.get("/").await;
    let mut idle = Shopper::new(shop);
    idle.get("/?utm_source=x").await;
    shop.clock.advance(std::time::Duration::from_mins(40));
    idle.get("/").await;
    shop.raw(b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-Session-User-Id: me\r\n\r\n")
        .await;
}

#[tokio::test]
async fn the_audit_log_has_whatever_changes_who_somebody_is() {
    let (lines, _guard) = Lines::begin(LogLevel::Info);
    let shop = Shop::start().await;
    change_everybody(&shop).await;
    let audit = lines.of("audit");
    let mut told = audit.iter().map(|line| line["event"].as_str().unwrap());
    for event in [
        "login",
        "replaced",
        "refused",
        "logout",
        "impersonation_granted",
        "impersonation_started",
        "impersonation_stopped",
        "impersonation_refused",
        "ended",
        "spoofed_headers",
    ] {
        assert!(told.clone().any(|one| one == event), "{event}: {audit:?}");
    }
    assert!(
        told.all(|event| event != "created"),
        "nobody's rights change with that"
    );
    for line in audit
        .iter()
        .filter(|line| line["event"] != "spoofed_headers")
    {
        assert_eq!(line["account"], "demostore", "{line}");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 32, "{line}");
        assert_eq!(line["session"].as_str().unwrap().len(), 32, "{line}");
    }
    let first = |event: &str| audit.iter().find(|line| line["event"] == event).unwrap();
    assert_eq!(
        first("login")["shopper"],
        "11111111-1111-4111-8111-111111111111"
    );
    let started = first("impersonation_started");
    assert_eq!(started["customer"], "22222222-2222-4222-8222-222222222222");
    assert!(started["staff"].as_str().unwrap().len() > 3);
    let replaced = first("replaced");
    assert_ne!(replaced["from"], replaced["session"]);
    assert_eq!(first("ended")["reason"], "idle");
    assert_eq!(first("refused")["status"], 403);
}

/// Something that only its owner should know, by its place.
fn secret(place: &str) -> String {
    format!("{place}-5ecret9f86d081884c7d659a2feaa0c55ad015")
}

/// Headers that a client can say something in.
const HEADERS: [&str; 20] = [
    "authorization",
    "proxy-authorization",
    "user-agent",
    "referer",
    "origin",
    "accept",
    "x-custom",
    "x-session-user-id",
    "x_session_user_email",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-original-url",
    "traceparent",
    "tracestate",
    "x-request-id",
    "accept-language",
    "if-none-match",
    "sec-fetch-site",
    "x-vtex-segment",
];

/// Everything that a client can say, each with a secret of its own; the places are returned.
async fn tell_everything(shop: &Arc<Shop>) -> Vec<String> {
    let mut told = Vec::new();
    let mut place = |name: &str| {
        told.push(secret(name));
        secret(name)
    };
    let mut wire = format!(
        "POST /{}/{}?{}=1&utm_source={}&x={} HTTP/1.1\r\nHost: shop.example\r\n",
        place("path"),
        place("user@example.com"),
        place("query-name"),
        place("campaign"),
        place("query"),
    );
    for name in HEADERS {
        // A client may choose the id of its request, within a form that `!` is outside of.
        write!(wire, "{name}: {}!\r\n", place(name)).unwrap();
    }
    write!(
        wire,
        "cookie: vtex_session={}; vtex_segment={}; VtexIdclientAutCookie_demostore={}; \
         VtexIdclientAutCookie={}; {ACT_AS}={}; other={}; {}; checkout.vtex.com=__ofid={}\r\n",
        place("session"),
        place("segment"),
        place("login"),
        place("staff"),
        place("customer@example.com"),
        place("cookie"),
        place("pair"),
        place("cart"),
    )
    .unwrap();
    let body = place("body");
    let length = body.len();
    write!(
        wire,
        "connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    shop.raw(wire.as_bytes()).await;
    // The Session API, by a token in its path and with a body.
    let json = format!(
        r#"{{"public":{{"note":{{"value":"{}"}}}}}}"#,
        place("value")
    );
    let target = format!("/api/sessions/{}?items={}", place("token"), place("items"));
    Shopper::new(shop)
        .call(("POST", &target), SCRIPT, &json)
        .await;
    // Hosts and methods that nobody knows.
    let strange = format!(
        "{} / HTTP/1.1\r\nHost: {}.example\r\nconnection: close\r\n\r\n",
        place("METHOD"),
        place("host"),
    );
    shop.raw(strange.as_bytes()).await;
    told
}

#[tokio::test]
async fn nothing_that_a_client_keeps_to_itself_is_told_anywhere() {
    let (lines, _guard) = Lines::begin(LogLevel::Trace);
    let collector = Collector::start().await;
    let shop = Shop::with(&collector.configured("ratio = 1\nparent = \"any\"\n")).await;
    let sending = Sending::of(&shop);
    let mut told = tell_everything(&shop).await;
    // People with logins of their own, and staff who act as somebody.
    let mut ana = Shopper::known(&shop, "ana@example.com");
    ana.get("/account").await;
    let mut agent = Shopper::new(&shop);
    agent.keep(STAFF, &shop.staff_token("agent@demostore.example"));
    agent.keep(ACT_AS, "bruno@example.com");
    agent.get("/").await;
    let ana_s = "/accounts/demostore/principals/11111111-1111-4111-8111-111111111111";
    for (method, what) in [("GET", "export"), ("DELETE", "sessions"), ("POST", "erase")] {
        shop.admin(method, &format!("{ana_s}/{what}")).await;
    }
    sending.stop().await;
    for shopper in [&ana, &agent] {
        let cookies = shopper.line();
        let values = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        told.extend(values.map(|(_, value)| value.to_owned()));
    }
    for email in [
        "ana@",
        "bruno@",
        "agent@",
        "user@",
        "customer@",
        "%40",
        "5ecret",
    ] {
        told.push(email.to_owned());
    }
    let mut outputs = vec![
        ("log", lines.text()),
        ("metrics", shop.metrics_page().await),
        ("health", shop.admin("GET", "/health/ready").await.1),
        ("debug", format!("{:?}", shop.shared)),
    ];
    let traces = collector.bytes().into_iter().map(char::from).collect();
    outputs.push(("traces", traces));
    assert!(!collector.spans().is_empty() && outputs[0].1.lines().count() > 5);
    for (output, text) in &outputs {
        for secret in &told {
            let found = text.find(secret.as_str());
            let around = found.map(|at| text.get(at.saturating_sub(200)..).unwrap_or(text));
            let around = around.map(|rest| rest.chars().take(400).collect::<String>());
            assert_eq!(around, None, "{secret} in the {output}");
        }
    }
}
