//! What goes on at once: connections and requests are counted, and refused where there is no room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::rate::household;
use crate::domain::time::Millis;
use crate::telemetry::{Cause, LoadMetrics};

/// How often the log says of one cause that it keeps turning people away.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How many of something there are now.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// One more, unless there are so many already.
    pub fn enter(&self, most: Option<usize>) -> Option<Within> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let within = Within(Arc::clone(&self.0));
        most.is_none_or(|most| before < most).then_some(within)
    }

    /// How many there are.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One that is counted, for as long as this is kept.
#[derive(Debug)]
pub struct Within(Arc<AtomicUsize>);

impl Drop for Within {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What goes on in this process at once.
#[derive(Debug)]
pub struct Load {
    /// Connections of all listeners.
    pub connections: Count,
    /// Requests under way.
    pub requests: Count,
    /// Connections by client; nobody is in it who has none.
    clients: Arc<Mutex<HashMap<IpAddr, usize>>>,
    metrics: LoadMetrics,
    /// In the order of [`Cause::ALL`].
    told: [Told; Cause::ALL.len()],
}

/// When the log last said something, and what has come since.
#[derive(Debug, Default)]
struct Told {
    at: AtomicI64,
    since: AtomicU64,
}

impl Told {
    /// Counts once more; how many there were, where it is time to say so.
    fn again(&self, now: Millis) -> Option<u64> {
        self.since.fetch_add(1, Ordering::Relaxed);
        let last = self.at.load(Ordering::Relaxed);
        if last != 0 && now.since(Millis::from_millis(last)) < TOLD_EVERY {
            return None;
        }
        let order = Ordering::Relaxed;
        let won = self
            .at
            .compare_exchange(last, now.as_millis(), order, order);
        won.ok().map(|_| self.since.swap(0, order))
    }
}

impl Load {
    /// Nothing goes on.
    pub fn new(metrics: LoadMetrics) -> Self {
        Self {
            connections: Count::default(),
            requests: Count::default(),
            clients: Arc::default(),
            metrics,
            told: Default::default(),
        }
    }

    /// One more connection of a client, unless it has so many already.
    pub fn client(&self, client: IpAddr, most: usize) -> Option<OfClient> {
        let client = household(client);
        let mut clients = self.clients.lock();
        let count = clients.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(OfClient {
            client,
            clients: Arc::clone(&self.clients),
        })
    }

    /// How many connections a client has.
    pub fn of_client(&self, client: IpAddr) -> usize {
        let count = self.clients.lock().get(&household(client)).copied();
        count.unwrap_or_default()
    }

    /// A connection or a request was turned away, or ended. It is counted, and told of now and then:
    /// a flood is no flood of lines.
    pub fn shed(&self, cause: Cause, now: Millis) {
        self.metrics.shed(cause);
        let told = self.told.get(cause as usize);
        if let Some(count) = told.and_then(|told| told.again(now)) {
            let cause = cause.label();
            tracing::warn!(
                cause,
                count,
                "Connections or requests were turned away to keep room."
            );
        }
    }

    /// Tells the metrics what goes on now.
    pub fn tell(&self) {
        self.metrics
            .holds(self.connections.now(), self.requests.now());
    }
}

/// A connection that is counted for its client, for as long as this is kept.
#[derive(Debug)]
pub struct OfClient {
    client: IpAddr,
    clients: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for OfClient {
    fn drop(&mut self) {
        let mut clients = self.clients.lock();
        if let Some(count) = clients.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    #[test]
    fn whoever_leaves_makes_room() {
        let count = Count::default();
        let first = count.enter(Some(1)).unwrap();
        assert!(count.enter(Some(1)).is_none());
        assert_eq!(count.now(), 1, "who was turned away is not counted");
        drop(first);
        assert!(count.enter(Some(1)).is_some());
        assert!(count.enter(None).is_some());
        assert_eq!(count.now(), 0);
    }

    #[test]
    fn a_client_without_connections_takes_no_memory() {
        let load = Load::new(Telemetry::new().load().clone());
        let client: IpAddr = "192.0.2.7".parse().unwrap();
        let held = [(); 2].map(|()| load.client(client, 2).unwrap());
        assert!(load.client(client, 2).is_none());
        assert!(load.client("192.0.2.8".parse().unwrap(), 2).is_some());
        drop(held);
        assert!(load.clients.lock().is_empty());
    }

    #[test]
    fn a_flood_of_refusals_is_counted_and_told_of_now_and_then() {
        let told = Told::default();
        let lines: Vec<u64> = (0..30_000_i64)
            .filter_map(|at| told.again(Millis::from_millis(1_000_000 + at)))
            .collect();
        assert_eq!(lines, [1, 10_000, 10_000]);

        let telemetry = Telemetry::new();
        let load = Load::new(telemetry.load().clone());
        for _ in 0..3 {
            load.shed(Cause::Requests, Millis::from_millis(1));
        }
        let line = r#"vestibule_shed_total{cause="requests"} 3"#;
        assert!(telemetry.render().contains(line));
    }
}
