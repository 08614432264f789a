//! Recognising our own cookies in what others write.

use super::CookieSettings;

/// Whether browsers keep a cookie of this name to one host, so that no sibling can set it.
pub fn is_host_bound(name: &str) -> bool {
    has_prefix(name.as_bytes(), "__Host-")
}

/// Browsers compare name prefixes without case (RFC 6265bis, section 5.6).
pub(super) fn has_prefix(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// Whether an upstream's `Set-Cookie` line would set one of our cookies, and has to be dropped.
///
/// A nameless cookie whose value reads `name=…` counts: browsers send it back as if it were ours.
pub fn sets_own_cookie(settings: &CookieSettings, line: &[u8]) -> bool {
    let pair = line.split(|&b| b == b';').next().unwrap_or_default();
    let (name, value) = split_pair(pair);
    let name = if name.is_empty() {
        split_pair(value).0
    } else {
        name
    };
    [&settings.session, &settings.segment]
        .into_iter()
        .any(|own| own.as_bytes() == name)
}

/// Name and value as browsers split them; a pair without `=` has no name.
fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'=', pair).and_then(|at| pair.split_at_checked(at)) {
        Some((name, rest)) => (
            name.trim_ascii(),
            rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii(),
        ),
        None => (b"", pair.trim_ascii()),
    }
}
