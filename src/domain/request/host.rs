//! The host that a request is for, read as RFC 9112, section 3.2 and RFC 9113, section 8.3.1 say.
//!
//! It never guesses: what two servers could read as two hosts is an error.

use std::fmt;
use std::net::Ipv6Addr;

use thiserror::Error;

const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A host, and the port that was written behind it.
type Authority = (Host, Option<u16>);

/// A host in normal form: lower case, no port, no dot at the end, IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

/// Why there is no one host; each is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// Neither a target nor a Host line names one.
    #[error("the request names no host")]
    Missing,
    /// There is more than one Host line.
    #[error("the request has several host headers")]
    Several,
    /// The text is no host with an optional port.
    #[error("the host is malformed")]
    Malformed,
    /// The target and the Host line name different hosts.
    #[error("the request names two hosts")]
    Conflict,
}

impl Host {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of a request in origin form (no `authority`: the one Host line counts), or of an
/// HTTP/2 request, whose `:authority` and Host line must agree where both are there.
pub fn read_host<'a>(
    authority: Option<&str>,
    hosts: impl Iterator<Item = &'a [u8]>,
) -> Result<Host, HostError> {
    let line = read_only_line(hosts)?;
    let target = authority
        .map(|text| read_authority(text.as_bytes()))
        .transpose()?;
    match (target, line) {
        (None, None) => Err(HostError::Missing),
        (Some((host, _)), None) | (None, Some((host, _))) => Ok(host),
        (Some((host, port)), Some((other, other_port))) => {
            let ports_differ = matches!((port, other_port), (Some(a), Some(b)) if a != b);
            if host != other || ports_differ {
                Err(HostError::Conflict)
            } else {
                Ok(host)
            }
        }
    }
}

/// The host of an HTTP/1 request in absolute form: the target's, whatever the Host line says
/// (RFC 9112, section 3.2.2); there must be one well-formed line all the same.
pub fn read_host_of_absolute_form<'a>(
    authority: &str,
    hosts: impl Iterator<Item = &'a [u8]>,
) -> Result<Host, HostError> {
    read_only_line(hosts)?.ok_or(HostError::Missing)?;
    read_authority(authority.as_bytes()).map(|(host, _)| host)
}

fn read_only_line<'a>(
    mut hosts: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<Authority>, HostError> {
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(HostError::Several);
    }
    first.map(read_authority).transpose()
}

/// Reads `host[:port]`. User information, percent escapes and everything else that a registered
/// name of the DNS does not need is malformed.
pub(super) fn read_authority(bytes: &[u8]) -> Result<Authority, HostError> {
    let text = std::str::from_utf8(bytes).map_err(|_| HostError::Malformed)?;
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']').ok_or(HostError::Malformed)?;
        let (literal, rest) = text.split_at_checked(end + 1).ok_or(HostError::Malformed)?;
        (read_literal(literal)?, rest)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).ok_or(HostError::Malformed)?;
        (read_name(name)?, rest)
    };
    Ok((Host(host), read_port(rest)?))
}

fn read_literal(literal: &str) -> Result<String, HostError> {
    literal
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|address| address.parse::<Ipv6Addr>().ok())
        .map(|address| format!("[{address}]"))
        .ok_or(HostError::Malformed)
}

fn read_name(name: &str) -> Result<String, HostError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let well_formed = name.len() <= MAX_NAME_BYTES
        && name
            .split('.')
            .all(|label| (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(plain));
    if well_formed {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(HostError::Malformed)
    }
}

/// Reads what follows a host: nothing, or a colon and digits. No digits are no port (RFC 3986).
fn read_port(rest: &str) -> Result<Option<u16>, HostError> {
    let Some(digits) = rest.strip_prefix(':') else {
        return if rest.is_empty() {
            Ok(None)
        } else {
            Err(HostError::Malformed)
        };
    };
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostError::Malformed);
    }
    digits.parse().map(Some).map_err(|_| HostError::Malformed)
}
