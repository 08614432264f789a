//! The Cookie header as the upstream gets it: one line, without the cookies that are ours.

use std::fmt;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::pairs::{Piece, name_in, pieces, trim};

/// What becomes of the Cookie header on the way to the upstream.
#[derive(Clone, PartialEq, Eq)]
pub enum UpstreamCookie {
    /// One line, nothing to drop: it goes as it came.
    Unchanged,
    /// None came, or nothing is left.
    Absent,
    /// This one line in place of all.
    Line(HeaderValue),
}

/// Never the line: it holds tokens.
impl fmt::Debug for UpstreamCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "Unchanged",
            Self::Absent => "Absent",
            Self::Line(_) => "Line(..)",
        })
    }
}

/// Joins all Cookie lines and crumbs with `"; "` (RFC 9113, section 8.2.3), without the pairs whose
/// name is to be dropped. Every other pair is kept byte for byte and in order, malformed ones and
/// those past the size limit too.
pub fn upstream_cookie(headers: &HeaderMap, drop: impl Fn(&[u8]) -> bool) -> UpstreamCookie {
    let lines = || headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let (count, room) = lines().fold((0, 0), |(count, room), line| {
        (count + 1, room + line.len() + 2)
    });
    if count == 0 {
        return UpstreamCookie::Absent;
    }
    // Written down before it is known that anything has to go: of shoppers who return, our own has.
    let mut joined = Vec::with_capacity(room);
    let mut unchanged = count == 1;
    for piece in lines().flat_map(pieces) {
        if drop(name_of(piece)) {
            unchanged = false;
            continue;
        }
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(piece.bytes());
    }
    if unchanged {
        return UpstreamCookie::Unchanged;
    }
    if joined.is_empty() {
        return UpstreamCookie::Absent;
    }
    // Parts of header values joined by a semicolon are one; if ever not, no cookie goes on.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(joined))
        .map_or(UpstreamCookie::Absent, UpstreamCookie::Line)
}

/// The name that some server could see in a piece: `=vtex_session=x` and a bare `vtex_session` are
/// nameless to browsers, and ours to lenient parsers.
fn name_of(piece: Piece<'_>) -> &[u8] {
    if let Some(name) = piece.name() {
        return name;
    }
    let bytes = piece.bytes();
    let value = trim(bytes.strip_prefix(b"=").unwrap_or(bytes));
    name_in(value).unwrap_or(value)
}
