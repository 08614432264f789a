//! The stores' servers: addresses resolved beside the requests, and peers with every timeout set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::upstreams::peer::HttpPeer;
use tokio::net::lookup_host;

use crate::config::values;

/// How long an upgraded connection may be silent.
const UPGRADED_SILENCE: Duration = Duration::from_hours(1);
/// How long one look-up may take.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);

/// One upstream: its addresses as last resolved, taken in turn.
#[derive(Debug)]
pub struct Upstream {
    settings: Arc<values::Upstream>,
    resolved: ArcSwap<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Upstream {
    /// An upstream whose literal addresses are usable at once; names wait for the first look-up.
    pub fn new(settings: Arc<values::Upstream>) -> Self {
        let literal = settings
            .addresses
            .iter()
            .filter_map(|address| address.parse().ok());
        let resolved = ArcSwap::from_pointee(literal.collect());
        Self {
            settings,
            resolved,
            turn: AtomicUsize::new(0),
        }
    }

    /// Whether it is just what these settings say.
    pub fn is_of(&self, settings: &values::Upstream) -> bool {
        *self.settings == *settings
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether any of its addresses is a name.
    pub fn has_names(&self) -> bool {
        self.settings
            .addresses
            .iter()
            .any(|address| address.parse::<SocketAddr>().is_err())
    }

    /// Looks its names up. A name that does not resolve keeps what it resolved to before, as long
    /// as nothing else is known.
    pub async fn resolve(&self) {
        let mut found = Vec::new();
        for address in &self.settings.addresses {
            match tokio::time::timeout(RESOLVE_WITHIN, lookup_host(address)).await {
                Ok(Ok(addresses)) => found.extend(addresses),
                Ok(Err(error)) => {
                    tracing::warn!(upstream = self.name(), %address, %error, "An upstream's name does not resolve.");
                }
                Err(_) => {
                    tracing::warn!(upstream = self.name(), %address, "An upstream's name takes too long to resolve.");
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        if !found.is_empty() && found != **self.resolved.load() {
            self.resolved.store(Arc::new(found));
        }
    }

    /// Whose turn it is now.
    pub fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The server whose turn it is; `None` while no address is known. The next try of one request
    /// takes the next turn, so that it never meets the same server again before all were tried.
    pub fn peer(&self, turn: usize, upgrade: bool) -> Option<HttpPeer> {
        let addresses = self.resolved.load();
        let at = turn.checked_rem(addresses.len())?;
        // An address, never a name: pingora resolves names on the spot and panics on failure.
        let mut peer = HttpPeer::new(*addresses.get(at)?, false, String::new());
        let timeouts = &self.settings.timeouts;
        peer.options.connection_timeout = Some(timeouts.connect);
        peer.options.total_connection_timeout = Some(timeouts.connect);
        // A socket that was upgraded may be silent for long, but not for ever.
        let read = if upgrade {
            timeouts.read.max(UPGRADED_SILENCE)
        } else {
            timeouts.read
        };
        peer.options.read_timeout = Some(read);
        peer.options.write_timeout = Some(timeouts.write);
        peer.options.idle_timeout = Some(timeouts.idle);
        Some(peer)
    }

    /// How many servers are known.
    pub fn known(&self) -> usize {
        self.resolved.load().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::UpstreamTimeouts;

    fn upstream(addresses: &[&str]) -> Upstream {
        let second = Duration::from_secs(1);
        Upstream::new(Arc::new(values::Upstream {
            name: "store".into(),
            addresses: addresses
                .iter()
                .map(|&address| address.to_owned())
                .collect(),
            timeouts: UpstreamTimeouts {
                connect: second,
                read: second,
                write: second,
                idle: second,
            },
            keep_alive: 8,
        }))
    }

    #[test]
    fn servers_are_taken_in_turn_with_every_timeout_set() {
        let upstream = upstream(&["127.0.0.1:81", "127.0.0.1:82"]);
        let taken: Vec<String> = (0..4)
            .map(|_| {
                upstream
                    .peer(upstream.next_turn(), false)
                    .unwrap()
                    ._address
                    .to_string()
            })
            .collect();
        assert_eq!(
            taken,
            [
                "127.0.0.1:81",
                "127.0.0.1:82",
                "127.0.0.1:81",
                "127.0.0.1:82"
            ]
        );
        let options = upstream.peer(0, false).unwrap().options;
        for timeout in [
            options.connection_timeout,
            options.total_connection_timeout,
            options.read_timeout,
            options.write_timeout,
            options.idle_timeout,
        ] {
            assert_eq!(timeout, Some(Duration::from_secs(1)));
        }
        let upgraded = upstream.peer(0, true).unwrap().options.read_timeout;
        assert_eq!(upgraded, Some(UPGRADED_SILENCE));
    }

    #[tokio::test]
    async fn a_name_is_no_server_until_it_resolves_and_never_a_panic() {
        let upstream = upstream(&["name.invalid:80"]);
        assert!(upstream.has_names() && upstream.peer(0, false).is_none());
        upstream.resolve().await;
        assert!(upstream.peer(0, false).is_none());
        let local = self::upstream(&["localhost:80"]);
        local.resolve().await;
        assert!(local.peer(0, false).is_some());
    }
}
