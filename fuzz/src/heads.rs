//! Heads of requests: what is admitted holds nothing that a client may not say.
//!
//! Input: a byte of choices, a request line `METHOD target`, then header lines.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use pingora::http::RequestHeader;
use vestibule::config::values::{AccessLog, Limits};
use vestibule::config::{Layers, Unseen, load};
use vestibule::domain::headers::{DEFAULT_MAP, FOREIGN, OwnedNames, fixed_names};
use vestibule::domain::request::RequestView;
use vestibule::domain::request::trace::RequestTrace;
use vestibule::edge::load::Load;
use vestibule::edge::quotas::Quotas;
use vestibule::edge::{Hosts, Peer, Running, read};
use vestibule::telemetry::Telemetry;

const TRUSTED: u8 = 1;
const TLS: u8 = 2;
const CONFIGURATION: &str = include_str!("../../conf/examples/one-store.toml");

static RUNNING: LazyLock<[Running; 2]> = LazyLock::new(|| {
    let layers = Layers::text("one-store.toml", CONFIGURATION, "".as_ref());
    let loaded = load(&layers, &Unseen).expect("an example is good");
    let limits = Limits {
        head_bytes: 512,
        header_count: 12,
        ..loaded.config.limits
    };
    ["", "10.0.0.0/8"].map(|network| Running {
        hosts: Hosts::default(),
        owned: owned(),
        limits,
        trusted: network.parse().into_iter().collect(),
        quotas: Arc::new(Quotas::new(&limits, None)),
        load: Arc::new(Load::new(Telemetry::new().load().clone())),
        access: AccessLog::Off,
        tracing: None,
    })
});

fn owned() -> OwnedNames {
    let usual = DEFAULT_MAP.iter().map(|(name, _)| *name);
    let names: Vec<HeaderName> = fixed_names()
        .chain(usual)
        .map(HeaderName::from_static)
        .collect();
    OwnedNames::new(&names)
}

/// The target.
pub fn run(data: &[u8]) {
    let Some((&choices, text)) = data.split_first() else {
        return;
    };
    let Some(mut head) = build(text) else { return };
    let trusted = choices & TRUSTED != 0;
    let running = &RUNNING[usize::from(trusted)];
    let peer = Peer {
        address: IpAddr::from([10, 0, 0, 1]),
        tls: choices & TLS != 0,
    };
    let before = head.headers.clone();
    let Ok(reading) = read(&mut head, running, peer) else {
        return;
    };
    keeps_the_limits(&before, &running.limits);
    let gone = |name: &str| is_ours(name) || is_claim(name, trusted);
    assert!(!head.headers.keys().any(|name| gone(name.as_str())));
    let left = before.iter().filter(|(name, _)| !gone(name.as_str()));
    assert_eq!(by_name(left), by_name(head.headers.iter()));
    let ours = before.keys().filter(|name| is_ours(name.as_str()));
    assert_eq!(reading.spoofed, ours.count());
    if !trusted {
        assert_eq!(reading.admitted.client, peer.address);
        assert_eq!(reading.secure, peer.tls);
    }
    // A head that was cleaned is clean.
    let cleaned = head.headers.clone();
    let again = read(&mut head, running, peer).expect("what was admitted is admitted again");
    assert_eq!(again.spoofed, 0);
    assert_eq!(head.headers, cleaned);
    assert_eq!(again.admitted.host, reading.admitted.host);
    assert_eq!(again.admitted.client, reading.admitted.client);
    looks_around(&head, &reading.admitted.view(&head, reading.secure, false));
}

fn build(text: &[u8]) -> Option<RequestHeader> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let mut first = lines.next()?.splitn(2, |&byte| byte == b' ');
    let method = Method::from_bytes(first.next()?).ok()?;
    let mut head = RequestHeader::build(method, first.next()?, None).ok()?;
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
        head.append_header(name, value).ok()?;
    }
    Some(head)
}

fn canonical(name: &str) -> String {
    let fold = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(fold).collect()
}

fn is_ours(name: &str) -> bool {
    let name = canonical(name);
    fixed_names().any(|ours| ours == name) || DEFAULT_MAP.iter().any(|(ours, _)| *ours == name)
}

/// Whether a header speaks of the client's side and nobody is trusted to do so.
fn is_claim(name: &str, trusted: bool) -> bool {
    let alias = FOREIGN.contains(&&*canonical(name));
    alias && !(trusted && FOREIGN.contains(&name))
}

/// What was admitted kept the limits, and its framing can be read in one way only.
fn keeps_the_limits(headers: &HeaderMap, limits: &Limits) {
    let crumbs = headers.get_all("cookie").iter().count();
    assert!(headers.len() - crumbs.saturating_sub(1) <= limits.header_count);
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    assert!(bytes <= limits.head_bytes);
    assert!(headers.get_all("host").iter().count() <= 1);
    let lengths = headers.get_all("content-length").iter().count();
    let codings = headers.get_all("transfer-encoding").iter().count();
    assert!(lengths + codings <= 1);
}

/// Lines by name, those of one name in their order: the map itself promises no other.
fn by_name<'a>(
    lines: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> Vec<(&'a str, &'a HeaderValue)> {
    let mut lines: Vec<_> = lines.map(|(name, value)| (name.as_str(), value)).collect();
    lines.sort_by_key(|(name, _)| *name);
    lines
}

/// Where a request came from names no other host; how it is named is taken over by the next one.
fn looks_around(head: &RequestHeader, view: &RequestView<'_>) {
    if let Some(page) = view.referer_path() {
        assert!(page.starts_with('/') && !page.starts_with("//") && !page.contains('\\'));
    }
    if view.own_page() {
        assert!(view.same_origin_or_direct());
    }
    let trace = RequestTrace::read(&head.headers, || 0);
    assert!((1..=64).contains(&trace.request_id.len()));
    assert_eq!(trace.traceparent.len(), 55);
    let mut next = HeaderMap::new();
    let value = |text: &str| HeaderValue::from_str(text).expect("plain text");
    next.insert("x-request-id", value(&trace.request_id));
    next.insert("traceparent", value(&trace.traceparent));
    let next = RequestTrace::read(&next, || 7);
    assert_eq!(next.request_id, trace.request_id);
    assert_eq!(next.traceparent.get(..36), trace.traceparent.get(..36));
}
