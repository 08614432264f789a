//! Cookies: split as browsers join them, never decoded, each malformed pair dropped alone.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use cookie::Cookie;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::super::{InputRules, InputSettings, Inputs, read_inputs};
use crate::domain::request::{NormalPath, RequestView};

static ROOT: LazyLock<NormalPath> = LazyLock::new(|| NormalPath::read("/").unwrap());

fn lines(lines: &[&[u8]]) -> HeaderMap {
    lines
        .iter()
        .map(|line| (COOKIE, HeaderValue::from_bytes(line).unwrap()))
        .collect()
}

/// Reads the cookies of a request over https, or over a listener without `Secure`.
fn read<'a>(headers: &'a HeaderMap, settings: &InputSettings, insecure: bool) -> Inputs<'a> {
    let view = RequestView {
        method: "GET",
        path: &ROOT,
        query: None,
        host: "shop.example",
        headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: !insecure,
        insecure_cookies: insecure,
        trace: None,
    };
    read_inputs(&view, &InputRules::try_new(settings).unwrap())
}

fn with_defaults(headers: &HeaderMap) -> Inputs<'_> {
    read(headers, &InputSettings::default(), false)
}

#[test]
fn tokens_are_found_in_every_line_and_crumb() {
    for (cookie_lines, tokens) in [
        (&["vtex_session=A"][..], &["A"][..]),
        (&["a=1", "vtex_session=A"], &["A"]),
        (&["a=1", "vtex_session=A", "b=2"], &["A"]),
        (
            &["vtex_session=A; vtex_session=B", "vtex_session=C"],
            &["A", "B", "C"],
        ),
        (&["vtex_session=A;x=1;vtex_session=B"], &["A", "B"]),
        (&[" \t vtex_session \t= \tA\t ;"], &["A"]),
        (&["vtex_session=a=b"], &["a=b"]),
        (&["vtex_session=%41"], &["%41"]),
        (&["vtex_session=\"A\""], &["\"A\""]),
        (&["vtex_session="], &[""]),
        (&["$Version=1; vtex_session=\"A; x=1; y=2\"; z=3"], &["\"A"]),
        (&["a=1, vtex_session=A"], &[]),
        (&["VTEX_SESSION=A"], &[]),
        (&["vtex-session=A"], &[]),
        (&["xvtex_session=A"], &[]),
        (&["\u{2000}vtex_session=A"], &[]),
        (&["vtex_session\u{a0}=A"], &[]),
        (&["%76tex_session=A"], &[]),
        (&["vtex_session"], &[]),
        (&[], &[]),
    ] {
        let bytes: Vec<&[u8]> = cookie_lines.iter().map(|line| line.as_bytes()).collect();
        let headers = lines(&bytes);
        assert_eq!(with_defaults(&headers).tokens, tokens, "{cookie_lines:?}");
    }
}

#[test]
fn a_malformed_pair_is_dropped_alone() {
    for (line, dropped, tokens) in [
        (
            &b"vtex_session=A; junk; vtex_session=B"[..],
            1,
            &["A", "B"][..],
        ),
        (b"=x; vtex_session=A", 1, &["A"]),
        (b" =; ; ;; vtex_session=A;", 1, &["A"]),
        (b"x=\xff; vtex_session=A", 1, &["A"]),
        (b"vtex_session=\xff; vtex_session=A", 1, &["A"]),
        (b"\xff=1; vtex_session=A", 1, &["A"]),
        (b"vtex_session=\xc2\x85; vtex_session=A", 1, &["A"]),
        (b"x=\xc3\xa9; vtex_session=A", 0, &["A"]),
    ] {
        let headers = lines(&[line]);
        let inputs = with_defaults(&headers);
        assert_eq!(inputs.dropped_pairs, dropped, "{}", line.escape_ascii());
        assert_eq!(inputs.tokens, tokens, "{}", line.escape_ascii());
    }
}

#[test]
fn captured_cookies_are_sorted_and_the_last_of_a_name_wins() {
    let headers = lines(&[
        b"VtexIdclientAutCookie_b=1; vtex-impersonated-customer-email=x%40y; other=2",
        b"VtexIdclientAutCookie=3; VtexIdclientAutCookie_b=4; VtexIdclientAutCookie=5",
        b"vtexidclientautcookie=6; VtexIdclientAutCookie_=; VtexIdclientAutCookiE=7",
    ]);
    assert_eq!(
        with_defaults(&headers).captured,
        [
            ("VtexIdclientAutCookie", "5"),
            ("VtexIdclientAutCookie_", ""),
            ("VtexIdclientAutCookie_b", "4"),
            ("vtex-impersonated-customer-email", "x%40y"),
        ]
    );
}

#[test]
fn names_that_can_be_no_field_are_not_captured() {
    let long = format!("VtexIdclientAutCookie_{}=1", "x".repeat(128));
    let headers = lines(&[long.as_bytes(), b"VtexIdclientAutCookie_\\=1"]);
    assert_eq!(with_defaults(&headers).captured, []);
}

#[test]
fn a_session_token_is_never_captured_and_counts_under_its_listeners_name_only() {
    let settings = InputSettings {
        cookies: vec![".*".to_owned()],
        session_cookies: vec!["__Host-vtex_session".to_owned(), "vtex_session".to_owned()],
        ..InputSettings::default()
    };
    let headers = lines(&[b"__Host-vtex_session=A; vtex_session=B; x=1"]);
    for (insecure, token) in [(false, "A"), (true, "B")] {
        let inputs = read(&headers, &settings, insecure);
        assert_eq!(inputs.tokens, [token]);
        assert_eq!(inputs.captured, [("x", "1")]);
    }
}

#[test]
fn the_order_form_is_the_ofid_part_of_the_cart_cookie() {
    let long = format!("checkout.vtex.com=__ofid={}", "x".repeat(65));
    for (line, id) in [
        ("checkout.vtex.com=__ofid=0a1b2c", Some("0a1b2c")),
        ("checkout.vtex.com=x=1&__ofid=0a1b2c&y=2", Some("0a1b2c")),
        (
            "checkout.vtex.com=__ofid=a; checkout.vtex.com=__ofid=b",
            Some("b"),
        ),
        (
            "checkout.vtex.com=__ofid=a; checkout.vtex.com=junk",
            Some("a"),
        ),
        ("checkout.vtex.com=__ofid=", None),
        ("checkout.vtex.com=__ofid=a b", None),
        ("checkout.vtex.com=__ofid=é", None),
        ("checkout.vtex.com=xx__ofid=a", None),
        ("checkout_vtex_com=__ofid=a", None),
        (long.as_str(), None),
    ] {
        let headers = lines(&[line.as_bytes()]);
        assert_eq!(with_defaults(&headers).order_form, id, "{line}");
    }
}

#[test]
fn pairs_past_the_limit_are_ignored_and_never_cut_in_two() {
    for (cookie_lines, limit, tokens, cut) in [
        (&["vtex_session=A; b=2"][..], 19, &["A"][..], false),
        (&["vtex_session=A; b=2"], 18, &["A"], true),
        (&["vtex_session=A; b=2"], 14, &["A"], true),
        (&["vtex_session=A; b=2"], 13, &[], true),
        (&["vtex_session=AA"], 14, &[], true),
        (&["b=2", "vtex_session=A"], 19, &["A"], false),
        (&["b=2", "vtex_session=A"], 18, &[], true),
        (&["b=2", "vtex_session=A;c=3"], 19, &["A"], true),
        (&["b=2222", "c=3", "vtex_session=A"], 4, &[], true),
        (&["b=2", ""], 3, &[], false),
    ] {
        let bytes: Vec<&[u8]> = cookie_lines.iter().map(|line| line.as_bytes()).collect();
        let headers = lines(&bytes);
        let settings = InputSettings {
            cookie_header_bytes: limit,
            ..InputSettings::default()
        };
        let inputs = read(&headers, &settings, false);
        assert_eq!(inputs.tokens, tokens, "{cookie_lines:?} {limit}");
        assert_eq!(inputs.cookies_cut, cut, "{cookie_lines:?} {limit}");
    }
}

#[test]
fn a_bloated_header_is_cut_at_sixteen_kibibytes() {
    let bloat = format!("a={}; vtex_session=A", "A".repeat(100_000));
    let headers = lines(&[b"vtex_session=B", bloat.as_bytes()]);
    let inputs = with_defaults(&headers);
    assert_eq!((inputs.tokens, inputs.cookies_cut), (vec!["B"], true));
}

#[test]
fn debug_output_never_shows_values() {
    let headers = lines(&[b"vtex_session=secret; VtexIdclientAutCookie=secret"]);
    let shown = format!("{:?}", with_defaults(&headers));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn cookies_that_are_not_ours_cost_no_allocation() {
    let crumbs: Vec<String> = (0..200).map(|at| format!("other{at}=value{at}")).collect();
    let line = crumbs.join("; ");
    let headers = lines(&[line.as_bytes()]);
    let view = RequestView {
        method: "GET",
        path: &ROOT,
        query: Some("page=2&order=price&q=red+shoes"),
        host: "shop.example",
        headers: &headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: true,
        insecure_cookies: false,
        trace: None,
    };
    let rules = InputRules::try_new(&InputSettings::default()).unwrap();
    let count = allocation_counter::measure(|| {
        assert!(read_inputs(&view, &rules).captured.is_empty());
    });
    assert_eq!(count.count_total, 0);
}

fn capture_everything() -> InputSettings {
    InputSettings {
        cookies: vec![".*".to_owned()],
        cookie_header_bytes: usize::MAX,
        ..InputSettings::default()
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(
        cookie_lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        limit in 1usize..200,
    ) {
        let headers: HeaderMap = cookie_lines
            .iter()
            .filter_map(|line| HeaderValue::from_bytes(line).ok())
            .map(|line| (COOKIE, line))
            .collect();
        let settings = InputSettings { cookie_header_bytes: limit, ..capture_everything() };
        let inputs = read(&headers, &settings, false);
        prop_assert!(inputs.captured.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn valid_cookies_are_read_as_the_cookie_crate_reads_them(
        pairs in prop::collection::vec(
            ("[a-c!#$%&'*+.^_`|~-]{1,3}", "[!#-+--:<-\\[\\]-~]{0,8}|\"[a-z]{0,4}\""),
            0..12,
        ),
        separator in prop::sample::select(vec!["; ", ";", " ;\t"]),
    ) {
        let line = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(separator);
        let mut expected: Vec<(String, String)> = Vec::new();
        for cookie in Cookie::split_parse(line.as_str()).map(Result::unwrap) {
            expected.retain(|(name, _)| name != cookie.name());
            expected.push((cookie.name().to_owned(), cookie.value().to_owned()));
        }
        expected.sort();
        let headers = lines(&[line.as_bytes()]);
        let inputs = read(&headers, &capture_everything(), false);
        let captured: Vec<(String, String)> = inputs
            .captured
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(captured, expected);
        prop_assert_eq!(inputs.dropped_pairs, 0);
    }

    #[test]
    fn crumbs_and_one_line_say_the_same(
        pairs in prop::collection::vec("[ab=; \u{e9}]{0,6}", 0..10),
    ) {
        let joined = pairs.join("; ");
        let bytes: Vec<&[u8]> = pairs.iter().map(String::as_bytes).collect();
        let (crumbs, line) = (lines(&bytes), lines(&[joined.as_bytes()]));
        let settings = capture_everything();
        prop_assert_eq!(read(&crumbs, &settings, false), read(&line, &settings, false));
    }
}
