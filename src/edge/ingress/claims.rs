//! Who the client is and how it came, as far as anybody can be believed; and what the upstream is
//! told about it.

use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::Result;

use super::Peer;
use crate::config::values::WITHOUT_ADDRESS;
use crate::domain::request::host::Host;
use crate::edge::outgoing::Head;

// Made ahead: a name in text is parsed each time.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const HTTP: HeaderValue = HeaderValue::from_static("http");
const HTTPS: HeaderValue = HeaderValue::from_static("https");

/// Who the client is and how it came.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(super) client: IpAddr,
    pub(super) secure: bool,
    /// The hops that are known, the client first; none where it is itself the peer.
    chain: Option<String>,
    forwarded_host: Option<HeaderValue>,
}

impl Claims {
    /// From a trusted proxy: the right-most address that is no trusted proxy is the client. From
    /// anybody else: the socket's peer. The same goes for whether the shopper's side is encrypted.
    pub(super) fn read(
        headers: &HeaderMap,
        Peer { address: peer, tls }: Peer,
        trusted: Option<&[ipnet::IpNet]>,
    ) -> Self {
        let Some(networks) = trusted else {
            return Self {
                client: peer,
                secure: tls,
                chain: None,
                forwarded_host: None,
            };
        };
        let trusted = |hop: &IpAddr| networks.iter().any(|network| network.contains(hop));
        let lines = headers.get_all(&FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        let (mut client, mut chain) = (peer, Vec::new());
        if peer != WITHOUT_ADDRESS {
            chain.push(peer.to_string());
        }
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
                .get(&FORWARDED_PROTO)
                .map_or(tls, |proto| proto == "https"),
            chain: Some(chain.join(", ")),
            forwarded_host: headers.get(&FORWARDED_HOST).cloned(),
        }
    }

    /// Whether the peer is a trusted proxy.
    pub(in crate::edge) const fn trusted(&self) -> bool {
        self.chain.is_some()
    }

    /// Tells the upstream.
    pub(in crate::edge) fn tell(
        &self,
        downstream: &HeaderMap,
        host: &Host,
        upstream: &mut Head<'_>,
    ) -> Result<()> {
        let proto = if self.secure { HTTPS } else { HTTP };
        upstream.set(&FORWARDED_PROTO, proto)?;
        match self.hops() {
            Some(hops) => upstream.set(&FORWARDED_FOR, hops)?,
            None => upstream.remove(&FORWARDED_FOR),
        }
        let named = self
            .forwarded_host
            .clone()
            .or_else(|| downstream.get(HOST).cloned());
        let named = named.or_else(|| HeaderValue::from_str(host.as_str()).ok());
        match named {
            Some(named) => upstream.set(&FORWARDED_HOST, named),
            None => Ok(()),
        }
    }

    fn hops(&self) -> Option<HeaderValue> {
        match &self.chain {
            Some(chain) if chain.is_empty() => None,
            Some(chain) => HeaderValue::from_str(chain).ok(),
            None if self.client == WITHOUT_ADDRESS => None,
            None => HeaderValue::try_from(self.client.to_string()).ok(),
        }
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

    fn by(address: &str, tls: bool) -> Peer {
        Peer {
            address: address.parse().unwrap(),
            tls,
        }
    }

    #[test]
    fn the_client_is_the_rightmost_hop_that_is_no_trusted_proxy() {
        let headers = map(&[("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.0.0.2")]);
        let peer = by("10.0.0.1", false);
        let networks = ["10.0.0.0/8".parse().unwrap()];
        let claims = Claims::read(&headers, peer, Some(&networks));
        assert_eq!(claims.client, "203.0.113.7".parse::<IpAddr>().unwrap());
        assert_eq!(claims.hops().unwrap(), "203.0.113.7, 10.0.0.2, 10.0.0.1");
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
        assert_eq!(alone.client, peer.address);
        assert_eq!(alone.hops().unwrap(), "10.0.0.1");
    }

    #[test]
    fn a_socket_of_this_machine_is_no_hop_and_no_address_is_told_of_it() {
        let networks = [WITHOUT_ADDRESS.into()];
        let peer = by("0.0.0.0", false);
        let headers = map(&[("x-forwarded-for", "6.6.6.6, 203.0.113.7")]);
        let claims = Claims::read(&headers, peer, Some(&networks));
        assert_eq!(claims.client, "203.0.113.7".parse::<IpAddr>().unwrap());
        assert_eq!(claims.hops().unwrap(), "203.0.113.7");
        for believed in [None, Some(&networks[..])] {
            let claims = Claims::read(&HeaderMap::new(), peer, believed);
            assert_eq!((claims.client, claims.hops()), (WITHOUT_ADDRESS, None));
        }
    }

    #[test]
    fn a_request_is_secure_by_tls_unless_a_trusted_proxy_knows_better() {
        let networks = ["10.0.0.0/8".parse().unwrap()];
        let (http, https) = (
            map(&[("x-forwarded-proto", "http")]),
            map(&[("x-forwarded-proto", "https")]),
        );
        for (headers, tls, trusted, secure) in [
            (&HeaderMap::new(), true, false, true),
            (&HeaderMap::new(), true, true, true),
            (&HeaderMap::new(), false, true, false),
            (&http, true, false, true),
            (&http, true, true, false),
            (&https, false, true, true),
            (&https, false, false, false),
        ] {
            let networks = trusted.then_some(&networks[..]);
            let claims = Claims::read(headers, by("10.0.0.1", tls), networks);
            assert_eq!(claims.secure, secure, "{headers:?} {tls} {trusted}");
        }
    }
}
