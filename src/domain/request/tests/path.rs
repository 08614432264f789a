//! Paths: what has a normal form, what is refused, and that no spelling gets past the rule.

use super::super::path::{NormalPath, PathError};
use proptest::prelude::*;

fn read(raw: &str) -> Result<String, PathError> {
    NormalPath::read(raw).map(|path| path.as_str().to_owned())
}

#[test]
fn paths_with_one_meaning_keep_their_case_and_trailing_slash() {
    for (raw, normal) in [
        ("/", "/"),
        ("/api/sessions", "/api/sessions"),
        ("/api/sessions/", "/api/sessions/"),
        ("/API/Sessions", "/API/Sessions"),
        ("/%61pi/%73essions", "/api/sessions"),
        ("/s/caf%C3%A9", "/s/café"),
        ("/s/red%20shoes+new", "/s/red shoes+new"),
        ("/style%2ecss", "/style.css"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a..b/c.", "/a..b/c."),
        ("/s/50%25", "/s/50%"),
        ("/s/50%25-off", "/s/50%-off"),
        ("/s/100%25umbrella", "/s/100%umbrella"),
        ("/a|b[1]", "/a|b[1]"),
    ] {
        assert_eq!(read(raw).as_deref(), Ok(normal), "{raw}");
    }
}

#[test]
fn spellings_that_servers_read_in_different_ways_are_refused() {
    use PathError::{
        BrokenEscape, Control, DotSegment, DoubleEncoding, EmptySegment, NotAbsolute, NotUtf8,
        Separator,
    };
    for (raw, reason) in [
        ("", NotAbsolute),
        ("api/sessions", NotAbsolute),
        ("*", NotAbsolute),
        ("http://shop.example/", NotAbsolute),
        ("/public/../api/sessions", DotSegment),
        ("/public/%2e%2e/api/sessions", DotSegment),
        ("/public/%2E./api/sessions", DotSegment),
        ("/./api/sessions", DotSegment),
        ("/api/sessions/..", DotSegment),
        ("/api/%2e", DotSegment),
        ("/public/.../x", DotSegment),
        ("/public/..%20/api", DotSegment),
        ("//api/sessions", EmptySegment),
        ("/api//sessions", EmptySegment),
        ("/api/sessions//", EmptySegment),
        ("/public%2f..%2fapi%2fsessions", Separator),
        ("/api%2Fsessions", Separator),
        ("/api%5csessions", Separator),
        ("/public\\..\\api\\sessions", Separator),
        ("/api/sessions;x=.css", Separator),
        ("/public/..;/api/sessions", Separator),
        ("/api/sessions%3bx", Separator),
        ("/api/sessions%3fx", Separator),
        ("/api/sessions%23x", Separator),
        ("/api/sessions#x", Separator),
        ("/api/sessions%00.css", Control),
        ("/api/sessions%0d%0a", Control),
        ("/api/\u{0}", Control),
        ("/a b", Control),
        ("/api/%7f", Control),
        ("/api/%c2%85", Control),
        ("/api/%2573essions", DoubleEncoding),
        ("/api/%25%37%33essions", DoubleEncoding),
        ("/public/%252e%252e/api", DoubleEncoding),
        ("/api/%25u0073essions", DoubleEncoding),
        ("/api/%u0073essions", BrokenEscape),
        ("/api/%", BrokenEscape),
        ("/api/%4", BrokenEscape),
        ("/api/%zz", BrokenEscape),
        ("/api/%+1", BrokenEscape),
        ("/api%c0%afsessions", NotUtf8),
        ("/caf%e9", NotUtf8),
        ("/café", NotUtf8),
    ] {
        assert_eq!(read(raw), Err(reason), "{raw:?}");
    }
}

#[test]
fn an_asterisk_is_the_path_of_options_alone() {
    assert_eq!(
        NormalPath::read_for("OPTIONS", "*").map(|path| path.as_str().to_owned()),
        Ok("*".to_owned())
    );
    for method in ["GET", "options", "POST"] {
        assert_eq!(
            NormalPath::read_for(method, "*"),
            Err(PathError::NotAbsolute)
        );
    }
}

#[test]
fn prefixes_match_whole_segments() {
    for (path, prefix, below) in [
        ("/api/sessions", "/api", Some("/sessions")),
        ("/api/sessions", "/api/", Some("/sessions")),
        ("/api/sessions", "/api/sessions", Some("")),
        ("/api/sessions/", "/api/sessions", Some("/")),
        ("/api/sessions", "/api/sessions/", Some("")),
        ("/apix", "/api", None),
        ("/API", "/api", None),
        ("/", "/", Some("/")),
        ("/x", "/", Some("/x")),
        ("/", "/api", None),
        ("/ap", "/api", None),
    ] {
        let path = NormalPath::read(path).unwrap();
        assert_eq!(path.below(prefix), below, "{} {prefix}", path.as_str());
        assert_eq!(path.starts_with_segment(prefix), below.is_some());
    }
    assert_eq!(NormalPath::read("/api/").unwrap().trimmed(), "/api");
    assert_eq!(NormalPath::read("/").unwrap().trimmed(), "/");
}

#[test]
fn debug_output_never_shows_a_path() {
    let path = NormalPath::read("/api/sessions/secret").unwrap();
    assert!(!format!("{path:?}").contains("secret"));
}

/// The bytes as a server sees them that decodes them over and over and cuts parameters.
fn read_by_a_careless_server(raw: &str) -> Vec<String> {
    let mut text = raw.to_owned();
    for _ in 0..4 {
        text = percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .replace('\\', "/");
    }
    text.split('/')
        .map(|segment| segment.split(';').next().unwrap_or_default().to_owned())
        .filter(|segment| !segment.is_empty() && segment != ".")
        .fold(Vec::new(), |mut path, segment| {
            if segment == ".." {
                path.pop();
            } else {
                path.push(segment);
            }
            path
        })
}

proptest! {
    #[test]
    fn reading_never_panics(raw in any::<String>()) {
        for raw in [raw.clone(), format!("/{raw}")] {
            if let Ok(path) = NormalPath::read(&raw) {
                prop_assert!(path.starts_with_segment("/"));
            }
        }
    }

    #[test]
    fn no_accepted_path_is_another_path_for_a_careless_server(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "/", "/", "a", "api", "public", ".", "..", "%2e", "%2f", "%5c", "\\", ";", "%25",
                "25", "%3b", "%61", "2e", "%c0%af", "x", "%", " ", "%20", "u002e", "u002f",
            ]),
            0..10,
        )
    ) {
        let raw = format!("/{}", pieces.concat());
        if let Ok(path) = NormalPath::read(&raw) {
            let matched: Vec<String> = path
                .as_str()
                .split('/')
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect();
            prop_assert_eq!(read_by_a_careless_server(&raw), matched, "{}", raw);
        }
    }

    #[test]
    fn escaped_text_reads_as_itself(text in "[a-zA-Z0-9 éß_.~-]{0,20}[a-z]") {
        let raw: String = percent_encoding::utf8_percent_encode(
            &text,
            percent_encoding::NON_ALPHANUMERIC,
        )
        .collect();
        let read = NormalPath::read(&format!("/{raw}")).unwrap();
        prop_assert_eq!(read.as_str(), format!("/{text}"));
    }

    #[test]
    fn an_escaped_path_is_visible_and_reads_as_the_same_path(
        raw in "/([a-z]|%25|%20|%c3%a9|%22|[|\\[{<^\"]){0,12}"
    ) {
        if let Ok(path) = NormalPath::read(&raw) {
            let escaped = path.escaped();
            prop_assert!(escaped.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(NormalPath::read(&escaped), Ok(path.clone()));
        }
    }
}
