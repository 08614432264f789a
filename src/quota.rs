//! How often something may be done: by one client address, or by everybody together.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::domain::rate::{Quota, household};
use crate::domain::time::Millis;

const MINUTE: Duration = Duration::from_mins(1);

/// What is used up of so many permits a minute.
#[derive(Debug, Default)]
pub struct Used(AtomicU64);

impl Used {
    /// Takes a permit, or says how long to wait for one.
    pub fn take(&self, most: u32, now: Millis) -> Result<(), Duration> {
        let quota = Quota::new(most, MINUTE);
        let mut wait = Duration::ZERO;
        let order = Ordering::Relaxed;
        let taken = self.0.try_update(order, order, |due| {
            let next = quota.take(due, now);
            wait = next.err().unwrap_or_default();
            next.ok()
        });
        taken.map(drop).map_err(|_| wait)
    }
}

/// One thing, counted by client.
#[derive(Clone, Debug)]
pub struct ByClient {
    most: Option<u32>,
    used: Cache<IpAddr, Arc<Used>>,
}

impl ByClient {
    /// At most so many a client and minute; `None` for no limit. `clients` are counted at the same
    /// time, some 150 bytes each; the least active are forgotten first. Who has as many addresses has
    /// a whole quota with each of them anyhow.
    pub fn new(most: Option<u32>, clients: u64) -> Self {
        // After an idle minute a quota is whole again, and need not be remembered.
        let used = Cache::builder()
            .max_capacity(clients)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(MINUTE)
            .build();
        Self { most, used }
    }

    /// What a client may do in a minute.
    pub const fn most(&self) -> Option<u32> {
        self.most
    }

    /// Counts once more for a client, or says how long it has to wait.
    pub fn take(&self, client: IpAddr, now: Millis) -> Result<(), Duration> {
        let Some(most) = self.most else { return Ok(()) };
        let used = self.used.get_with(household(client), Arc::default);
        used.take(most, now)
    }

    /// Counts once more for a client, and says whether it may.
    pub fn admits(&self, client: IpAddr, now: Millis) -> bool {
        self.take(client, now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis::from_millis(1_000_000);

    #[test]
    fn the_limit_counts_by_client_and_by_ipv6_network() {
        let visits = ByClient::new(Some(2), 100);
        let first: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        assert!(visits.admits(first, NOW) && visits.admits(neighbour, NOW));
        assert_eq!(visits.take(first, NOW), Err(Duration::from_secs(30)));
        assert!(visits.admits("192.0.2.1".parse().unwrap(), NOW));
        assert!(visits.admits(first, NOW.plus(Duration::from_secs(30))));
        let unlimited = ByClient::new(None, 100);
        assert!((0..1000).all(|_| unlimited.admits(first, NOW)));
    }

    #[test]
    fn a_crowd_of_others_takes_nobodys_place_and_is_not_remembered_without_end() {
        let visits = ByClient::new(Some(1), 2_000);
        let crowd = |count: u32| (0..count).map(|at| IpAddr::from(at.to_be_bytes()));
        assert!(crowd(1_000).all(|client| visits.admits(client, NOW)));
        assert!(!crowd(1_000).any(|client| visits.admits(client, NOW)));
        for client in crowd(20_000) {
            visits.admits(client, NOW);
        }
        visits.used.run_pending_tasks();
        assert!(visits.used.entry_count() <= 2_000);
    }
}
