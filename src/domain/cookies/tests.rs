//! Cookie settings, `Set-Cookie` texts and `Cache-Control`; the law's vectors are with `lifetime`.

use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::domain::lifetime::{Policy, PolicySettings};

fn settings(session: &str) -> CookieSettings {
    CookieSettings {
        session: session.to_owned(),
        ..CookieSettings::default()
    }
}

fn keys(settings: &CookieSettings) -> Vec<&'static str> {
    let errors = settings.check().err().unwrap_or_default();
    assert!(errors.iter().all(|error| !error.to_string().ends_with('.')));
    errors.iter().map(CookieSettingsError::key).collect()
}

#[test]
fn names_follow_the_rules_that_browsers_enforce() {
    let long = "s".repeat(COOKIE_BYTES_MAX - SESSION_VALUE_MAX);
    let too_long = format!("{long}s");
    for (name, expected) in [
        ("vtex_session", &[][..]),
        ("__Host-session", &[]),
        ("__secure-session", &[]),
        (long.as_str(), &[]),
        (too_long.as_str(), &["name"]),
        ("", &["name"]),
        ("ses sion", &["name"]),
        ("session=", &["name"]),
        ("sessión", &["name"]),
        ("vtex_segment", &["name"]),
        ("__Http-session", &["name"]),
        ("__HOST-hTTP-session", &["name"]),
    ] {
        assert_eq!(keys(&settings(name)), expected, "{name}");
    }
    let longest_segment = CookieSettings {
        segment: "s".repeat(COOKIE_BYTES_MAX - SEGMENT_VALUE_MAX + 1),
        ..CookieSettings::default()
    };
    assert_eq!(keys(&longest_segment), ["name"]);
}

#[test]
fn prefixes_demand_their_attributes_in_any_case() {
    for name in ["__Host-session", "__host-session", "__HOST-session"] {
        let elsewhere = CookieSettings {
            path: "/shop".to_owned(),
            domain: Some("example.com".to_owned()),
            secure: false,
            ..settings(name)
        };
        assert_eq!(keys(&elsewhere), ["secure", "path", "domain"], "{name}");
        assert!(is_host_bound(name));
    }
    let insecure = CookieSettings {
        secure: false,
        ..settings("__SECURE-session")
    };
    assert_eq!(keys(&insecure), ["secure"]);
    assert!(!is_host_bound("__Secure-session"));
}

#[test]
fn attributes_that_browsers_refuse_are_refused() {
    let insecure = CookieSettings {
        secure: false,
        same_site: SameSite::None,
        partitioned: true,
        ..CookieSettings::default()
    };
    assert_eq!(keys(&insecure), ["same_site", "partitioned"]);
    for path in ["", "shop", "/a;b", "/a b", "/a\n", "/é"] {
        let odd = CookieSettings {
            path: path.to_owned(),
            ..CookieSettings::default()
        };
        assert_eq!(keys(&odd), ["path"], "{path:?}");
    }
    for (domain, good) in [
        ("example.com", true),
        (".example.com", true),
        ("localhost", true),
        ("", false),
        ("a..b", false),
        ("a.com;", false),
        ("a.com\r\n", false),
        ("-a.com", false),
        ("bücher.example", false),
    ] {
        let placed = CookieSettings {
            domain: Some(domain.to_owned()),
            ..CookieSettings::default()
        };
        assert_eq!(placed.check().is_ok(), good, "{domain:?}");
    }
}

#[test]
fn cookie_text_is_exact() {
    let plain = CookieSettings::default();
    assert_eq!(
        set_cookie(
            &plain,
            "vtex_session",
            "a.b-c_d",
            Some(Duration::from_millis(1_999))
        ),
        "vtex_session=a.b-c_d; Max-Age=1; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    let demo = CookieSettings {
        secure: false,
        same_site: SameSite::Strict,
        ..plain
    };
    assert_eq!(
        set_cookie(&demo, "vtex_segment", "eyJ+/w==", None),
        "vtex_segment=eyJ+/w==; Path=/; HttpOnly; SameSite=Strict"
    );
}

#[test]
fn auth_cookie_is_deleted_where_the_login_has_set_it() {
    assert_eq!(
        delete_auth_cookie("VtexIdclientAutCookie_shop", Some("example.com"), "/"),
        "VtexIdclientAutCookie_shop=; Max-Age=0; Domain=example.com; Path=/; HttpOnly"
    );
    assert_eq!(
        delete_auth_cookie("__secure-auth", None, "/account"),
        "__secure-auth=; Max-Age=0; Path=/account; Secure; HttpOnly"
    );
}

#[test]
fn conflicting_cookies_are_deleted_wherever_a_sibling_could_have_put_them() {
    let domains = |host: &str| -> Vec<String> {
        delete_everywhere(&CookieSettings::default(), "vtex_session", host)
            .iter()
            .map(|line| {
                let line = line.to_str().unwrap();
                assert!(line.starts_with("vtex_session=; Max-Age=0; "));
                let domain = line
                    .split("; ")
                    .find_map(|part| part.strip_prefix("Domain="));
                domain.unwrap_or_default().to_owned()
            })
            .collect()
    };
    assert_eq!(
        domains("www.shop.example.com"),
        [
            "",
            "www.shop.example.com",
            "shop.example.com",
            "example.com"
        ]
    );
    assert_eq!(domains("localhost"), [""]);
    assert_eq!(domains("127.0.0.1"), [""]);
    assert_eq!(domains("[::1]"), [""]);
}

#[test]
fn size_of_a_cookie_is_name_and_value() {
    assert!(fits("name", &"v".repeat(4092)));
    assert!(!fits("name", &"v".repeat(4093)));
}

#[test]
fn shared_cacheable_is_what_the_contract_says() {
    for (text, expected) in [
        ("public", true),
        ("Max-Age=60", true),
        ("S-MAXAGE=1, no-cache", true),
        ("max-age = 60", true),
        ("public, private", false),
        ("max-age=60, Private", false),
        ("s-maxage=60, no-store", false),
        (r#"max-age=60, private="set-cookie""#, true),
        (r#"ext="a, public, b""#, false),
        (r#"ext="a \", public, b", max-age=1"#, true),
        (r#"ext="open, public"#, false),
        ("no-cache", false),
        ("publicity, x-max-age=1", false),
        (" , ,", false),
        ("", false),
    ] {
        assert_eq!(shared_cacheable(text), expected, "{text}");
    }
    let uncached = ResponseFacts {
        status: 200,
        cache_control: None,
    };
    assert!(!uncached.shared_cacheable());
}

#[test]
fn guard_drops_what_contradicts_it_and_keeps_the_rest_as_written() {
    let (private, no_store) = (CacheGuard::Private, CacheGuard::NoStore);
    for (text, guard, expected) in [
        ("", private, "private"),
        ("public, max-age=600", private, "private, max-age=600"),
        (
            "PUBLIC,S-MaxAge=9 , Max-Age=600",
            private,
            "private, Max-Age=600",
        ),
        ("private, private=\"a, b\"", private, "private"),
        ("no-store", private, "private, no-store"),
        (
            r#"x="a, public", no-transform"#,
            private,
            r#"private, x="a, public", no-transform"#,
        ),
        (r#"x="open, max-age=1"#, private, "private"),
        ("", no_store, "private, no-store"),
        (
            "public, max-age=600, immutable",
            no_store,
            "private, no-store",
        ),
        ("must-understand, no-store", no_store, "private, no-store"),
        (
            "no-cache, must-revalidate, stale-if-error=9",
            no_store,
            "private, no-store, no-cache, must-revalidate",
        ),
    ] {
        assert_eq!(guard_cache_control(Some(text), guard), expected, "{text}");
    }
    assert_eq!(guard_cache_control(None, private), "private");
}

#[test]
fn several_header_lines_are_one_list() {
    let mut headers = HeaderMap::new();
    assert_eq!(read_cache_control(&headers), None);
    headers.append(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    assert_eq!(read_cache_control(&headers).unwrap(), "max-age=60");
    headers.append(CACHE_CONTROL, HeaderValue::from_static("x=\"open"));
    headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    let joined = read_cache_control(&headers).unwrap();
    assert_eq!(joined, "max-age=60, x=\"open\", private");
    assert!(!shared_cacheable(&joined));
}

#[test]
fn anonymous_answers_turn_private_and_authenticated_ones_are_not_stored() {
    let (policy, _) = Policy::try_new(&PolicySettings::default()).unwrap();
    let facts = ResponseFacts {
        status: 200,
        cache_control: Some("public"),
    };
    for (authenticated, cache) in [(false, CacheGuard::Private), (true, CacheGuard::NoStore)] {
        assert_eq!(
            plan_emission(Due::Must, &facts, authenticated, &policy),
            Emission::Send { cache }
        );
    }
}

proptest! {
    #[test]
    fn no_input_breaks_out_of_its_attribute(
        [name, value, domain, path] in prop::array::uniform4(".{0,40}"),
    ) {
        let odd = CookieSettings { path, domain: Some(domain), ..CookieSettings::default() };
        let line = set_cookie(&odd, &name, &value, Some(Duration::from_secs(5)));
        let text = line.to_str().unwrap();
        prop_assert_eq!(text.matches(';').count(), 6, "{}", text);
        prop_assert!(delete_auth_cookie(&name, None, &value).to_str().is_ok());
    }

    #[test]
    fn guarded_cache_control_is_a_legal_header_that_no_shared_cache_keeps(
        text in prop_oneof![
            any::<String>(),
            r#"(public|private|max-age=1|no-store|x="|"|,|\\| |=){0,20}"#,
        ],
        authenticated: bool,
    ) {
        let guard = CacheGuard::of(authenticated);
        let guarded = guard_cache_control(Some(&text), guard);
        prop_assert!(HeaderValue::from_str(&guarded).is_ok() || !guarded.is_ascii());
        prop_assert!(HeaderValue::from_bytes(guarded.as_bytes()).is_ok());
        prop_assert!(!shared_cacheable(&guarded));
        prop_assert_eq!(guard_cache_control(Some(&guarded), guard), guarded.clone());
    }

    #[test]
    fn any_bytes_may_stand_in_a_set_cookie_line(line in any::<Vec<u8>>()) {
        let settings = CookieSettings::default();
        let own = sets_own_cookie(&settings, &line);
        prop_assert!(!own || line.windows(5).any(|part| part == b"vtex_"));
    }
}
