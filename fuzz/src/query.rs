//! Queries: read as the `url` crate reads them, rule by rule.
//!
//! Input: a byte of choices, then the query.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use url::form_urlencoded;
use vestibule::domain::api::Items;
use vestibule::domain::inputs::{InputRules, InputSettings, read_call_query, read_parameters};
use vestibule::domain::patch::Edit;
use vestibule::domain::session::Field;
use vestibule::domain::session::field::is_key;

use crate::view::with_request;

const SITES: [Option<&str>; 4] = [None, Some("same-origin"), Some("none"), Some("cross-site")];
const IMPERSONATION: &str = "vtex-impersonated-customer-email";
const EXACT: [&str; 10] = [
    "sc",
    "cultureInfo",
    "locale",
    "admin_cultureInfo",
    "country",
    "postalCode",
    "geoCoordinates",
    "regionId",
    "gclid",
    IMPERSONATION,
];
const CONTROL: [&str; 5] = [
    "items",
    "supportedLocales",
    "__bindingId",
    "session_path",
    "workspace",
];

static RULES: LazyLock<InputRules> =
    LazyLock::new(|| InputRules::try_new(&InputSettings::default()).expect("the usual rules"));

/// The target.
pub fn run(data: &[u8]) {
    let Some((&choices, query)) = data.split_first() else {
        return;
    };
    let Ok(query) = std::str::from_utf8(query) else {
        return;
    };
    let site = SITES[usize::from(choices) % SITES.len()];
    let trusted = site != Some("cross-site");
    let mut headers = HeaderMap::new();
    if let Some(site) = site {
        headers.insert("sec-fetch-site", HeaderValue::from_static(site));
    }
    with_request(&headers, Some(query), false, |request| {
        let read = read_parameters(request, &RULES);
        let (said, ignored) = read_slowly(query, trusted);
        assert!(
            read.public
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_ref()))
                .eq(said
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))),
            "{:?} is not {said:?}",
            read.public
        );
        assert_eq!(read.ignored_parameters, ignored);
    });
    reads_calls(query, trusted);
    reads_items(query);
}

fn is_refused(name: &str, value: &str, trusted: bool) -> bool {
    value.len() > 512 || value.chars().any(char::is_control) || (name == IMPERSONATION && !trusted)
}

/// The parameters in the order in which their names came first, and how many were ignored.
fn read_slowly(query: &str, trusted: bool) -> (Vec<(String, String)>, usize) {
    let (mut said, mut ignored): (Vec<(String, String)>, _) = (Vec::new(), 0);
    let is_wild = |name: &str| name.starts_with("utm_") || name.starts_with("utmi_");
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let wild = is_wild(&name) && is_key(&name);
        if !wild && !EXACT.contains(&&*name) {
            continue;
        }
        let known = said.iter().position(|(known, _)| *known == name);
        let full = said.iter().filter(|(name, _)| is_wild(name)).count() >= 16;
        match known {
            _ if is_refused(&name, &value, trusted) => ignored += 1,
            Some(at) => said[at].1 = value.into_owned(),
            None if wild && full => ignored += 1,
            None => said.push((name.into_owned(), value.into_owned())),
        }
    }
    (said, ignored)
}

fn reads_calls(query: &str, trusted: bool) {
    let writes = read_call_query(query, trusted);
    let mut said = std::collections::BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let taken = !CONTROL.contains(&&*name) && !is_refused(&name, &value, trusted);
        if let Ok(field) = Field::new("public", &name)
            && taken
        {
            said.insert(field, value.into_owned());
        }
    }
    assert_eq!(writes.len(), said.len());
    for ((field, edit), (name, value)) in writes.iter().zip(&said) {
        assert_eq!(field, name);
        let Edit::Set(slot) = edit else {
            panic!("a query unsets {field}")
        };
        assert!(slot.is_plain() && slot.value() == value);
    }
}

fn reads_items(query: &str) {
    let pairs = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "items")
        .last();
    let list = pairs.map(|(_, list)| list.into_owned());
    let entries = || list.iter().flat_map(|list| list.split(',')).map(str::trim);
    match Items::read(Some(query)) {
        None => assert!(list.as_deref().is_none_or(|list| list.trim().is_empty())),
        Some(Items::All) => assert!(entries().any(|entry| entry == "*")),
        Some(items) => {
            let chosen = items.chosen();
            for name in ["public.sc", "store.channel", "profile.email", "public.a.b"] {
                let field: Field = name.parse().expect("a field");
                let whole = format!("{}.*", field.namespace());
                let asked = entries().any(|entry| entry == name || entry == whole);
                assert_eq!(chosen(&field), asked, "{name}");
            }
        }
    }
}
