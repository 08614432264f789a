//! `Cache-Control` read and rewritten, so that no shared cache keeps a response with our cookies.

use std::borrow::Cow;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};

/// Headers by which caches in front of us are addressed past `Cache-Control` (RFC 9213 and its
/// predecessors); they have to leave a guarded response, or the guard is void there.
pub static TARGETED_CACHE_HEADERS: [HeaderName; 7] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("vercel-cdn-cache-control"),
    HeaderName::from_static("netlify-cdn-cache-control"),
    HeaderName::from_static("edge-control"),
    HeaderName::from_static("x-accel-expires"),
];

/// How far a response is kept out of caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheGuard {
    /// The browser may keep it, shared caches may not.
    Private,
    /// Nobody may keep it.
    NoStore,
}

impl CacheGuard {
    /// The guard of a response that carries our cookies.
    pub const fn of(authenticated: bool) -> Self {
        if authenticated {
            Self::NoStore
        } else {
            Self::Private
        }
    }
}

/// All `Cache-Control` lines of a message as one list.
pub fn read_cache_control(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let mut lines = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()));
    let first = lines.next()?;
    Some(lines.fold(first, |joined, line| {
        Cow::Owned(format!("{}, {line}", whole_quotes(&joined)))
    }))
}

/// Whether shared caches may keep a response: `public`, `s-maxage`, or `max-age`, without
/// `private` or `no-store` (contract §9).
///
/// `private` with field names keeps back those fields alone, and does not count.
pub fn shared_cacheable(cache_control: &str) -> bool {
    let mut invited = false;
    for directive in directives(cache_control) {
        if directive.is("no-store") || (directive.is("private") && directive.argument.is_none()) {
            return false;
        }
        invited |= ["public", "s-maxage", "max-age"]
            .into_iter()
            .any(|name| directive.is(name));
    }
    invited
}

/// The `Cache-Control` of a response that carries our cookies.
///
/// The guard comes first, where no unbalanced quote can swallow it; directives that speak against
/// it or make no sense beside it go; everything else stays as it was written.
pub fn guard_cache_control(current: Option<&str>, guard: CacheGuard) -> String {
    let mut guarded = String::from(match guard {
        CacheGuard::Private => "private",
        // Some caches know only one of the two.
        CacheGuard::NoStore => "private, no-store",
    });
    for directive in directives(current.unwrap_or_default()) {
        if !directive.contradicts(guard) && directive.is_sound() {
            guarded.push_str(", ");
            guarded.push_str(directive.text);
        }
    }
    guarded
}

/// Allowed by `private`, pointless or contrary beside `no-store`. `must-understand` above all: it
/// tells newer caches to disregard `no-store` (RFC 9111, section 5.2.2.3).
const STORING: [&str; 6] = [
    "max-age",
    "must-understand",
    "no-store",
    "immutable",
    "stale-while-revalidate",
    "stale-if-error",
];

struct Directive<'a> {
    text: &'a str,
    name: &'a str,
    argument: Option<&'a str>,
}

impl Directive<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn contradicts(&self, guard: CacheGuard) -> bool {
        let any = |names: &[&str]| names.iter().any(|name| self.is(name));
        any(&["public", "s-maxage", "private", "proxy-revalidate"])
            || (guard == CacheGuard::NoStore && any(&STORING))
    }

    /// Whether it can be repeated without doubt about where it ends.
    fn is_sound(&self) -> bool {
        closing_of(self.text).is_none()
            && !self.text.contains(|c: char| c.is_control() && c != '\t')
    }
}

/// The directives of a list; commas within quoted strings do not separate (RFC 9110, 5.6.4).
fn directives(list: &str) -> impl Iterator<Item = Directive<'_>> {
    let mut place = Place::Plain;
    list.split(move |c| {
        let separates = c == ',' && place == Place::Plain;
        place = place.after(c);
        separates
    })
    .map(str::trim)
    .filter(|text| !text.is_empty())
    .map(|text| match text.split_once('=') {
        Some((name, argument)) => Directive {
            text,
            name: name.trim_end(),
            argument: Some(argument.trim_start()),
        },
        None => Directive {
            text,
            name: text,
            argument: None,
        },
    })
}

/// Where in a header text one stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    Quoted,
    Escaped,
}

impl Place {
    const fn after(self, c: char) -> Self {
        match (self, c) {
            (Self::Plain, '"') | (Self::Escaped, _) => Self::Quoted,
            (Self::Quoted, '"') => Self::Plain,
            (Self::Quoted, '\\') => Self::Escaped,
            _ => self,
        }
    }
}

/// What closes a text that ends within a quoted string.
fn closing_of(text: &str) -> Option<&'static str> {
    match text.chars().fold(Place::Plain, Place::after) {
        Place::Plain => None,
        Place::Quoted => Some("\""),
        Place::Escaped => Some("\\\""),
    }
}

/// A line whose last quoted string ends, so that it cannot reach into the next line.
fn whole_quotes(line: &str) -> Cow<'_, str> {
    closing_of(line).map_or(Cow::Borrowed(line), |closing| {
        Cow::Owned(format!("{line}{closing}"))
    })
}
