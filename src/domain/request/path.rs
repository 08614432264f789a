//! The path that every decision is taken on: one normal form, or a refusal.
//!
//! It never repairs a path: the raw one goes upstream, so a repaired one would be a guess.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

/// What a normal form may hold and a path in a URL may not.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'^')
    .add(b'|');

/// A request's path in normal form: every percent escape decoded once, case and trailing slash
/// kept.
///
/// The upstream gets the raw path. A path that some origin could read as another path than this
/// one is therefore refused, never matched: dot segments and empty segments, however they are
/// spelled; an encoded separator (`%2f %5c %3b %3f %23`) or a raw `\`, `;`, `#`; an escape that
/// still reads as an escape after one decoding; broken escapes; control characters; escapes that
/// make no UTF-8 (overlong forms among them); raw bytes outside ASCII. Case counts: an origin that
/// ignores it needs routes for both.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NormalPath(String);

/// Why a path has no normal form; each is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// It does not begin with a slash (`*` is for OPTIONS alone).
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// There is a `.` or `..` segment, or one that file systems read as such.
    #[error("the path has a dot segment")]
    DotSegment,
    /// There are two slashes in a row.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// A separator of paths, parameters, queries or fragments is encoded or out of place.
    #[error("the path has a separator that servers read in different ways")]
    Separator,
    /// There is a control character or a space, raw; or a control character, encoded.
    #[error("the path has a control character")]
    Control,
    /// A `%` has no two hexadecimal digits behind it.
    #[error("the path has a broken percent escape")]
    BrokenEscape,
    /// What one decoding leaves can be decoded again.
    #[error("the path is encoded twice")]
    DoubleEncoding,
    /// The bytes are no UTF-8, or are outside ASCII without being escaped.
    #[error("the path is not escaped UTF-8")]
    NotUtf8,
}

impl NormalPath {
    /// Reads a raw path, without its query.
    pub fn read(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let escaped = check_raw(raw)?;
        let path = if escaped {
            decode(raw)?
        } else {
            raw.to_owned()
        };
        check_segments(&path)?;
        Ok(Self(path))
    }

    /// Reads the path of a request: as [`Self::read`], and `*` for OPTIONS (RFC 9112, section
    /// 3.2.4).
    pub fn read_for(method: &str, raw: &str) -> Result<Self, PathError> {
        if raw == "*" && method == "OPTIONS" {
            return Ok(Self(raw.to_owned()));
        }
        Self::read(raw)
    }

    /// The normal form, decoded: for matching, never to be sent anywhere.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as a URL has it, escaped once: for a way back. Reads as this path again.
    pub fn escaped(&self) -> Cow<'_, str> {
        utf8_percent_encode(&self.0, ESCAPED).into()
    }

    /// The normal form without its trailing slash; `/` stays.
    pub fn trimmed(&self) -> &str {
        without_slash(&self.0)
    }

    /// Whether whole segments make up `prefix`: `/api` takes in `/api`, `/api/` and `/api/x`, not
    /// `/apix`. A slash at the prefix's end changes nothing; `/` takes in every path.
    pub fn starts_with_segment(&self, prefix: &str) -> bool {
        self.below(prefix).is_some()
    }

    /// What follows `prefix`, as [`Self::starts_with_segment`] sees it: empty, or with a slash in
    /// front.
    pub fn below(&self, prefix: &str) -> Option<&str> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let rest = self.0.strip_prefix(prefix)?;
        (prefix.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

fn without_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(rest) => rest,
    }
}

/// Checks the bytes as they came; says whether there are escapes.
fn check_raw(raw: &str) -> Result<bool, PathError> {
    let mut escaped = false;
    for byte in raw.bytes() {
        match byte {
            0..=b' ' | 0x7f => return Err(PathError::Control),
            0x80.. => return Err(PathError::NotUtf8),
            b'\\' | b';' | b'?' | b'#' => return Err(PathError::Separator),
            b'%' => escaped = true,
            _ => {}
        }
    }
    Ok(escaped)
}

/// Decodes once, refusing every escape whose meaning servers disagree on.
fn decode(raw: &str) -> Result<String, PathError> {
    for escape in raw.split('%').skip(1) {
        let byte = escape
            .get(..2)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(PathError::BrokenEscape)?;
        if matches!(byte, b'/' | b'\\' | b';' | b'?' | b'#') {
            return Err(PathError::Separator);
        }
    }
    let path = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| PathError::NotUtf8)?
        .into_owned();
    if path.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    if path.split('%').skip(1).any(reads_as_escape) {
        return Err(PathError::DoubleEncoding);
    }
    Ok(path)
}

/// Whether what follows a `%` makes an escape of it, also in the `%uXXXX` form of some servers.
fn reads_as_escape(after: &str) -> bool {
    let hex = |text: &str, digits: usize| {
        text.len() >= digits && text.bytes().take(digits).all(|b| b.is_ascii_hexdigit())
    };
    hex(after, 2)
        || after
            .strip_prefix(['u', 'U'])
            .is_some_and(|rest| hex(rest, 4))
}

fn check_segments(path: &str) -> Result<(), PathError> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(PathError::EmptySegment);
        }
        // Some file systems drop spaces and dots at a name's end, so `.. ` and `...` count too.
        let dots = segment.contains('.') && segment.bytes().all(|b| matches!(b, b'.' | b' '));
        if dots {
            return Err(PathError::DotSegment);
        }
    }
    Ok(())
}

/// Never the path itself: the Session API has tokens in it.
impl fmt::Debug for NormalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NormalPath(..)")
    }
}
