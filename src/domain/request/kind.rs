//! What kind of request it is: a page load, a script's call, a prefetch, an upgrade.
//!
//! Browsers say it in fetch metadata; where those are missing, the older signs are read.

use http::HeaderName;

use super::RequestView;

// Made ahead: every request asks for these, and a name in text is parsed each time.
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static PREFETCH: [HeaderName; 2] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
];

impl RequestView<'_> {
    /// Whether a browser sent it: browsers alone may send `Sec-Fetch-Site`.
    pub fn browser(&self) -> bool {
        self.headers.contains_key(&SEC_FETCH_SITE)
    }

    /// Whether it loads a page of HTML into a tab, by any method.
    ///
    /// Without `Sec-Fetch-Mode` (older browsers, and plain http) a request counts that accepts
    /// HTML by name and has no `X-Requested-With`.
    pub fn navigation(&self) -> bool {
        let into_tab = self
            .header("sec-fetch-dest")
            .is_none_or(|dest| dest == "document");
        let navigates = match self.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => self.wants_html() && !self.headers.contains_key("x-requested-with"),
        };
        into_tab && navigates
    }

    /// Whether it accepts HTML by name; `*/*` does not count, every script sends that.
    pub fn wants_html(&self) -> bool {
        self.headers
            .get_all("accept")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(accepts_html)
    }

    /// Whether the browser only fetches ahead: nobody has looked at anything.
    pub fn prefetch(&self) -> bool {
        PREFETCH.iter().any(|name| {
            let value = self.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| {
                    value
                        .split([';', ','])
                        .any(|item| item.trim().eq_ignore_ascii_case("prefetch"))
                })
        })
    }

    /// Whether no other site started it: its own pages, the address bar, or no browser at all.
    pub fn same_origin_or_direct(&self) -> bool {
        // A value that is unreadable, or one of several, is not the browser's.
        let mut values = self.headers.get_all(&SEC_FETCH_SITE).iter();
        match (values.next(), values.next()) {
            (None, _) => true,
            (Some(site), None) => matches!(site.as_bytes(), b"same-origin" | b"none"),
            _ => false,
        }
    }

    /// Whether it asks for a WebSocket (RFC 6455, section 4.1).
    pub fn upgrade(&self) -> bool {
        self.lists_token("upgrade", "websocket") && self.lists_token("connection", "upgrade")
    }

    /// Whether its method is safe (RFC 9110, section 9.2.1).
    pub fn safe_method(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }
}

/// Whether one media range names HTML and is not refused by a weight of zero.
fn accepts_html(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let html = parts.next().is_some_and(|media| {
        media.eq_ignore_ascii_case("text/html")
            || media.eq_ignore_ascii_case("application/xhtml+xml")
    });
    html && !parts.any(is_zero_weight)
}

fn is_zero_weight(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, weight)| {
        name.eq_ignore_ascii_case("q") && weight.parse::<f32>().is_ok_and(|q| q <= 0.0)
    })
}
