//! The upstream's Cookie line: everything that is not ours, byte for byte and in order.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::super::{UpstreamCookie, upstream_cookie};

fn lines<T: AsRef<[u8]>>(lines: &[T]) -> HeaderMap {
    lines
        .iter()
        .map(|line| (COOKIE, HeaderValue::from_bytes(line.as_ref()).unwrap()))
        .collect()
}

fn ours(name: &[u8]) -> bool {
    name == b"vtex_session" || name == b"vtex_segment"
}

#[test]
fn our_cookies_leave_and_the_rest_makes_one_line() {
    for (cookie_lines, line) in [
        (&["a=1", "vtex_session=A"][..], "a=1"),
        (&["a=1", "vtex_session=A", "b=2"], "a=1; b=2"),
        (&["a=1; vtex_session=A; b=2"], "a=1; b=2"),
        (&["vtex_segment=x;a=1;  b=2 ;"], "a=1; b=2"),
        (&["a=1", "b=2"], "a=1; b=2"),
        (
            &["vtex_session=A; junk; =x; c=\"q=; d\""],
            "junk; =x; c=\"q=; d\"",
        ),
        (&["a=1; vtex_session"], "a=1"),
        (&["a=1; =vtex_session=A"], "a=1"),
        (&["a=1; = vtex_session"], "a=1"),
        (&["vtex_session=A; VTEX_SESSION=B"], "VTEX_SESSION=B"),
    ] {
        assert_eq!(
            upstream_cookie(&lines(cookie_lines), ours),
            UpstreamCookie::Line(HeaderValue::from_static(line)),
            "{cookie_lines:?}"
        );
    }
}

#[test]
fn one_line_without_ours_goes_as_it_came() {
    for line in ["a=1;b=2 ;", "junk", "", "; ;"] {
        assert_eq!(
            upstream_cookie(&lines(&[line]), ours),
            UpstreamCookie::Unchanged
        );
    }
}

#[test]
fn nothing_left_is_no_header() {
    for cookie_lines in [
        &[][..],
        &["vtex_session=A"],
        &["vtex_session=A;", "vtex_segment=B"],
    ] {
        assert_eq!(
            upstream_cookie(&lines(cookie_lines), ours),
            UpstreamCookie::Absent,
            "{cookie_lines:?}"
        );
    }
}

proptest! {
    #[test]
    fn other_pairs_are_kept_byte_for_byte_and_in_order(
        cookie_lines in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    Just(b"vtex_session=A".to_vec()),
                    Just(b"vtex_segment=".to_vec()),
                    "[a-z]{1,3}=[!-:<-~]{0,6}".prop_map(String::into_bytes),
                    prop::collection::vec(prop::sample::select(b"x=\xff\"\xe9,".to_vec()), 1..6),
                ],
                0..6,
            ),
            0..4,
        )
    ) {
        let joined: Vec<Vec<u8>> = cookie_lines.iter().map(|line| line.join(&b"; "[..])).collect();
        let others: Vec<Vec<u8>> = cookie_lines
            .concat()
            .into_iter()
            .filter(|pair| !pair.starts_with(b"vtex_s"))
            .collect();
        let expected = others.join(&b"; "[..]);
        let left = match upstream_cookie(&lines(&joined), ours) {
            UpstreamCookie::Unchanged => joined.concat(),
            UpstreamCookie::Absent => Vec::new(),
            UpstreamCookie::Line(line) => line.as_bytes().to_vec(),
        };
        prop_assert_eq!(left, expected);
    }
}
