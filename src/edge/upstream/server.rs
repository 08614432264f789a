//! One server: how it is reached, how it stands, and what is under way at it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pingora::upstreams::peer::HttpPeer;

use crate::domain::balance;
use crate::domain::standing::Standing;

/// How long an upgraded connection may be silent.
const UPGRADED_SILENCE: Duration = Duration::from_hours(1);

/// A server of an upstream.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) weight: u16,
    /// See [`balance::seed`].
    pub(super) seed: u64,
    /// How it is reached. Every request gets a copy: peers that differ share no connections.
    peer: HttpPeer,
    /// Requests under way.
    active: AtomicU32,
    /// Whether it has failed since it last succeeded, so that a success need not look further.
    pub(super) failing: AtomicBool,
    pub(super) standing: Mutex<Standing>,
}

impl Server {
    pub(super) fn new(
        peer: HttpPeer,
        address: SocketAddr,
        weight: u16,
        standing: Standing,
    ) -> Self {
        Self {
            address,
            weight,
            seed: balance::seed(&address.to_string()),
            peer,
            active: AtomicU32::new(0),
            failing: AtomicBool::new(false),
            standing: Mutex::new(standing),
        }
    }

    pub(super) fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    pub(super) const fn peer(&self) -> &HttpPeer {
        &self.peer
    }
}

/// A server that was chosen for a request, which counts as under way there until this is dropped.
#[derive(Debug)]
pub struct Taken(pub(super) Arc<Server>);

impl Taken {
    pub(super) fn new(server: &Arc<Server>) -> Self {
        server.active.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(server))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// How it is reached. A socket that is upgraded may be silent for long, but not for ever.
    pub fn peer(&self, upgrade: bool) -> HttpPeer {
        let mut peer = self.0.peer.clone();
        if upgrade {
            let read = peer.options.read_timeout;
            peer.options.read_timeout = read.map(|read| read.max(UPGRADED_SILENCE));
            // An upgrade is something that HTTP/2 does not have (RFC 9113, section 8.6).
            peer.options.set_http_version(1, 1);
        }
        peer
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}
