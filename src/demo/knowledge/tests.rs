//! What a storefront knows is what the headers say, whatever bytes they hold.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    (lines.iter())
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

#[test]
fn a_known_shopper_is_called_by_name_and_an_unknown_one_by_address() {
    let ana = headers(&[
        ("x-session-authenticated", "true"),
        ("x-session-user-email", "ana@example.com"),
    ]);
    assert_eq!(Knowledge::read(&ana).shopper().as_deref(), Some("Ana Lima"));
    let carla = headers(&[
        ("x-session-authenticated", "true"),
        ("x-session-user-email", "carla@example.com"),
    ]);
    assert_eq!(
        Knowledge::read(&carla).shopper().as_deref(),
        Some("carla@example.com")
    );
    let by_id = headers(&[
        ("x-session-authenticated", "true"),
        ("x-session-user-id", "22222222-2222-4222-8222-222222222222"),
    ]);
    assert_eq!(
        Knowledge::read(&by_id).shopper().as_deref(),
        Some("Bruno Dias")
    );
}

#[test]
fn an_address_without_a_login_names_nobody() {
    let stranger = headers(&[
        ("x-session-authenticated", "false"),
        ("x-session-user-email", "ana@example.com"),
    ]);
    assert_eq!(Knowledge::read(&stranger).shopper(), None);
}

#[test]
fn values_are_decoded_for_reading_and_lists_taken_apart() {
    let some = headers(&[
        ("x-session-region", "S%C3%A3o%20Paulo"),
        ("x-session-campaigns", "vip, rio,,"),
    ]);
    let knowledge = Knowledge::read(&some);
    assert_eq!(
        knowledge.value("x-session-region").as_deref(),
        Some("S\u{e3}o Paulo")
    );
    assert_eq!(
        knowledge.raw("x-session-region").as_deref(),
        Some("S%C3%A3o%20Paulo")
    );
    assert_eq!(knowledge.campaigns(), ["vip", "rio"]);
    assert!(knowledge.price_tables().is_empty());
}

#[test]
fn staff_is_known_by_header_or_by_our_own_login_cookie() {
    for (lines, staff) in [
        (&[][..], false),
        (
            &[("x-session-staff-email", "agent@demostore.example")],
            true,
        ),
        (
            &[("x-session-impersonator", "agent@demostore.example")],
            true,
        ),
        (&[("cookie", "a=b; VtexIdclientAutCookie=x.y.z")], true),
        (&[("cookie", "VtexIdclientAutCookie=")], false),
        (
            &[("cookie", "VtexIdclientAutCookie_demostore=x.y.z")],
            false,
        ),
    ] {
        assert_eq!(Knowledge::read(&headers(lines)).staff(), staff, "{lines:?}");
    }
}

#[test]
fn a_header_that_no_table_explains_is_still_listed() {
    let some = headers(&[
        ("x-session-id", "1"),
        ("x-session-loyalty", "3"),
        ("x-vtex-tenant", "t"),
        ("x-other", "o"),
    ]);
    assert_eq!(
        Knowledge::read(&some).unexplained(),
        ["x-session-loyalty", "x-vtex-tenant"]
    );
}
