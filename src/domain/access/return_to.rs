//! The way back after a login: relative, checked, never to another site.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest way back, in bytes; a longer one leads to the front page.
const LONGEST: usize = 2048;

/// Unreserved characters, and those that a path and query may show as they are.
const KEEP: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// Checks a way back: a path of this host. Anything else becomes `/`.
///
/// A browser reads `//host` and `/\host` as another site, and skips control characters before it
/// does.
pub fn read_return_to(path: &str) -> &str {
    let local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.starts_with("/\\")
        && path.len() <= LONGEST
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if local { path } else { "/" }
}

/// The login page with the way back as its `return_to`.
pub fn login_location(login_page: &str, return_to: &str) -> String {
    let back = utf8_percent_encode(read_return_to(return_to), KEEP);
    let separator = if login_page.contains('?') { '&' } else { '?' };
    format!("{login_page}{separator}return_to={back}")
}
