//! Who asks, and who may be named.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName};

use crate::domain::api::{AllowedOrigins, Cors};
use crate::domain::request::{NormalPath, RequestView};

const ALLOWED: &str = "https://www.example.com";

/// Lets a request with these headers be looked at.
fn look<T>(headers: &HeaderMap, secure: bool, at: impl FnOnce(&RequestView<'_>) -> T) -> T {
    let path = NormalPath::read("/api/sessions").unwrap();
    at(&RequestView {
        method: "POST",
        path: &path,
        query: None,
        host: "shop.example",
        headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure,
        insecure_cookies: false,
        trace: None,
    })
}

fn read(lines: &[(&'static str, &str)], secure: bool) -> (Cors, bool) {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let mut allowed = AllowedOrigins::default();
    allowed.add(ALLOWED).unwrap();
    look(&headers, secure, |request| {
        (Cors::read(request, &allowed), request.own_page())
    })
}

#[test]
fn own_pages_allowed_origins_and_all_others_are_told_apart() {
    let named = Cors::Allowed(ALLOWED.parse().unwrap());
    for (lines, cors, own_page) in [
        (&[][..], Cors::Own, false),
        (&[("origin", "https://shop.example")], Cors::Own, true),
        (&[("origin", "http://shop.example")], Cors::Foreign, false),
        (&[("origin", ALLOWED)], named.clone(), false),
        (
            &[("origin", ALLOWED), ("sec-fetch-site", "cross-site")],
            named,
            false,
        ),
        (&[("origin", "null")], Cors::Foreign, false),
        (&[("sec-fetch-site", "same-origin")], Cors::Own, true),
        (&[("sec-fetch-site", "none")], Cors::Own, false),
        (&[("sec-fetch-site", "same-site")], Cors::Foreign, false),
        (&[("sec-fetch-site", "")], Cors::Foreign, false),
        (&[("referer", "https://shop.example/p")], Cors::Own, true),
        (&[("referer", "https://evil.example/")], Cors::Own, false),
        (
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "same-origin"),
            ],
            Cors::Foreign,
            false,
        ),
    ] {
        assert_eq!(read(lines, true), (cors, own_page), "{lines:?}");
    }
}

#[test]
fn an_origin_that_is_no_text_is_nobodys() {
    let mut headers = HeaderMap::new();
    headers.insert("origin", http::HeaderValue::from_bytes(b"\xff").unwrap());
    let cors = look(&headers, true, |request| {
        Cors::read(request, &AllowedOrigins::default())
    });
    assert_eq!(cors, Cors::Foreign);
}

#[test]
fn only_what_a_browser_would_send_can_be_named() {
    let mut origins = AllowedOrigins::default();
    for good in [
        "https://a.example",
        "http://localhost:3000",
        "https://[::1]:8443",
    ] {
        assert!(origins.add(good).is_ok(), "{good}");
        assert!(origins.contains(good));
    }
    for bad in [
        "",
        "*",
        "null",
        "a.example",
        "https://a.example/",
        "https://a.example/p",
        "https://A.example",
        "https://a.example:443",
        "ftp://a.example",
        "https://u@a.example",
        "https://*.example",
    ] {
        assert!(origins.add(bad).is_err(), "{bad}");
    }
}
