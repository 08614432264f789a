//! The law's numbered vectors about cookies, as far as they need no proxy.

use http::HeaderValue;

use super::*;
use crate::domain::cookies::{
    CacheGuard, Choice, CookieSettings, Due, Emission, ResponseFacts, choose_presented,
    delete_cookie, guard_cache_control, plan_emission, set_cookie, sets_own_cookie,
};
use crate::domain::session::SessionId;

#[test]
fn vector_11_max_age_never_passes_the_absolute_end() {
    let settings = CookieSettings::default();
    for (now, max_age) in [
        ("0:00", "; Max-Age=3600;"),
        ("11:00:00.001", "; Max-Age=3599;"),
        ("11:50:00", "; Max-Age=600;"),
        ("11:50:00.001", "; Max-Age=599;"),
        ("11:59:59.999", "; Max-Age=0;"),
        ("13:00:00", "; Max-Age=0;"),
    ] {
        let capped = law().max_age(at("0:00"), true, at(now));
        let line = set_cookie(&settings, "vtex_session", "token", capped);
        assert!(line.to_str().unwrap().contains(max_age), "{now}: {line:?}");
    }
}

/// The one chosen of two cookies, presented in either order.
fn choose(cookies: [(SessionId, Millis); 2], host_bound: bool) -> Option<(SessionId, Millis)> {
    let chosen = |list: [(SessionId, Millis); 2]| match choose_presented(list, host_bound) {
        Choice::Use(place) => Some(list[place]),
        Choice::None | Choice::Conflict => None,
    };
    let [first, second] = cookies;
    assert_eq!(chosen([first, second]), chosen([second, first]));
    chosen(cookies)
}

#[test]
fn vector_25_choice_among_several_cookies_never_depends_on_their_order() {
    let [one, other] = [1, 2].map(SessionId::from_random);
    let (old, new) = (at("0:00"), at("1:00"));
    for host_bound in [true, false] {
        let newer = choose([(one, old), (one, new)], host_bound);
        assert_eq!(newer, Some((one, new)));
    }
    assert_eq!(choose([(one, old), (other, new)], true), Some((other, new)));
    assert_eq!(choose([(one, new), (other, new)], true), Some((other, new)));
    assert_eq!(choose([(one, old), (other, new)], false), None);
    let triple = [(one, old), (one, new), (other, old)];
    assert_eq!(choose_presented(triple, false), Choice::Conflict);
    assert_eq!(choose_presented([(one, old)], false), Choice::Use(0));
    assert_eq!(choose_presented([], true), Choice::None);
}

#[test]
fn vector_26_deletion_has_the_attributes_of_the_cookie() {
    let settings = CookieSettings {
        path: "/shop".to_owned(),
        domain: Some("example.com".to_owned()),
        partitioned: true,
        ..CookieSettings::default()
    };
    let set = set_cookie(&settings, "vtex_session", "token", Some(span("60:00")));
    let deleted = delete_cookie(&settings, "vtex_session");
    let attributes = |line: &HeaderValue| {
        let text = line.to_str().unwrap().to_owned();
        text.split_once("; Domain").unwrap().1.to_owned()
    };
    assert_eq!(attributes(&set), attributes(&deleted));
    assert_eq!(
        deleted,
        "vtex_session=; Max-Age=0; Domain=example.com; Path=/shop; Secure; HttpOnly; \
         SameSite=Lax; Partitioned"
    );
}

#[test]
fn vector_27_due_cookie_waits_only_while_the_jar_outlives_every_pause() {
    let send = Emission::Send {
        cache: CacheGuard::NoStore,
    };
    let shared = Some("public, max-age=60");
    for (age, status, cache_control, expected) in [
        ("25:00", 103, None, Emission::Nothing),
        ("25:00", 100, shared, Emission::Nothing),
        ("25:00", 304, None, Emission::Defer),
        ("25:00", 200, shared, Emission::Defer),
        ("34:59.999", 304, None, Emission::Defer),
        ("34:59.999", 200, shared, Emission::Defer),
        ("35:00", 304, None, send),
        ("35:00", 200, shared, send),
        ("25:00", 200, None, send),
        ("25:00", 200, Some("private, max-age=60"), send),
        ("25:00", 502, None, send),
        ("25:00", 101, None, send),
    ] {
        let facts = ResponseFacts {
            status,
            cache_control,
        };
        let cookie_age = span(age);
        let planned = |due| plan_emission(due, &facts, true, &law());
        let reissue = planned(Due::Reissue { cookie_age });
        assert_eq!(reissue, expected, "{age} {status} {cache_control:?}");
        let interim = expected == Emission::Nothing;
        let must = if interim { Emission::Nothing } else { send };
        assert_eq!(planned(Due::Must), must, "{status}");
        assert_eq!(planned(Due::Nothing), Emission::Nothing);
    }
    let guarded = guard_cache_control(shared, CacheGuard::Private);
    assert_eq!(guarded, "private, max-age=60");
}

#[test]
fn vector_30_upstream_cookie_with_our_name_is_recognised() {
    let settings = CookieSettings::default();
    for (line, own) in [
        ("vtex_session=x; Path=/", true),
        (" vtex_session\t= x", true),
        ("vtex_segment=;Max-Age=0", true),
        ("=vtex_session=x", true),
        (" = vtex_session = x; Path=/", true),
        ("vtex_session2=x", false),
        ("VTEX_SESSION=x", false),
        ("cart=vtex_session=x", false),
        ("cart=1; vtex_session=x", false),
        ("vtex_session", false),
        ("", false),
    ] {
        assert_eq!(sets_own_cookie(&settings, line.as_bytes()), own, "{line}");
    }
}
