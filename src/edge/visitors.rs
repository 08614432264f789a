//! How many new sessions one client address may begin.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::domain::rate::household;

/// Clients that are counted at the same time; the least active are forgotten first.
const CLIENTS: u64 = 1_000_000;

/// New sessions by client, each over a minute that begins with its first.
#[derive(Debug)]
pub struct Visitors {
    begun: Cache<IpAddr, Arc<AtomicU32>>,
    most: Option<u32>,
}

impl Visitors {
    /// At most this many new sessions a client and minute; `None` for no limit.
    pub fn new(most: Option<u32>) -> Self {
        let begun = Cache::builder()
            .max_capacity(CLIENTS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(Duration::from_mins(1))
            .build();
        Self { begun, most }
    }

    /// How many a client may begin in a minute.
    pub const fn most(&self) -> Option<u32> {
        self.most
    }

    /// Counts a new session, and says whether it may be stored.
    pub fn admit(&self, client: IpAddr) -> bool {
        let Some(most) = self.most else { return true };
        let begun = self.begun.get_with(household(client), Arc::default);
        begun.fetch_add(1, Ordering::Relaxed) < most
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

    #[test]
    fn a_crowd_of_others_takes_nobodys_place() {
        let visitors = Visitors::new(Some(1));
        let crowd = (0..50_000_u32).map(|at| IpAddr::from(at.to_be_bytes()));
        assert!(crowd.into_iter().all(|client| visitors.admit(client)));
    }
}
