//! Which resource a path names.

use proptest::prelude::*;

use crate::domain::api::{ApiRoute, mask_tokens};

#[test]
fn paths_name_resources_with_or_without_a_trailing_slash() {
    for (path, route) in [
        ("/api/sessions", Some(ApiRoute::Session)),
        ("/api/sessions/", Some(ApiRoute::Session)),
        (
            "/api/sessions/a.b-c_d",
            Some(ApiRoute::SessionOf("a.b-c_d")),
        ),
        ("/api/sessions/a/", Some(ApiRoute::SessionOf("a"))),
        ("/api/sessions/a/b", Some(ApiRoute::Unknown)),
        ("/api/segments", Some(ApiRoute::Segment)),
        ("/api/segments/", Some(ApiRoute::Segment)),
        ("/api/segments/a/b==", Some(ApiRoute::SegmentOf("a/b=="))),
        ("/_session/openapi.json", Some(ApiRoute::Description)),
        ("/_session/keepalive", Some(ApiRoute::KeepAlive)),
        ("/_session/keepalive/", None),
        ("/_session/keepalive.js", None),
        ("/api/sessionsx", None),
        ("/api/Sessions", None),
        ("/api", None),
        ("/x/api/sessions", None),
        ("", None),
    ] {
        assert_eq!(ApiRoute::read(path), route, "{path}");
    }
}

#[test]
fn what_is_logged_of_a_path_holds_no_token() {
    for (path, logged) in [
        ("/api/sessions/eyJ0.e.x", "/api/sessions/{token}"),
        ("/br/api/segments/eyJjYW1w/x", "/br/api/segments/{token}"),
        ("/api/sessionseyJ0", "/api/sessions/{token}"),
        ("/api/sessions/", "/api/sessions/"),
        ("/api/segments", "/api/segments"),
        ("/product/p", "/product/p"),
    ] {
        assert_eq!(mask_tokens(path), logged, "{path}");
    }
    let shown = format!("{:?}", ApiRoute::SessionOf("secret"));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn every_resource_takes_what_it_says_that_it_takes() {
    let session = ApiRoute::Session;
    for method in ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"] {
        assert!(session.takes(method), "{method}");
    }
    for method in ["PUT", "get", "", "GET, HEAD"] {
        assert!(!session.takes(method), "{method}");
    }
}

proptest! {
    #[test]
    fn no_path_makes_the_reader_panic(path in "(/api/(sessions|segments))?\\PC{0,24}") {
        let _ = ApiRoute::read(&path);
        let longest = path.len() + 8;
        prop_assert!(mask_tokens(&path).len() <= longest);
    }
}
