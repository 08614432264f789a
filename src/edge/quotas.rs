//! How often one client address may do what costs others something: begin a session, write by the
//! Session API.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::config::values::Limits;
use crate::domain::rate::{Quota, household};
use crate::domain::time::Millis;

/// Clients that are counted at the same time, some 30 MB of them; the least active are forgotten
/// first. Who has as many addresses has a whole quota with each of them anyhow.
const CLIENTS: u64 = 200_000;
const MINUTE: Duration = Duration::from_mins(1);

/// The quotas of all clients.
#[derive(Debug)]
pub struct Quotas {
    /// New sessions.
    pub visits: ByClient,
    /// Writes by the Session API.
    pub writes: ByClient,
}

impl Quotas {
    /// Quotas of which nothing is used up; those that are `known` and have not changed go on.
    pub fn new(limits: &Limits, known: Option<&Self>) -> Self {
        let of = |most, known: Option<&ByClient>| match known.filter(|known| known.most == most) {
            Some(known) => known.clone(),
            None => ByClient::new(most),
        };
        Self {
            visits: of(limits.new_sessions_per_minute, known.map(|one| &one.visits)),
            writes: of(limits.api_writes_per_minute, known.map(|one| &one.writes)),
        }
    }
}

/// One thing, counted by client.
#[derive(Clone, Debug)]
pub struct ByClient {
    most: Option<u32>,
    /// When the next permit of each would be due.
    due: Cache<IpAddr, Arc<AtomicU64>>,
}

impl ByClient {
    /// At most so many a client and minute; `None` for no limit.
    pub fn new(most: Option<u32>) -> Self {
        Self::remembering(most, CLIENTS)
    }

    fn remembering(most: Option<u32>, clients: u64) -> Self {
        // After an idle minute a quota is whole again, and need not be remembered.
        let due = Cache::builder()
            .max_capacity(clients)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(MINUTE)
            .build();
        Self { most, due }
    }

    /// Counts once more for a client, or says how long it has to wait.
    pub fn take(&self, client: IpAddr, now: Millis) -> Result<(), Duration> {
        let Some(most) = self.most else { return Ok(()) };
        let quota = Quota::new(most, MINUTE);
        let due = self.due.get_with(household(client), Arc::default);
        let mut wait = Duration::ZERO;
        let taken = due.try_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
            let next = quota.take(due, now);
            wait = next.err().unwrap_or_default();
            next.ok()
        });
        taken.map(drop).map_err(|_| wait)
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
        let visits = ByClient::new(Some(2));
        let first: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        assert!(visits.admits(first, NOW) && visits.admits(neighbour, NOW));
        assert_eq!(visits.take(first, NOW), Err(Duration::from_secs(30)));
        assert!(visits.admits("192.0.2.1".parse().unwrap(), NOW));
        assert!(visits.admits(first, NOW.plus(Duration::from_secs(30))));
        let unlimited = ByClient::new(None);
        assert!((0..1000).all(|_| unlimited.admits(first, NOW)));
    }

    #[test]
    fn a_crowd_of_others_takes_nobodys_place_and_is_not_remembered_without_end() {
        let visits = ByClient::remembering(Some(1), 2_000);
        let crowd = |count: u32| (0..count).map(|at| IpAddr::from(at.to_be_bytes()));
        assert!(crowd(1_000).all(|client| visits.admits(client, NOW)));
        assert!(!crowd(1_000).any(|client| visits.admits(client, NOW)));
        for client in crowd(20_000) {
            visits.admits(client, NOW);
        }
        visits.due.run_pending_tasks();
        assert!(visits.due.entry_count() <= 2_000);
    }
}
