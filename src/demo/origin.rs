//! Whether a form was sent from a page of this shop. Guards every unsafe request of the demo.

use http::header::{HOST, ORIGIN, REFERER};
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Says whether a POST may act: it came from a page of this shop, or from no browser at all.
///
/// Browsers name the origin of every POST; only a client without pages (a test, a command line)
/// sends none of the three headers, and such a client carries nobody's cookies by accident.
pub(super) fn from_our_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return false;
    }
    let mut named = headers.get_all(ORIGIN).iter();
    let (origin, second) = (named.next(), named.next());
    if second.is_some() {
        return false;
    }
    let Some(source) = origin.or_else(|| headers.get(REFERER)) else {
        return true;
    };
    source
        .to_str()
        .ok()
        .and_then(|text| Url::parse(text).ok())
        .is_some_and(|page| is_ours(&page, headers))
}

fn is_ours(page: &Url, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("x-forwarded-proto").is_some_and(|scheme| scheme != page.scheme()) {
        return false;
    }
    // The first of a list is the one that the browser asked for.
    let asked = text("x-forwarded-host").or_else(|| text(HOST.as_str()));
    let Some(asked) = asked.and_then(|list| list.split(',').next()) else {
        return false;
    };
    let Ok(ours) = Url::parse(&format!("{}://{}/", page.scheme(), asked.trim())) else {
        return false;
    };
    // A proxy may forward the host without its port; `Sec-Fetch-Site` tells ports apart then.
    let same_port =
        !names_port(asked) || ours.port_or_known_default() == page.port_or_known_default();
    ours.host().is_some() && ours.host() == page.host() && same_port
}

fn names_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn judged(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        from_our_page(&headers)
    }

    #[test]
    fn our_own_pages_may_act() {
        let shop = ("x-forwarded-host", "127.0.0.1:8080");
        assert!(judged(&[shop, ("origin", "http://127.0.0.1:8080")]));
        assert!(judged(&[
            shop,
            ("referer", "http://127.0.0.1:8080/login?a=b")
        ]));
        assert!(judged(&[
            shop,
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://127.0.0.1:8080")
        ]));
        assert!(judged(&[
            ("x-forwarded-host", "shop.example:443"),
            ("origin", "https://shop.example")
        ]));
        assert!(judged(&[
            ("x-forwarded-host", "Shop.Example"),
            ("origin", "https://shop.example")
        ]));
        assert!(judged(&[
            ("x-forwarded-host", "[::1]:8080"),
            ("origin", "http://[::1]:8080")
        ]));
        assert!(judged(&[
            ("host", "127.0.0.1:8081"),
            ("origin", "http://127.0.0.1:8081")
        ]));
    }

    #[test]
    fn a_client_without_pages_may_act() {
        assert!(judged(&[("host", "127.0.0.1:8080")]));
    }

    #[test]
    fn other_sites_may_not() {
        let shop = ("x-forwarded-host", "127.0.0.1:8080");
        for lines in [
            &[shop, ("origin", "https://evil.example")][..],
            &[shop, ("origin", "null")],
            &[shop, ("origin", "http://127.0.0.1:9999")],
            &[shop, ("origin", "http://127.0.0.1:8080.evil.example")],
            &[shop, ("origin", "http://127.0.0.1:8080@evil.example")],
            &[
                shop,
                ("origin", "http://127.0.0.1:8080"),
                ("origin", "http://evil.example"),
            ],
            &[
                shop,
                ("referer", "https://evil.example/http://127.0.0.1:8080/"),
            ],
            &[
                shop,
                ("origin", "http://127.0.0.1:8080"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[shop, ("sec-fetch-site", "same-site")],
            &[
                ("x-forwarded-host", "shop.example"),
                ("x-forwarded-proto", "https"),
                ("origin", "http://shop.example"),
            ],
            &[("origin", "http://127.0.0.1:8080")],
            &[
                ("x-forwarded-host", "evil.example/?"),
                ("origin", "http://127.0.0.1:8080"),
            ],
        ] {
            assert!(!judged(lines), "{lines:?}");
        }
    }
}
