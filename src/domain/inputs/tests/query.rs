//! Query parameters: which are captured, how they are decoded, and what is never let in.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use url::form_urlencoded;

use super::super::{InputRules, InputSettings, read_call_query, read_inputs};
use crate::domain::patch::Edit;
use crate::domain::request::{NormalPath, RequestView};

/// Captured parameters, and how many were ignored.
fn read_from(site: Option<&str>, query: &str) -> (Vec<(String, String)>, usize) {
    let headers: HeaderMap = site
        .map(|site| {
            (
                HeaderName::from_static("sec-fetch-site"),
                HeaderValue::from_str(site).unwrap(),
            )
        })
        .into_iter()
        .collect();
    let path = NormalPath::read("/").unwrap();
    let view = RequestView {
        method: "GET",
        path: &path,
        query: Some(query),
        host: "shop.example",
        headers: &headers,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: true,
        insecure_cookies: false,
        trace: None,
    };
    let rules = InputRules::try_new(&InputSettings::default()).unwrap();
    let inputs = read_inputs(&view, &rules);
    (owned(inputs.public), inputs.ignored_parameters)
}

fn read(query: &str) -> (Vec<(String, String)>, usize) {
    read_from(None, query)
}

fn owned(pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[test]
fn listed_parameters_are_decoded_once() {
    for (query, name, value) in [
        ("sc=2", "sc", "2"),
        ("sc", "sc", ""),
        ("sc=", "sc", ""),
        ("sc=1&sc=2", "sc", "2"),
        ("sc=1&sc=", "sc", ""),
        ("sc=%ZZ", "sc", "%ZZ"),
        ("sc=%", "sc", "%"),
        ("sc=%2", "sc", "%2"),
        ("sc=%ff", "sc", "\u{fffd}"),
        ("sc=%2541", "sc", "%41"),
        ("%73c=3", "sc", "3"),
        ("s%63=3", "sc", "3"),
        ("sc=a=b", "sc", "a=b"),
        ("utm_source=a+b%20c", "utm_source", "a b c"),
        ("utmi_cp=x", "utmi_cp", "x"),
        ("&&x=1&&sc=4&", "sc", "4"),
        ("x=?sc=1&sc=5", "sc", "5"),
    ] {
        let expected = (vec![(name.to_owned(), value.to_owned())], 0);
        assert_eq!(read(query), expected, "{query}");
    }
}

#[test]
fn values_with_control_characters_are_not_taken_and_counted() {
    for query in [
        "sc=%00",
        "utm_source=%0d%0aX-Vtex-Account:%20evil",
        "sc=a%7f",
    ] {
        assert_eq!(read(query), (Vec::new(), 1), "{query}");
    }
}

#[test]
fn everything_else_is_left_alone() {
    for query in [
        "",
        "&&&",
        "=1",
        "=",
        "__proto__=1",
        "constructor=1",
        "public.sc=2",
        "items=*",
        "facets=x",
        "SC=1",
        "sc.x=1",
        "+sc=1",
        "sc+=1",
        "utm=1",
        "utm_%0d=1",
        "utm_,=1",
        "utm_%ff=1",
        "sc;x=1",
    ] {
        assert_eq!(read(query), (vec![], 0), "{query}");
    }
    assert_eq!(read(&format!("utm_{}=1", "x".repeat(125))), (vec![], 0));
}

#[test]
fn sixteen_names_get_in_by_a_pattern_and_the_rest_are_counted() {
    let names: Vec<String> = (0..20).map(|at| format!("utm_{at}=a")).collect();
    let query = format!("{}&utm_0=b&sc=1", names.join("&"));
    let (public, ignored) = read(&query);
    assert_eq!((public.len(), ignored), (17, 4));
    assert_eq!(public[0], ("utm_0".to_owned(), "b".to_owned()));
    assert_eq!(public[16], ("sc".to_owned(), "1".to_owned()));
}

#[test]
fn a_value_that_is_too_long_is_ignored_and_counted() {
    for (value, kept) in [
        ("x".repeat(512), true),
        ("x".repeat(513), false),
        ("%41".repeat(512), true),
        ("%41".repeat(513), false),
        ("%ff".repeat(683), false),
    ] {
        let (public, ignored) = read(&format!("sc=1&sc={value}"));
        assert_eq!(ignored, usize::from(!kept));
        assert_eq!(public[0].1 == "1", !kept, "{}", value.len());
    }
}

#[test]
fn another_site_cannot_start_an_impersonation() {
    for (site, kept) in [
        (None, true),
        (Some("none"), true),
        (Some("same-origin"), true),
        (Some("same-site"), false),
        (Some("cross-site"), false),
        (Some("junk"), false),
    ] {
        for query in [
            "vtex-impersonated-customer-email=a%40b",
            "vtex-impersonated-customer%2demail=a%40b",
        ] {
            let (public, ignored) = read_from(site, query);
            assert_eq!((public.len(), ignored == 0), (usize::from(kept), kept));
        }
    }
}

/// What a call of the API writes, as text.
fn written(query: &str, trusted_start: bool) -> Vec<(String, String)> {
    let writes = read_call_query(query, trusted_start);
    let shown = writes.iter().map(|(field, edit)| match edit {
        Edit::Set(slot) => (
            field.key().to_owned(),
            slot.value().as_str().unwrap().to_owned(),
        ),
        Edit::Unset => panic!("{field} is removed"),
    });
    shown.collect()
}

#[test]
fn a_call_writes_every_parameter_but_control_words_and_what_can_be_no_field() {
    let query = "a=1&items=x&supportedLocales=pt&__bindingId=b&session_path=p&workspace=w&&=\
                 &=n&%69tems=q&b+c=%20&a=2&facets&%C3%A9=1&x=%0A&sc=3&q=a%5Bb%5D";
    let expected = [("a", "2"), ("facets", ""), ("q", "a[b]"), ("sc", "3")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(written(query, true), expected);
    let long = format!("a={}&a=1", "x".repeat(513));
    assert_eq!(written(&long, true), [("a".to_owned(), "1".to_owned())]);
    let impersonation = "vtex-impersonated-customer-email=a@example.com";
    assert_eq!(
        (
            written(impersonation, true).len(),
            written(impersonation, false).len()
        ),
        (1, 0)
    );
}

proptest! {
    #[test]
    fn any_query_is_read(query in any::<String>()) {
        read(&query);
        read_call_query(&query, true);
    }

    #[test]
    fn listed_names_are_read_as_the_url_crate_reads_them(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "sc", "locale", "utm_", "country", "=", "=", "&", "&", "%", "+", "%73", "c", "%2b",
                "%C3%A9", "é", "%ff", "2", "&sc=", "&%6cocale=", "&gclid", " ", "\u{7f}", "\u{85}", "%0a",
            ]),
            0..16,
        )
    ) {
        let query = pieces.concat();
        let listed = ["sc", "locale", "country", "gclid"];
        let mut expected: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if listed.contains(&&*name) && !value.chars().any(char::is_control) {
                expected.retain(|(earlier, _)| *earlier != *name);
                expected.push((name.into_owned(), value.into_owned()));
            }
        }
        expected.sort();
        let (mut public, _) = read(&query);
        public.retain(|(name, _)| listed.contains(&name.as_str()));
        public.sort();
        prop_assert_eq!(public, expected);
    }
}
