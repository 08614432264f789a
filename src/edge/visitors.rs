//! How many new sessions one client address may begin.

use std::net::IpAddr;
use std::time::Duration;

use pingora_limits::rate::Rate;

/// A sliding count of new sessions by client.
pub struct Visitors {
    rate: Rate,
    most: Option<u32>,
}

impl std::fmt::Debug for Visitors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitors")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Visitors {
    /// At most this many new sessions a client and minute; `None` for no limit.
    pub fn new(most: Option<u32>) -> Self {
        Self {
            rate: Rate::new(Duration::from_mins(1)),
            most,
        }
    }

    /// Counts a new session, and says whether it may be stored.
    pub fn admit(&self, client: IpAddr) -> bool {
        let Some(most) = self.most else { return true };
        let seen = self.rate.observe(&network(client), 1);
        u32::try_from(seen).is_ok_and(|seen| seen <= most)
    }
}

/// One household, one client: IPv6 hands out 64-bit networks, not addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_by_client_and_by_ipv6_network() {
        let visitors = Visitors::new(Some(2));
        let first: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        assert!(visitors.admit(first) && visitors.admit(neighbour));
        assert!(!visitors.admit(first));
        assert!(visitors.admit("192.0.2.1".parse().unwrap()));
        assert!((0..1000).all(|_| Visitors::new(None).admit(first)));
    }
}
