//! The text of `Set-Cookie`. Never writes a byte that could end a value or begin an attribute.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;

use super::check::is_token_byte;
use super::own::has_prefix;
use super::{CookieSettings, SameSite};

/// Sets a cookie of ours; `HttpOnly` always.
///
/// `max_age` is written in whole seconds, rounded down, so that it never passes the absolute end
/// it was capped by; `None` makes a cookie that goes with the browser.
pub fn set_cookie(
    settings: &CookieSettings,
    name: &str,
    value: &str,
    max_age: Option<Duration>,
) -> HeaderValue {
    let attributes = Attributes {
        domain: settings.domain.as_deref(),
        path: &settings.path,
        secure: settings.secure,
        same_site: Some(settings.same_site),
        partitioned: settings.partitioned,
    };
    write(name, value, max_age, &attributes)
}

/// Deletes a cookie of ours: the attributes it was set with, and `Max-Age=0`.
pub fn delete_cookie(settings: &CookieSettings, name: &str) -> HeaderValue {
    set_cookie(settings, name, "", Some(Duration::ZERO))
}

/// Deletes a cookie of ours wherever a sibling host could have put one for `host`: host-only, and
/// for the host's own domain and each parent of at least two labels.
pub fn delete_everywhere(settings: &CookieSettings, name: &str, host: &str) -> Vec<HeaderValue> {
    let delete_at = |domain: Option<&str>| {
        let placed = CookieSettings {
            domain: domain.map(str::to_owned),
            ..settings.clone()
        };
        delete_cookie(&placed, name)
    };
    let mut lines = vec![delete_at(None)];
    lines.extend(own_and_parent_domains(host).map(|domain| delete_at(Some(domain))));
    lines
}

/// Deletes the login's auth cookie, which the store's login and not we have set.
///
/// `Secure` only where the name demands it: over TLS a deletion works without, and over plain HTTP
/// browsers ignore one that has it.
pub fn delete_auth_cookie(name: &str, domain: Option<&str>, path: &str) -> HeaderValue {
    let attributes = Attributes {
        domain,
        path,
        secure: ["__Host-", "__Secure-"]
            .into_iter()
            .any(|prefix| has_prefix(name.as_bytes(), prefix)),
        same_site: None,
        partitioned: false,
    };
    write(name, "", Some(Duration::ZERO), &attributes)
}

struct Attributes<'a> {
    domain: Option<&'a str>,
    path: &'a str,
    secure: bool,
    same_site: Option<SameSite>,
    partitioned: bool,
}

fn write(
    name: &str,
    value: &str,
    max_age: Option<Duration>,
    attributes: &Attributes<'_>,
) -> HeaderValue {
    let mut line = Vec::with_capacity(name.len() + value.len() + attributes.path.len() + 96);
    push_only(&mut line, name, is_token_byte);
    line.push(b'=');
    push_only(&mut line, value, is_cookie_octet);
    if let Some(max_age) = max_age {
        line.extend_from_slice(b"; Max-Age=");
        line.extend_from_slice(max_age.as_secs().to_string().as_bytes());
    }
    if let Some(domain) = attributes.domain {
        line.extend_from_slice(b"; Domain=");
        push_only(&mut line, domain, is_attribute_octet);
    }
    line.extend_from_slice(b"; Path=");
    push_only(&mut line, attributes.path, is_attribute_octet);
    if attributes.secure {
        line.extend_from_slice(b"; Secure");
    }
    line.extend_from_slice(b"; HttpOnly");
    if let Some(same_site) = attributes.same_site {
        line.extend_from_slice(b"; SameSite=");
        line.extend_from_slice(same_site.as_str().as_bytes());
    }
    if attributes.partitioned {
        line.extend_from_slice(b"; Partitioned");
    }
    HeaderValue::from_bytes(&line).expect("every byte is visible ASCII or a space")
}

/// Adds the bytes of a text that are allowed. Nearly always all are, and it is copied whole.
fn push_only(line: &mut Vec<u8>, text: &str, allowed: impl Fn(u8) -> bool) {
    // Without a way out of the middle, many bytes are looked at in one step.
    if text.bytes().fold(true, |all, byte| all & allowed(byte)) {
        line.extend_from_slice(text.as_bytes());
    } else {
        line.extend(text.bytes().filter(|&byte| allowed(byte)));
    }
}

/// RFC 6265, section 4.1.1: no control, space, quote, comma, semicolon or backslash.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

const fn is_attribute_octet(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b';'
}

fn own_and_parent_domains(host: &str) -> impl Iterator<Item = &str> {
    // Addresses have no parents, and browsers take no `Domain` that names one.
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    let start = (!is_address).then_some(host);
    std::iter::successors(start, |domain| {
        domain.split_once('.').map(|(_, parent)| parent)
    })
    .filter(|domain| domain.contains('.'))
}
