//! The console: static files in the program, served to whoever asks. They hold nothing; what they
//! show comes from the JSON API, which asks who wants it (contract §16).

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// Scripts and styles from here alone, none within a page; requests to this listener alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// What every answer of the console says beside its content.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // Asked for again each time, so that the files of two versions never meet in one page.
    (CACHE_CONTROL, "no-cache"),
];

const FIRST: &str = "index.html";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("console/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "api.js",
    "apps.js",
    "chart.js",
    "configuration.js",
    "console.css",
    "cycles.js",
    "dialog.js",
    "dom.js",
    "ended.js",
    "explain.js",
    "graph.js",
    "icon.svg",
    "index.html",
    "keys.js",
    "latest.js",
    "layout.js",
    "live.js",
    "login.js",
    "main.js",
    "overview.js",
    "pages.js",
    "rows.js",
    "session.js",
    "sessions.js",
    "theme.js",
    "why.js",
    "words.js",
];

/// One file, as it is served.
#[derive(Debug)]
struct File {
    name: &'static str,
    text: &'static str,
    kind: &'static str,
    /// An entity tag with its quotes: a hash of the text.
    tag: String,
}

static SERVED: LazyLock<Vec<File>> = LazyLock::new(|| {
    let file = |&(name, text): &(&'static str, &'static str)| File {
        name,
        text,
        kind: kind_of(name),
        tag: tag_of(text),
    };
    FILES.iter().map(file).collect()
});

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn tag_of(text: &str) -> String {
    let hash = Sha256::digest(text);
    let mut tag = String::from('"');
    for byte in hash.iter().take(12) {
        write!(tag, "{byte:02x}").expect("a string takes all");
    }
    tag.push('"');
    tag
}

/// The console below `/console/`, and the way to it from `/`.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(enter))
        .route("/console", get(enter))
        .route("/console/", get(first))
        .route("/console/{file}", get(file))
}

/// Relative, so that it also leads there where a proxy puts the listener below a path.
async fn enter() -> Response {
    (StatusCode::FOUND, HEADERS, [(LOCATION, "console/")]).into_response()
}

async fn first(headers: HeaderMap) -> Response {
    serve(FIRST, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = SERVED.iter().find(|file| file.name == name) else {
        let said = "The console has no such file.\n";
        return (StatusCode::NOT_FOUND, HEADERS, said).into_response();
    };
    let tag = [(ETAG, file.tag.as_str())];
    if is_known(headers, &file.tag) {
        return (StatusCode::NOT_MODIFIED, HEADERS, tag).into_response();
    }
    let kind = [(CONTENT_TYPE, file.kind)];
    (HEADERS, tag, kind, file.text).into_response()
}

/// Whether the browser holds this very text (RFC 9110 §13.1.2); a cache may have weakened the tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

#[cfg(test)]
mod tests;
