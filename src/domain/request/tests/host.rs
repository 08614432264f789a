//! Hosts: one normal form per host, and what names none.

use super::super::host::{Host, HostError, read_host, read_host_of_absolute_form};
use HostError::{Conflict, Malformed, Missing, Several};
use proptest::prelude::*;

fn text(read: Result<Host, HostError>) -> Result<String, HostError> {
    read.map(|host| host.as_str().to_owned())
}

fn read(authority: Option<&str>, lines: &[&str]) -> Result<String, HostError> {
    text(read_host(
        authority,
        lines.iter().map(|line| line.as_bytes()),
    ))
}

#[test]
fn spellings_of_one_host_have_one_form() {
    for (line, host) in [
        ("shop.example", "shop.example"),
        ("SHOP.Example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("shop.example:443", "shop.example"),
        ("shop.example:80", "shop.example"),
        ("shop.example.:", "shop.example"),
        ("my_shop-1", "my_shop-1"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:8080", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
    ] {
        assert_eq!(read(None, &[line]).as_deref(), Ok(host), "{line}");
        assert_eq!(read(Some(line), &[]).as_deref(), Ok(host), "{line}");
    }
}

#[test]
fn lines_that_name_no_one_host_are_refused() {
    let long_label = "a".repeat(64);
    let long_name = ["a"; 128].join(".");
    for line in [
        "",
        " ",
        ".",
        ":80",
        "a, b",
        "a,b",
        "shop.example@evil",
        "user:pass@shop.example",
        "shop/x",
        "evil#shop",
        "shop?x",
        "shop\\x",
        "shop:abc",
        "shop:+80",
        "shop:99999",
        "shop:80:80",
        "shop..example",
        ".shop",
        "shop%2eexample",
        "shöp",
        "shop example",
        "shop\texample",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]]",
        "[]",
        "[fe80::1%25eth0]",
        "[v1.x]",
        "http://shop.example",
        &long_label,
        &long_name,
    ] {
        assert_eq!(read(None, &[line]), Err(Malformed), "{line:?}");
    }
    let latin = read_host(None, [b"caf\xe9".as_slice()].into_iter());
    assert_eq!(text(latin), Err(Malformed));
}

#[test]
fn none_and_several_lines_are_refused() {
    assert_eq!(read(None, &[]), Err(Missing));
    assert_eq!(read(None, &["a", "b"]), Err(Several));
    assert_eq!(read(None, &["a", "a"]), Err(Several));
    assert_eq!(read(Some("a"), &["a", "a"]), Err(Several));
}

#[test]
fn target_and_line_agree_or_are_refused() {
    for (authority, line, expected) in [
        ("shop.example", "shop.example", Ok("shop.example")),
        ("Shop.example.", "shop.example:443", Ok("shop.example")),
        ("shop.example:443", "shop.example:80", Err(Conflict)),
        ("shop-a.example", "shop-b.example", Err(Conflict)),
        ("shop.example", "", Err(Malformed)),
        ("", "shop.example", Err(Malformed)),
    ] {
        let read = read(Some(authority), &[line]);
        assert_eq!(
            read.as_deref(),
            expected.as_ref().copied(),
            "{authority} {line}"
        );
    }
}

#[test]
fn the_target_of_an_absolute_form_wins_over_one_valid_line() {
    for (lines, expected) in [
        (&["other.example"][..], Ok("shop.example")),
        (&["shop.example"], Ok("shop.example")),
        (&[], Err(Missing)),
        (&["a", "b"], Err(Several)),
        (&["a b"], Err(Malformed)),
    ] {
        let read = text(read_host_of_absolute_form(
            "Shop.example:80",
            lines.iter().map(|line| line.as_bytes()),
        ));
        assert_eq!(read.as_deref(), expected.as_ref().copied(), "{lines:?}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics_and_forms_are_stable(line in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(host) = read_host(None, [line.as_slice()].into_iter()) {
            let again = read_host(None, [host.as_str().as_bytes()].into_iter());
            prop_assert_eq!(again, Ok(host));
        }
    }

    #[test]
    fn names_are_read_with_any_port(name in "[A-Za-z0-9_-]{1,20}(\\.[a-z0-9]{1,8}){0,3}", port: u16) {
        let line = format!("{name}:{port}");
        prop_assert_eq!(read(None, &[&line]), Ok(name.to_ascii_lowercase()));
    }
}
