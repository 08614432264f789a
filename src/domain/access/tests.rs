//! Which route a path takes, and what a shopper who may not pass is told.

use http::HeaderMap;

use super::*;
use crate::domain::request::path::NormalPath;

fn route(pattern: &str, session: SessionUse) -> RouteSettings {
    RouteSettings {
        pattern: pattern.to_owned(),
        upstream: "store".to_owned(),
        session,
        touch: true,
        on_expired: None,
        on_denied_channel: OnDeniedChannel::Refuse,
        login_page: None,
        inject: None,
        send_session_token: false,
        send_context: false,
        requests: None,
    }
}

fn routes() -> Routes {
    Routes::try_new(vec![
        route("/", SessionUse::Optional),
        route("/account", SessionUse::Required),
        route("/account/help", SessionUse::Optional),
        route("/static/", SessionUse::None),
        route("/*/checkout/**", SessionUse::Required),
    ])
    .unwrap()
}

fn path(text: &str) -> NormalPath {
    NormalPath::read(text).unwrap()
}

#[test]
fn the_most_particular_route_takes_a_path() {
    for (requested, pattern) in [
        ("/", "/"),
        ("/accounts", "/"),
        ("/account", "/account"),
        ("/account/orders", "/account"),
        ("/account/help/me", "/account/help"),
        ("/static/app.js", "/static/"),
        ("/br/checkout/pay", "/*/checkout/**"),
        ("/br/x/checkout/pay", "/"),
    ] {
        assert_eq!(
            routes().find(&path(requested)).pattern,
            pattern,
            "{requested}"
        );
    }
}

#[test]
fn routes_that_cannot_stand_are_all_named() {
    let mut foreign = route("/x", SessionUse::Required);
    foreign.login_page = Some("//evil.example/login".to_owned());
    let settings = vec![
        route("account", SessionUse::None),
        route("/a", SessionUse::None),
        route("/a", SessionUse::None),
        foreign,
    ];
    assert_eq!(
        Routes::try_new(settings).unwrap_err(),
        [
            RouteError::NotAbsolute("account".to_owned()),
            RouteError::Twice("/a".to_owned()),
            RouteError::LoginPage("//evil.example/login".to_owned()),
            RouteError::NoFallback,
        ]
    );
}

/// What is said to a request with these headers.
fn judge(
    (method, target): (&str, &str),
    headers: &[(&'static str, &str)],
    facts: AccessFacts,
) -> Verdict {
    let (path_text, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = path(path_text);
    let map: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let request = RequestView {
        method,
        path: &path,
        query,
        host: "shop.example",
        headers: &map,
        client: [192, 0, 2, 1].into(),
        secure: true,
        insecure_cookies: false,
        trace: None,
    };
    plan_access(&request, routes().find(&path), &facts)
}

const NAVIGATION: &[(&str, &str)] = &[
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("accept", "text/html,application/xhtml+xml"),
];

#[test]
fn a_page_that_needs_a_shopper_sends_to_the_login_with_the_way_back() {
    let verdict = judge(
        ("GET", "/account/orders?page=2"),
        NAVIGATION,
        AccessFacts::default(),
    );
    let location = "/login?return_to=/account/orders%3Fpage%3D2".to_owned();
    assert_eq!(verdict, Verdict::Login { location });
}

#[test]
fn a_shopper_passes() {
    let facts = AccessFacts {
        shopper: true,
        ..AccessFacts::default()
    };
    assert_eq!(
        judge(("GET", "/account"), NAVIGATION, facts),
        Verdict::Forward
    );
}

#[test]
fn scripts_are_told_401_and_never_redirected() {
    for headers in [
        &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")][..],
        &[
            ("x-requested-with", "XMLHttpRequest"),
            ("accept", "text/html"),
        ],
        &[("accept", "application/json")],
        &[],
    ] {
        let verdict = judge(("GET", "/account"), headers, AccessFacts::default());
        assert_eq!(verdict, Verdict::Unauthorized, "{headers:?}");
    }
}

#[test]
fn vector_32_an_expired_form_post_is_sent_to_the_login_and_back_to_its_page() {
    let expired = AccessFacts {
        expired: true,
        ..AccessFacts::default()
    };
    let own = [
        NAVIGATION,
        &[("referer", "https://shop.example/account/edit?x=1")],
    ]
    .concat();
    let location = "/login?return_to=/account/edit%3Fx%3D1".to_owned();
    assert_eq!(
        judge(("POST", "/account/save"), &own, expired),
        Verdict::Login { location }
    );
    let foreign = [NAVIGATION, &[("referer", "https://evil.example/account")]].concat();
    let front = "/login?return_to=/".to_owned();
    let verdict = judge(("POST", "/account/save"), &foreign, expired);
    assert_eq!(verdict, Verdict::Login { location: front });
    let by_script = judge(
        ("POST", "/account/save"),
        &[("sec-fetch-mode", "cors")],
        expired,
    );
    assert_eq!(by_script, Verdict::Unauthorized);
}

#[test]
fn where_a_session_is_optional_an_expired_shopper_goes_on_as_nobody() {
    let expired = AccessFacts {
        expired: true,
        ..AccessFacts::default()
    };
    assert_eq!(judge(("GET", "/"), NAVIGATION, expired), Verdict::Forward);
}

#[test]
fn a_refused_trade_policy_is_a_page_for_people_and_json_for_programs() {
    let denied = AccessFacts {
        denied: Some(401),
        ..AccessFacts::default()
    };
    let page = judge(("GET", "/?sc=4"), NAVIGATION, denied);
    assert_eq!(
        page,
        Verdict::DeniedChannel {
            status: 401,
            html: true
        }
    );
    let json = judge(("GET", "/?sc=4"), &[("accept", "application/json")], denied);
    assert_eq!(
        json,
        Verdict::DeniedChannel {
            status: 401,
            html: false
        }
    );
}

#[test]
fn a_store_that_cannot_be_asked_stops_only_routes_that_need_it() {
    let unreadable = AccessFacts {
        unreadable: true,
        ..AccessFacts::default()
    };
    assert_eq!(
        judge(("GET", "/"), NAVIGATION, unreadable),
        Verdict::Forward
    );
    let verdict = judge(("GET", "/account"), NAVIGATION, unreadable);
    assert!(matches!(verdict, Verdict::Unavailable { .. }));
}

#[test]
fn the_way_back_never_leads_to_another_site() {
    for (given, kept) in [
        ("/a?b=c", "/a?b=c"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\tevil", "/"),
        ("/\n/evil", "/"),
        ("", "/"),
    ] {
        assert_eq!(read_return_to(given), kept, "{given:?}");
    }
    assert_eq!(read_return_to(&format!("/{}", "a".repeat(3000))), "/");
}
