//! The storefront asked without a proxy before it, over no socket.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::*;
use crate::demo::people::PersonKind;

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Millis {
        Millis::from_millis(1_543_397_700_250)
    }
}

#[derive(Debug)]
struct PlainTokens;

impl IssueToken for PlainTokens {
    fn issue(&self, person: &Person) -> Result<String, IssueError> {
        match (person.kind, person.name) {
            (PersonKind::Shopper, _) => Ok(format!("webstore.{}.s", person.id)),
            (PersonKind::Staff, "The clerk") => Err(IssueError("no key for the clerk".into())),
            (PersonKind::Staff, _) => Ok(format!("admin.{}.s", person.id)),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(in crate::demo) struct Answer {
    pub(in crate::demo) status: u16,
    pub(in crate::demo) headers: HeaderMap,
    pub(in crate::demo) text: String,
}

impl Answer {
    pub(in crate::demo) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(in crate::demo) fn cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }
}

fn storefront() -> Router {
    router(StorefrontSettings {
        lifetime: Duration::from_mins(1),
        refresh_before_end: Duration::from_secs(10),
        idle: Duration::from_secs(50),
        account: "demostore".into(),
        token_issuer: Arc::new(PlainTokens),
        clock: Arc::new(StoppedClock),
    })
}

/// Sends `METHOD path` with headers and a body.
pub(in crate::demo) async fn ask(line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = storefront().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(text.to_vec()).unwrap(),
    }
}

const THROUGH: (&str, &str) = ("x-vtex-account", "demostore");
const SESSION: (&str, &str) = ("x-session-id", "6f1c2c1e-3c56-4d59-9a0e-52a6d35d8f1b");

const ANA: [(&str, &str); 11] = [
    THROUGH,
    SESSION,
    ("x-session-authenticated", "true"),
    ("x-session-user-id", "11111111-1111-4111-8111-111111111111"),
    ("x-session-user-email", "ana@example.com"),
    ("x-session-channel", "2"),
    ("x-session-currency", "BRL"),
    ("x-session-culture", "pt-BR"),
    ("x-session-price-tables", "gold"),
    ("x-session-campaigns", "vip,rio"),
    ("x-session-region", "v2.RIO"),
];

#[tokio::test]
async fn echo_tells_what_was_received_repeated_names_and_query_included() {
    let told = ask(
        "GET /echo?sc=2&a=%20b",
        &[("x-session-id", "1"), ("x-many", "a"), ("x-many", "b")],
        "",
    )
    .await;
    assert_eq!(told.status, 200);
    assert_eq!(told.header("content-type"), "application/json");
    let told: Value = serde_json::from_str(&told.text).unwrap();
    assert_eq!(
        told,
        json!({
            "method": "GET",
            "path": "/echo?sc=2&a=%20b",
            "headers": {"x-session-id": ["1"], "x-many": ["a", "b"]},
        })
    );
}

#[tokio::test]
async fn a_stranger_sees_list_prices_in_dollars_and_what_is_not_known() {
    let page = ask("GET /", &[THROUGH, SESSION, ("x-session-channel", "1")], "").await;
    assert_eq!(page.status, 200);
    for expected in [
        "Hello, stranger.",
        "$48.00",
        "Porch lantern",
        r#"data-header="x-session-channel" data-value="1""#,
        r#"data-header="x-session-user-email" data-value="""#,
        "No customer is known.",
    ] {
        assert!(page.text.contains(expected), "{expected}");
    }
    assert!(!page.text.contains("<s>"));
    assert!(!page.text.contains(r#"action="/impersonate""#));
}

#[tokio::test]
async fn ana_in_brazil_sees_her_prices_her_campaigns_and_her_delivery() {
    let page = ask("GET /", &ANA, "").await;
    for expected in [
        "Hello, Ana Lima.",
        "<b>R$\u{a0}233,91</b>",
        "R$\u{a0}259,90</s>",
        r#"lang="pt""#,
        "banner-vip",
        "banner-rio",
        "Entrega amanhã no Rio de Janeiro",
        r#"href="/?sc=2" aria-current="true""#,
    ] {
        assert!(page.text.contains(expected), "{expected}");
    }
    assert!(!page.text.contains("banner-newsletter"));
}

#[tokio::test]
async fn the_page_carries_the_times_that_the_countdown_needs() {
    let page = ask("GET /", &ANA, "").await.text;
    for expected in [
        r#"data-received="1543397700250""#,
        r#"data-lifetime="60000""#,
        r#"data-window="10000""#,
        r#"data-idle="50000""#,
        r#"<script src="/_session/keepalive.js" defer>"#,
        "A page that is merely open does not.",
        r#"datetime="2018-11-28T09:35:00.250Z""#,
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let without = ask("GET /", &[THROUGH], "").await.text;
    assert!(without.contains("No session is stored"));
    assert!(!without.contains("data-lifetime"));
}

#[tokio::test]
async fn whoever_comes_past_the_proxy_is_told_so() {
    let page = ask("GET /", &[], "").await;
    assert!(page.text.contains("past Vestibule"));
}

#[tokio::test]
async fn impersonation_is_offered_to_staff_and_shown_while_it_lasts() {
    let staff = [THROUGH, ("cookie", "VtexIdclientAutCookie=a.b.c")];
    let page = ask("GET /", &staff, "").await.text;
    assert!(page.contains(r#"action="/impersonate""#));

    let acting = [
        &ANA[..],
        &[("x-session-impersonator", "agent@demostore.example")],
    ]
    .concat();
    let page = ask("GET /", &acting, "").await.text;
    assert!(page.contains("<strong>agent@demostore.example</strong> is acting as"));
}

#[tokio::test]
async fn every_header_value_is_shown_as_text_and_decoded_for_reading() {
    let evil = "\"><script>alert(1)</script>";
    let encoded = "%3Cimg%20src=x%3E S%C3%A3o";
    let page = ask(
        "GET /",
        &[
            THROUGH,
            SESSION,
            ("x-session-user-email", evil),
            ("x-session-authenticated", "true"),
            ("x-session-impersonator", evil),
            ("x-session-channel", evil),
            ("x-session-currency", evil),
            ("x-session-culture", evil),
            ("x-session-region", evil),
            ("x-session-campaigns", evil),
            ("x-session-custom", encoded),
            ("x-request-id", evil),
        ],
        "",
    )
    .await
    .text;
    assert!(!page.contains("<script>") && !page.contains("<img"));
    assert!(page.contains("&lt;img src=x&gt; S\u{e3}o"));
    assert!(page.contains("on the wire: %3Cimg%20src=x%3E S%C3%A3o"));
    assert!(page.contains("x-session-custom"));
}

#[tokio::test]
async fn tokens_are_opened_for_reading_and_the_session_token_is_kept_from_scripts() {
    // {"channel":"2","regionId":"<b>"}
    let segment = "eyJjaGFubmVsIjoiMiIsInJlZ2lvbklkIjoiPGI+In0=";
    let page = ask(
        "GET /",
        &[
            THROUGH,
            ("x-vtex-segment", segment),
            ("x-vtex-session", "secret.session.token"),
            ("x-session-context", "e30.eyJzaWQiOiJhYmMifQ.sig"),
        ],
        "",
    )
    .await
    .text;
    assert!(page.contains("&quot;regionId&quot;: &quot;&lt;b&gt;&quot;"));
    assert!(page.contains("&quot;sid&quot;: &quot;abc&quot;"));
    assert!(!page.contains("secret.session"));
}

#[tokio::test]
async fn the_account_page_is_for_shoppers_alone() {
    let page = ask("GET /account", &ANA, "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ana@example.com"));
    let nobody = ask("GET /account", &[("x-session-authenticated", "false")], "").await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn polling_tells_which_session_was_there() {
    let told = ask("GET /poll", &ANA, "").await;
    assert_eq!(
        serde_json::from_str::<Value>(&told.text).unwrap(),
        json!({"receivedAt": 1_543_397_700_250_i64, "sessionId": SESSION.1, "authenticated": true})
    );
    assert_eq!(told.header("cache-control"), "no-store");
}

#[tokio::test]
async fn every_answer_is_guarded_and_no_page_is_kept() {
    for (line, status, caching) in [
        ("GET /", 200, "private, no-store"),
        ("GET /login", 200, "private, no-store"),
        ("GET /nowhere", 404, "private, no-store"),
        ("GET /healthz", 200, ""),
        ("GET /static/demo.css", 200, "public, max-age=60"),
        ("GET /static/demo.js", 200, "public, max-age=60"),
        ("GET /static/icon.svg", 200, "public, max-age=60"),
        ("GET /logout", 405, ""),
    ] {
        let answer = ask(line, &[], "").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("cache-control"), caching, "{line}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn no_page_holds_a_script_a_style_or_an_address_of_another_site() {
    let staff = [&ANA[..], &[("x-session-staff-email", "a@b.example")]].concat();
    for line in ["GET /", "GET /login", "GET /account", "GET /nowhere"] {
        let page = ask(line, &staff, "").await.text;
        for barred in [
            "<script>", "<style", " style=", " onclick", "://", "{{", "}}",
        ] {
            assert!(!page.contains(barred), "{line}: {barred}");
        }
    }
}
