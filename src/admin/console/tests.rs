//! What is served is whole, and keeps to its own policy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path as Folder;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use regex::Regex;
use tower::ServiceExt as _;

use super::*;

/// All files together, in bytes, as they are.
const MOST: usize = 136 * 1024;
/// The longest file, in lines.
const LONGEST: usize = 400;

async fn ask(path: &str, known: Option<&str>) -> Response {
    let mut request = Request::get(path);
    if let Some(tag) = known {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let request = request.body(Body::empty()).unwrap();
    router::<()>().oneshot(request).await.unwrap()
}

fn said(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), MOST).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = FILES.iter().copied();
    files.filter(|(name, _)| kind_of(name).starts_with("text/javascript"))
}

fn page() -> &'static str {
    let mut files = FILES.iter();
    files.find(|(name, _)| *name == FIRST).unwrap().1
}

/// Everything that a pattern with one group finds.
fn found(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures_iter(text);
    found.map(|groups| groups[1].to_owned()).collect()
}

#[tokio::test]
async fn every_file_is_served_as_what_it_is() {
    for (name, kind) in [
        ("", "text/html; charset=utf-8"),
        ("index.html", "text/html; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("console.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let response = ask(&format!("/console/{name}"), None).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(said(&response, "content-type"), kind);
    }
    for (name, content) in FILES {
        let response = ask(&format!("/console/{name}"), None).await;
        assert_eq!(text(response).await, *content, "{name}");
    }
    for unknown in ["tests.rs", "no.js", "..%2Fconsole.rs", "sub/main.js"] {
        let response = ask(&format!("/console/{unknown}"), None).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn the_way_to_the_console_is_relative() {
    for path in ["/", "/console"] {
        let response = ask(path, None).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(said(&response, "location"), "console/");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_holds_is_not_sent_again() {
    let tag = said(&ask("/console/main.js", None).await, "etag");
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let response = ask("/console/main.js", Some(&known)).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(said(&response, "etag"), tag);
        assert_eq!(said(&response, "cache-control"), "no-cache");
        assert_eq!(text(response).await, "");
    }
    let response = ask("/console/main.js", Some("\"other\"")).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_answer_has_the_policy() {
    for path in ["/", "/console/", "/console/main.js", "/console/none.js"] {
        let response = ask(path, None).await;
        assert_eq!(
            said(&response, "content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        assert_eq!(said(&response, "x-content-type-options"), "nosniff");
        assert_eq!(said(&response, "x-frame-options"), "DENY");
        assert_eq!(said(&response, "referrer-policy"), "no-referrer");
        assert_eq!(said(&response, "cross-origin-opener-policy"), "same-origin");
    }
}

#[test]
fn the_folder_holds_what_is_served_and_nothing_else() {
    let folder = Folder::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/console");
    let there: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "tests.rs")
        .collect();
    let served = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, served);
}

#[test]
fn everything_that_a_file_names_is_served() {
    let served: BTreeSet<&str> = FILES.iter().map(|(name, _)| *name).collect();
    let mut named = found(r##"(?:src|href)="([^"#.][^"]*)""##, page());
    assert!(named.contains("main.js") && named.contains("console.css"));
    for (_, script) in scripts() {
        named.extend(found(r"(?:from|import)\s*\(?'\./([^']+)'", script));
    }
    for name in &named {
        assert!(served.contains(name.as_str()), "{name} is not served");
    }
    // And nothing is served that nobody asks for.
    for name in served.iter().filter(|name| **name != FIRST) {
        assert!(named.contains(*name), "nothing names {name}");
    }
}

#[test]
fn nothing_breaks_the_policy() {
    let inline = Regex::new(r"<style|\sstyle=|<script>|\son[a-z]+=|javascript:").unwrap();
    assert!(!inline.is_match(page()));
    let unsafe_ways = Regex::new(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|cssText|setAttribute\('style'|style:",
    )
    .unwrap();
    for (name, script) in scripts() {
        assert!(!unsafe_ways.is_match(script), "{name}");
    }
}

#[test]
fn nothing_leads_elsewhere() {
    let address = r"((?:https?:)?//[A-Za-z0-9][A-Za-z0-9.-]*\.[a-z]+)";
    for (name, content) in FILES {
        for address in found(address, content) {
            // Names of the two languages; nothing is ever asked there.
            assert_eq!(address, "http://www.w3.org", "{name}");
        }
    }
}

#[test]
fn no_token_and_no_search_is_put_where_it_stays() {
    for (name, script) in scripts() {
        for kept in found(r"(?:setItem|getItem)\('(\w+)'", script) {
            assert!(["keys", "theme"].contains(&&*kept), "{name} keeps {kept}");
        }
        assert!(!script.contains("sessionStorage"), "{name}");
        assert!(!script.contains("document.cookie"), "{name}");
    }
}

#[test]
fn the_files_are_small_enough_to_be_read() {
    let all: usize = FILES.iter().map(|(_, content)| content.len()).sum();
    assert!(all < MOST, "{all} bytes");
    for (name, content) in FILES {
        assert!(content.lines().count() <= LONGEST, "{name}");
    }
}
