//! The request as it came in: read strictly, or refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use http::Uri;
use http::uri::Scheme;
use pingora::http::RequestHeader;
use pingora::proxy::Session as Exchange;
use thiserror::Error;

use super::running::{Placed, Running};
use super::session_api;
use super::tries::Tries;
use super::{Edge, Passage};
use crate::config::values::WITHOUT_ADDRESS;
use crate::domain::access::SessionUse;
use crate::domain::request::RequestView;
use crate::domain::request::host::{Host, HostError, read_host};
use crate::domain::request::path::{NormalPath, PathError};

mod claims;
mod lines;

pub(super) use claims::Claims;

use lines::Lines;

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
    /// The method would echo the request (RFC 9110 §9.3.8), or is no method in this spelling.
    #[error("the method is not allowed here")]
    Method,
    /// The client asks to drop a header by which identity or routing is decided.
    #[error("Connection names a header that may not be dropped")]
    Connection,
    /// The target's scheme is none of HTTP (RFC 9113 §8.3.1).
    #[error("the scheme is not one of HTTP")]
    Scheme,
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
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::HeadTooLarge,
        Self::TooManyHeaders,
        Self::Framing,
        Self::Method,
        Self::Connection,
        Self::Host,
        Self::Path,
        Self::UnknownHost,
        Self::NoUpstream,
    ];

    /// The status it is answered with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::Framing | Self::Connection | Self::Scheme | Self::Host | Self::Path => 400,
            Self::Method => 405,
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
            Self::Method => "method",
            Self::Connection => "connection",
            Self::Scheme => "scheme",
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

/// Who sent a request, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The socket's other end.
    pub address: IpAddr,
    /// Whether it speaks TLS with us.
    pub tls: bool,
}

/// Reads a request strictly and removes what no client may say.
pub fn read(
    head: &mut RequestHeader,
    running: &Running,
    from: Peer,
) -> Result<Reading, IngressError> {
    // An IPv4 peer on an IPv6 socket is still that IPv4 peer.
    let peer = from.address.to_canonical();
    let mut trusted = running.trusted.iter();
    let trusted = trusted.any(|network| network.contains(&peer));
    let lines = Lines::read(&head.headers, &running.owned, trusted);
    lines.check(head, &running.limits)?;
    check_scheme(&head.uri)?;
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let host = read_host(authority, lines.hosts())?;
    let path = NormalPath::read_for(head.method.as_str(), head.uri.path())?;
    let from = Peer {
        address: peer,
        ..from
    };
    let claims = Claims::read(&head.headers, from, trusted.then_some(&*running.trusted));
    let spoofed = lines.ours;
    let gone = lines.into_gone(&head.headers);
    for name in gone {
        head.remove_header(&name);
    }
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

fn check_scheme(target: &Uri) -> Result<(), IngressError> {
    let of_http = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    if target.scheme().is_none_or(of_http) {
        return Ok(());
    }
    Err(IngressError::Scheme)
}

impl Edge {
    /// Reads a request and finds its account and upstream.
    pub(super) fn admit(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
    ) -> Result<Placed, IngressError> {
        let peer = exchange
            .client_addr()
            .and_then(|address| address.as_inet())
            .map(SocketAddr::ip);
        let peer = Peer {
            address: peer.unwrap_or(WITHOUT_ADDRESS),
            tls: self.entrance.tls,
        };
        let running = &passage.running;
        let head = exchange.req_header_mut();
        let Reading {
            admitted,
            secure,
            spoofed,
            claims,
        } = read(head, running, peer)?;
        passage.client = admitted.client;
        passage.secure = secure;
        if spoofed > 0 {
            self.shared
                .telemetry
                .spoofed(spoofed, &admitted.client.to_string());
        }
        let site = running.hosts.find(admitted.host.as_str(), &admitted.path);
        let site = site.ok_or(IngressError::UnknownHost)?;
        // The Session API says itself what it answers.
        if !lines::goes_on(&head.method) && session_api::route(&admitted, &site.account).is_none() {
            return Err(IngressError::Method);
        }
        let route = site.account.routes.find(&admitted.path);
        let room = route.requests.and_then(|most| {
            let count = site.rooms.get(&route.pattern)?;
            Some((count.clone(), most))
        });
        let upstream = site
            .upstreams
            .get(&route.upstream)
            .ok_or(IngressError::NoUpstream)?;
        Ok(Placed {
            account: Arc::clone(&site.account),
            upstream: Arc::clone(upstream),
            required: route.session == SessionUse::Required,
            room,
            tries: Tries::new(upstream.next_turn()),
            admitted,
            claims,
            trace: OnceLock::new(),
            recording: None,
        })
    }
}
