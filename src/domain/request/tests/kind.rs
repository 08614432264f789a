//! Kinds of requests, crawlers and origins, as headers tell them.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::super::{CRAWLERS, Crawlers, NormalPath, RequestView};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

/// A GET of `https://shop.example/` with these headers.
fn with<T>(pairs: &[(&str, &str)], read: impl Fn(RequestView<'_>) -> T) -> T {
    let headers = headers(pairs);
    read(RequestView {
        method: "GET",
        path: &NormalPath::read("/").unwrap(),
        query: None,
        host: "shop.example",
        headers: &headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: true,
        insecure_cookies: false,
        trace: None,
    })
}

#[test]
fn page_loads_are_told_from_calls_of_scripts() {
    const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (pairs, expected) in [
        (&[][..], false),
        (&[("accept", PAGE)], true),
        (&[("accept", "*/*")], false),
        (&[("accept", "application/json")], false),
        (&[("accept", "TEXT/HTML;q=0.5")], true),
        (&[("accept", "text/html;q=0, */*")], false),
        (
            &[("accept", PAGE), ("x-requested-with", "XMLHttpRequest")],
            false,
        ),
        (
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            true,
        ),
        (&[("sec-fetch-mode", "navigate")], true),
        (
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
                ("accept", PAGE),
            ],
            false,
        ),
        (&[("sec-fetch-mode", "cors"), ("accept", PAGE)], false),
    ] {
        assert_eq!(with(pairs, |r| r.navigation()), expected, "{pairs:?}");
    }
}

#[test]
fn only_its_own_pages_and_nobody_count_as_same_origin() {
    for (pairs, expected) in [
        (&[][..], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "")], false),
        (
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            false,
        ),
    ] {
        assert_eq!(
            with(pairs, |r| r.same_origin_or_direct()),
            expected,
            "{pairs:?}"
        );
        assert_eq!(with(pairs, |r| r.browser()), !pairs.is_empty());
    }
}

#[test]
fn prefetches_and_upgrades_are_recognised() {
    for (pairs, prefetch, upgrade) in [
        (&[][..], false, false),
        (&[("sec-purpose", "prefetch;prerender")], true, false),
        (&[("purpose", "Prefetch")], true, false),
        (&[("purpose", "preview")], false, false),
        (
            &[
                ("upgrade", "WebSocket"),
                ("connection", "keep-alive, Upgrade"),
            ],
            false,
            true,
        ),
        (&[("upgrade", "websocket")], false, false),
        (
            &[("upgrade", "h2c"), ("connection", "upgrade")],
            false,
            false,
        ),
    ] {
        assert_eq!(with(pairs, |r| r.prefetch()), prefetch, "{pairs:?}");
        assert_eq!(with(pairs, |r| r.upgrade()), upgrade, "{pairs:?}");
    }
}

#[test]
fn crawlers_are_told_from_shoppers() {
    let tokens: Vec<String> = CRAWLERS.iter().map(|&token| token.to_owned()).collect();
    let crawlers = Crawlers::new(&tokens);
    for (agent, expected) in [
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            true,
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/1",
            true,
        ),
        ("facebookexternalhit/1.1", true),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0)", true),
        ("Mozilla/5.0 (Linux; Android 10) PetalBot;+https://x", true),
        ("GPTBOT/1.2", true),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
            false,
        ),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Mobile Safari/537.36",
            false,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) [Pinterest/iOS]",
            false,
        ),
        ("", false),
        ("bo", false),
    ] {
        assert_eq!(
            with(&[("user-agent", agent)], |r| r.crawler(&crawlers)),
            expected,
            "{agent}"
        );
    }
    assert!(!with(&[], |r| r.crawler(&crawlers)));
    for (token, agent, found) in [
        ("", "x", false),
        ("x", "Ux", true),
        ("x", "aX", true),
        ("xy", "ax", false),
        ("xy", "aXy", true),
        ("xy", "x", false),
        ("xyz", "xyXYZ", true),
    ] {
        let crawlers = Crawlers::new(&[token.to_owned()]);
        let known = with(&[("user-agent", agent)], |r| r.crawler(&crawlers));
        assert_eq!(known, found, "{token:?} in {agent:?}");
    }
    assert!(tokens.iter().all(|token| *token == token.to_lowercase()));
}

#[test]
fn only_a_page_of_this_host_is_a_way_back() {
    for (referer, path) in [
        ("https://shop.example/cart?x=1#top", Some("/cart?x=1")),
        ("https://SHOP.example:443/cart", Some("/cart")),
        ("https://shop.example", Some("/")),
        ("https://shop.example#x", Some("/")),
        ("http://shop.example/cart", None),
        ("https://evil.example/cart", None),
        ("https://shop.example.evil/cart", None),
        ("https://shop.example@evil/cart", None),
        ("https://shop.example:8443/cart", None),
        ("https://shop.example//evil.example", None),
        ("https://shop.example/\\evil.example", None),
        ("https://shop.example\\evil.example", None),
        ("https://shop.example?x=1", None),
        ("https://shop.example/a\tb", None),
        ("/cart", None),
        ("about:blank", None),
        ("", None),
    ] {
        let host = ("host", "shop.example");
        let read = with(&[host, ("referer", referer)], |r| {
            r.referer_path().map(str::to_owned)
        });
        assert_eq!(read.as_deref(), path, "{referer}");
    }
}

#[test]
fn an_origin_is_ours_by_scheme_host_and_the_port_that_the_host_header_says() {
    for (host, origin, own) in [
        (Some("shop.example"), "https://shop.example", true),
        (Some("shop.example"), "https://shop.example:443", true),
        (Some("shop.example"), "https://shop.example:8443", false),
        (Some("shop.example:8443"), "https://shop.example:8443", true),
        (Some("shop.example:8443"), "https://shop.example", false),
        (None, "https://shop.example:8443", true),
        (Some("inside.example"), "https://shop.example:8443", true),
        (Some("shop.example"), "http://shop.example", false),
        (Some("shop.example"), "https://shop.example/", false),
        (Some("shop.example"), "null", false),
    ] {
        let mut pairs = vec![("origin", origin)];
        pairs.extend(host.map(|host| ("host", host)));
        let said = with(&pairs, |r| r.is_own_origin(r.origin().unwrap()));
        assert_eq!(said, own, "{host:?} {origin}");
    }
}

#[test]
fn debug_output_never_shows_headers() {
    let shown = with(&[("cookie", "vtex_session=secret")], |r| format!("{r:?}"));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn methods_that_change_nothing_are_safe() {
    for (method, safe) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("POST", false),
        ("PATCH", false),
        ("get", false),
    ] {
        assert_eq!(
            with(&[], |r| RequestView { method, ..r }.safe_method()),
            safe
        );
    }
}

proptest! {
    #[test]
    fn a_token_is_found_wherever_it_stands_and_nothing_else_is(
        tokens in prop::collection::vec("[abc/]{0,5}", 0..5),
        agent in "[a-cA-C/; ]{0,24}",
    ) {
        let crawlers = Crawlers::new(&tokens);
        let lower = agent.to_lowercase();
        let expected = tokens.iter().any(|token| !token.is_empty() && lower.contains(token));
        let found = with(&[("user-agent", &agent)], |r| r.crawler(&crawlers));
        prop_assert_eq!(found, expected, "{:?} in {:?}", tokens, agent);
    }

    #[test]
    fn usual_tokens_are_found_inside_of_any_text(
        before in "[ -~]{0,40}",
        token in prop::sample::select(CRAWLERS),
        after in "[ -~]{0,40}",
    ) {
        let tokens: Vec<String> = CRAWLERS.iter().map(|&token| token.to_owned()).collect();
        let crawlers = Crawlers::new(&tokens);
        for agent in [format!("{before}{token}{after}"), format!("{before}{after}")] {
            let lower = agent.to_lowercase();
            let expected = CRAWLERS.iter().any(|token| lower.contains(token));
            let found = with(&[("user-agent", &agent)], |r| r.crawler(&crawlers));
            prop_assert_eq!(found, expected, "{:?}", agent);
        }
    }
}
