//! The request as it came in: read strictly, or refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::proxy::Session as Exchange;
use thiserror::Error;

use super::running::{Placed, Running};
use super::{Edge, Passage};
use crate::config::values::Limits;
use crate::domain::access::SessionUse;
use crate::domain::headers::{FOREIGN, is_foreign};
use crate::domain::request::RequestView;
use crate::domain::request::host::{Host, HostError, read_host};
use crate::domain::request::path::{NormalPath, PathError};
use crate::domain::request::trace::RequestTrace;

/// Why a request is refused before anything is decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IngressError {
    /// The head is larger than the limit.
    #[error("the request's head is too large")]
    HeadTooLarge,
    /// There are more header lines than the limit.
    #[error("the request has too many header lines")]
    TooManyHeaders,
    /// Where the body ends can be read in more than one way (RFC 9112 §6.3).
    #[error("the request's framing is ambiguous")]
    Framing,
    /// The client asks to drop a header by which identity or routing is decided.
    #[error("Connection names a header that may not be dropped")]
    Connection,
    /// The host is missing, there twice, or malformed (RFC 9112 §3.2).
    #[error("the host is missing or malformed")]
    Host,
    /// The path could be read as another one by the upstream.
    #[error("the path is malformed or ambiguous")]
    Path,
    /// Nobody answers on this host.
    #[error("this host is not served here")]
    UnknownHost,
    /// The route's upstream is not configured.
    #[error("the route leads nowhere")]
    NoUpstream,
}

impl IngressError {
    /// The status it is answered with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::Framing | Self::Connection | Self::Host | Self::Path => 400,
            Self::UnknownHost => 421,
            Self::NoUpstream => 502,
        }
    }

    /// A label of a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head_too_large",
            Self::TooManyHeaders => "too_many_headers",
            Self::Framing => "framing",
            Self::Connection => "connection",
            Self::Host => "host",
            Self::Path => "path",
            Self::UnknownHost => "unknown_host",
            Self::NoUpstream => "no_upstream",
        }
    }
}

impl From<HostError> for IngressError {
    fn from(_: HostError) -> Self {
        Self::Host
    }
}

impl From<PathError> for IngressError {
    fn from(_: PathError) -> Self {
        Self::Path
    }
}

/// A request that may be decided about.
#[derive(Debug)]
pub struct Admitted {
    /// The host in its one form.
    pub host: Host,
    /// The path in its one form.
    pub path: NormalPath,
    /// The client, as far as trusted proxies can be believed.
    pub client: IpAddr,
}

impl Admitted {
    /// The request as the flow sees it.
    pub fn view<'a>(
        &'a self,
        head: &'a RequestHeader,
        secure: bool,
        insecure_cookies: bool,
    ) -> RequestView<'a> {
        RequestView {
            method: head.method.as_str(),
            path: &self.path,
            query: head.uri.query(),
            host: self.host.as_str(),
            headers: &head.headers,
            client: self.client,
            secure,
            insecure_cookies,
            trace: None,
        }
    }
}

/// A request read and cleaned, before anybody is asked about it.
#[derive(Debug)]
pub struct Reading {
    /// Host, path and client.
    pub admitted: Admitted,
    /// Whether the shopper's side is encrypted.
    pub secure: bool,
    /// How many headers with names of ours there were; all are gone.
    pub spoofed: usize,
    claims: Claims,
}

/// Reads a request strictly and removes what no client may say.
pub fn read(
    head: &mut RequestHeader,
    running: &Running,
    peer: IpAddr,
) -> Result<Reading, IngressError> {
    check_size(head, &running.limits)?;
    check_framing(&head.headers)?;
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let hosts = head.headers.get_all(HOST);
    let host = read_host(authority, hosts.iter().map(HeaderValue::as_bytes))?;
    let path = NormalPath::read_for(head.method.as_str(), head.uri.path())?;
    // An IPv4 peer on an IPv6 socket is still that IPv4 peer.
    let peer = peer.to_canonical();
    let trusted = running
        .trusted
        .iter()
        .any(|network| network.contains(&peer));
    let claims = Claims::read(&head.headers, peer, trusted.then_some(&*running.trusted));
    let spoofed = remove_claims(head, running, trusted);
    let admitted = Admitted {
        host,
        path,
        client: claims.client,
    };
    Ok(Reading {
        admitted,
        secure: claims.secure,
        spoofed,
        claims,
    })
}

impl Edge {
    /// Reads a request and finds its account and upstream.
    pub(super) fn admit(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
    ) -> Result<(Admitted, Placed), IngressError> {
        let running = Arc::clone(&passage.running);
        let peer = exchange
            .client_addr()
            .and_then(|address| address.as_inet())
            .map(SocketAddr::ip);
        let head = exchange.req_header_mut();
        let Reading {
            admitted,
            secure,
            spoofed,
            claims,
        } = read(head, &running, peer.unwrap_or(passage.client))?;
        passage.client = admitted.client;
        passage.secure = secure;
        if spoofed > 0 {
            self.shared
                .telemetry
                .spoofed(spoofed, &admitted.client.to_string());
        }
        let site = running.hosts.find(admitted.host.as_str(), &admitted.path);
        let site = site.ok_or(IngressError::UnknownHost)?;
        let route = site.account.routes.find(&admitted.path);
        let upstream = site
            .upstreams
            .get(&route.upstream)
            .ok_or(IngressError::NoUpstream)?;
        let placed = Placed {
            account: Arc::clone(&site.account),
            upstream: Arc::clone(upstream),
            path: admitted.path.clone(),
            required: route.session == SessionUse::Required,
            turn: upstream.next_turn(),
            tries: 0,
            forwarding: claims.forwarding(&head.headers, &admitted.host),
            trace: RequestTrace::read(&head.headers, || self.shared.flow.random())
                .by(admitted.client),
        };
        Ok((admitted, placed))
    }
}

fn check_size(head: &RequestHeader, limits: &Limits) -> Result<(), IngressError> {
    if head.headers.len() > limits.header_count {
        return Err(IngressError::TooManyHeaders);
    }
    let line = head.method.as_str().len() + head.raw_path().len() + 12;
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    if line + headers.sum::<usize>() > limits.head_bytes {
        return Err(IngressError::HeadTooLarge);
    }
    Ok(())
}

/// One length, or one `chunked`, or none: whatever else two parsers may read differently.
fn check_framing(headers: &HeaderMap) -> Result<(), IngressError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    let digits =
        |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    let clear = lengths.next().is_none()
        && codings.next().is_none()
        && length.is_none_or(digits)
        && coding.is_none_or(chunked)
        && !(length.is_some() && coding.is_some());
    if !clear {
        return Err(IngressError::Framing);
    }
    let nominated = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut names = nominated.flat_map(|line| line.split(',')).map(str::trim);
    let vital = [
        "host",
        "cookie",
        "authorization",
        "content-length",
        "content-type",
    ];
    if names.any(|name| vital.iter().any(|one| name.eq_ignore_ascii_case(one))) {
        return Err(IngressError::Connection);
    }
    Ok(())
}

/// Removes names of ours in every spelling, and what only trusted proxies may say. Returns how
/// many of ours there were.
fn remove_claims(head: &mut RequestHeader, running: &Running, trusted: bool) -> usize {
    let mut spoofed = 0;
    let gone: Vec<HeaderName> = head
        .headers
        .keys()
        .filter(|name| {
            let ours = running.owned.owns(name.as_str());
            spoofed += usize::from(ours);
            // A trusted proxy speaks in the proper names; an alias of one came from the shopper.
            let believed = trusted && FOREIGN.contains(&name.as_str());
            ours || (!believed && is_foreign(name.as_str()))
        })
        .cloned()
        .collect();
    for name in gone {
        head.remove_header(&name);
    }
    spoofed
}

/// Who the client is and how it came, as far as anybody can be believed.
#[derive(Debug)]
struct Claims {
    client: IpAddr,
    secure: bool,
    forwarded_for: String,
    forwarded_host: Option<HeaderValue>,
}

impl Claims {
    /// From a trusted proxy: the right-most address that is no trusted proxy is the client. From
    /// anybody else: the socket's peer.
    fn read(headers: &HeaderMap, peer: IpAddr, trusted: Option<&[ipnet::IpNet]>) -> Self {
        let alone = Self {
            client: peer,
            secure: false,
            forwarded_for: peer.to_string(),
            forwarded_host: None,
        };
        let Some(networks) = trusted else {
            return alone;
        };
        let trusted = |hop: &IpAddr| networks.iter().any(|network| network.contains(hop));
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        let (mut client, mut chain) = (peer, vec![peer.to_string()]);
        // From the right, as far as every hop is named by a proxy that is trusted; what lies
        // beyond the first stranger, or behind a hop that is no address, is anybody's claim.
        for hop in hops {
            let Some(hop) = hop_address(hop) else { break };
            client = hop;
            chain.push(hop.to_string());
            if !trusted(&hop) {
                break;
            }
        }
        chain.reverse();
        Self {
            client,
            secure: headers
                .get("x-forwarded-proto")
                .is_some_and(|proto| proto == "https"),
            forwarded_for: chain.join(", "),
            forwarded_host: headers.get("x-forwarded-host").cloned(),
        }
    }

    /// What the upstream is told about it.
    fn forwarding(&self, headers: &HeaderMap, host: &Host) -> Vec<(HeaderName, HeaderValue)> {
        let proto = HeaderValue::from_static(if self.secure { "https" } else { "http" });
        let mut forwarding = vec![(HeaderName::from_static("x-forwarded-proto"), proto)];
        let chain = HeaderValue::from_str(&self.forwarded_for).ok();
        forwarding.extend(chain.map(|chain| (HeaderName::from_static("x-forwarded-for"), chain)));
        let named = self
            .forwarded_host
            .clone()
            .or_else(|| headers.get(HOST).cloned());
        let named = named.or_else(|| HeaderValue::from_str(host.as_str()).ok());
        forwarding.extend(named.map(|named| (HeaderName::from_static("x-forwarded-host"), named)));
        forwarding
    }
}

/// The address of a hop, without the port that some proxies add.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let address = hop
        .parse()
        .ok()
        .or_else(|| hop.parse().ok().map(|at: SocketAddr| at.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn framing_that_two_parsers_may_read_differently_is_refused() {
        for lines in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5, 5")],
            &[("content-length", "+5")],
            &[("content-length", "")],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "identity, chunked")],
            &[("transfer-encoding", ",chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            &[("transfer-encoding", "xchunked")],
        ] {
            assert_eq!(
                check_framing(&map(lines)),
                Err(IngressError::Framing),
                "{lines:?}"
            );
        }
        for lines in [
            &[("content-length", "5")][..],
            &[("transfer-encoding", "Chunked")],
            &[],
        ] {
            assert_eq!(check_framing(&map(lines)), Ok(()), "{lines:?}");
        }
    }

    #[test]
    fn a_client_cannot_ask_to_drop_what_decides_identity() {
        for names in ["cookie", "close, Authorization", "keep-alive,HOST"] {
            let headers = map(&[("connection", names)]);
            assert_eq!(
                check_framing(&headers),
                Err(IngressError::Connection),
                "{names}"
            );
        }
        assert_eq!(
            check_framing(&map(&[("connection", "close, x-session-id")])),
            Ok(())
        );
    }

    #[test]
    fn the_client_is_the_rightmost_hop_that_is_no_trusted_proxy() {
        let headers = map(&[("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.0.0.2")]);
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let networks = ["10.0.0.0/8".parse().unwrap()];
        let claims = Claims::read(&headers, peer, Some(&networks));
        assert_eq!(claims.client, "203.0.113.7".parse::<IpAddr>().unwrap());
        assert_eq!(claims.forwarded_for, "203.0.113.7, 10.0.0.2, 10.0.0.1");
        for (chain, client) in [
            ("6.6.6.6, 203.0.113.7:4711", "203.0.113.7"),
            ("6.6.6.6, nonsense", "10.0.0.1"),
            ("6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
            ("[2001:db8::7]:80", "2001:db8::7"),
        ] {
            let headers = map(&[("x-forwarded-for", chain)]);
            let claims = Claims::read(&headers, peer, Some(&networks));
            assert_eq!(claims.client, client.parse::<IpAddr>().unwrap(), "{chain}");
        }
        let alone = Claims::read(&headers, peer, None);
        assert_eq!(
            (alone.client, alone.forwarded_for.as_str()),
            (peer, "10.0.0.1")
        );
    }
}
