//! All header lines of a request, looked at once.

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;

use super::IngressError;
use crate::config::values::Limits;
use crate::domain::headers::{FOREIGN, OwnedNames, is_foreign};
use crate::domain::request::trace::state_stands;

/// What a client may not name in `Connection`: identity, routing or framing is decided by it.
const VITAL: [&str; 5] = [
    "host",
    "cookie",
    "authorization",
    "content-length",
    "content-type",
];

const TRACE_STATE: &str = "tracestate";

/// What one pass over the lines finds.
#[derive(Debug, Default)]
pub(super) struct Lines<'a> {
    count: usize,
    bytes: usize,
    hosts: Twice<'a>,
    lengths: Twice<'a>,
    codings: Twice<'a>,
    drops_vital: bool,
    /// How many names of ours there are.
    pub(super) ours: usize,
    /// Whether there is a vendors' part of a trace context.
    state: bool,
    /// Names of ours in every spelling, and what only trusted proxies may say.
    gone: Vec<HeaderName>,
}

/// Values of a header that may come once, as far as it matters how many there are.
type Twice<'a> = [Option<&'a HeaderValue>; 2];

impl<'a> Lines<'a> {
    pub(super) fn read(headers: &'a HeaderMap, owned: &OwnedNames, trusted: bool) -> Self {
        let mut lines = Self::default();
        for (name, value) in headers {
            lines.count += 1;
            lines.bytes += name.as_str().len() + value.len() + 4;
            if *name == HOST {
                note(&mut lines.hosts, value);
            } else if *name == CONTENT_LENGTH {
                note(&mut lines.lengths, value);
            } else if *name == TRANSFER_ENCODING {
                note(&mut lines.codings, value);
            } else if *name == CONNECTION {
                lines.drops_vital |= names_vital(value);
            } else {
                lines.judge(name, owned, trusted);
            }
        }
        lines
    }

    fn judge(&mut self, name: &HeaderName, owned: &OwnedNames, trusted: bool) {
        let text = name.as_str();
        let ours = owned.owns(text);
        // A trusted proxy speaks in the proper names; an alias of one came from the shopper.
        let claimed = !ours && is_foreign(text) && !(trusted && FOREIGN.contains(&text));
        if text == TRACE_STATE {
            self.state = true;
        }
        // Lines of one name come one after the other.
        if (ours || claimed) && self.gone.last() != Some(name) {
            self.ours += usize::from(ours);
            self.gone.push(name.clone());
        }
    }

    /// The method, sizes, then framing: one length, or one `chunked`, or none. Whatever else two
    /// parsers may read differently.
    pub(super) fn check(&self, head: &RequestHeader, limits: &Limits) -> Result<(), IngressError> {
        // Its target is no path that anything could be judged by.
        if head.method == Method::CONNECT {
            return Err(IngressError::Method);
        }
        if self.count > limits.header_count {
            // Over HTTP/2 each cookie may be a line of its own (RFC 9113 §8.2.3): all are one.
            let crumbs = head.headers.get_all(COOKIE).iter().count();
            if self.count - crumbs.saturating_sub(1) > limits.header_count {
                return Err(IngressError::TooManyHeaders);
            }
        }
        let line = head.method.as_str().len() + head.raw_path().len() + 12;
        if line + self.bytes > limits.head_bytes {
            return Err(IngressError::HeadTooLarge);
        }
        self.check_framing()
    }

    fn check_framing(&self) -> Result<(), IngressError> {
        let clear = match (self.lengths, self.codings) {
            ([None, _], [None, _]) => true,
            ([Some(length), None], [None, _]) => {
                !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit)
            }
            ([None, _], [Some(coding), None]) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
            _ => false,
        };
        if !clear {
            return Err(IngressError::Framing);
        }
        if self.drops_vital {
            return Err(IngressError::Connection);
        }
        Ok(())
    }

    /// The values of Host, two at most.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'a [u8]> {
        let hosts = self.hosts.into_iter().flatten();
        hosts.map(HeaderValue::as_bytes)
    }

    /// The names that are to be removed.
    pub(super) fn into_gone(mut self, headers: &HeaderMap) -> Vec<HeaderName> {
        if self.state && !state_stands(headers) {
            self.gone.push(HeaderName::from_static(TRACE_STATE));
        }
        self.gone
    }
}

/// Whether a method may go on to a store's server. TRACE would send cookies back to whoever reads the
/// answer (RFC 9110 §9.3.8). Methods are told apart by case (§9.1): a backend that is laxer would
/// take `get` for what was not judged as GET.
pub(super) fn goes_on(method: &Method) -> bool {
    match *method {
        Method::GET | Method::POST | Method::HEAD => true,
        Method::TRACE | Method::CONNECT => false,
        _ => !method
            .as_str()
            .bytes()
            .any(|byte| byte.is_ascii_lowercase()),
    }
}

fn note<'a>(values: &mut Twice<'a>, value: &'a HeaderValue) {
    let [first, second] = values;
    *(if first.is_none() { first } else { second }) = Some(value);
}

fn names_vital(connection: &HeaderValue) -> bool {
    let line = connection.to_str().unwrap_or_default();
    let mut names = line.split(',').map(str::trim);
    names.any(|name| VITAL.iter().any(|vital| name.eq_ignore_ascii_case(vital)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &HeaderMap) -> Result<(), IngressError> {
        Lines::read(headers, &OwnedNames::default(), false).check_framing()
    }

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn framing_that_two_parsers_may_read_differently_is_refused() {
        for lines in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5, 5")],
            &[("content-length", "+5")],
            &[("content-length", "")],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "identity, chunked")],
            &[("transfer-encoding", ",chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "xchunked")],
        ] {
            assert_eq!(check(&map(lines)), Err(IngressError::Framing), "{lines:?}");
        }
        for lines in [
            &[("content-length", "5")][..],
            &[("transfer-encoding", "Chunked")],
            &[],
        ] {
            assert_eq!(check(&map(lines)), Ok(()), "{lines:?}");
        }
    }

    #[test]
    fn methods_that_echo_or_open_tunnels_and_methods_in_lower_case_do_not_go_on() {
        for method in ["TRACE", "CONNECT", "get", "Post", "trace"] {
            assert!(!goes_on(&method.parse().unwrap()), "{method}");
        }
        for method in [
            "GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH",
        ] {
            assert!(goes_on(&method.parse().unwrap()), "{method}");
        }
    }

    #[test]
    fn a_client_cannot_ask_to_drop_what_decides_identity() {
        for names in ["cookie", "close, Authorization", "keep-alive,HOST"] {
            let headers = map(&[("connection", names)]);
            assert_eq!(check(&headers), Err(IngressError::Connection), "{names}");
        }
        assert_eq!(
            check(&map(&[("connection", "close, x-session-id")])),
            Ok(())
        );
    }
}
