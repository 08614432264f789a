//! The stores' servers: where they are, which of them gets a request, and which is left alone.
//!
//! A request reads a table that is made anew when something changes, and takes no lock; everything
//! else happens beside the requests or where one fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora::connectors::http::Connector;

use crate::config::values;
use crate::domain::standing::{ServerState, Standing, may_eject};
use crate::domain::time::Millis;
use crate::ports::{Clock, Names};
use crate::telemetry::UpstreamCounters;

mod budget;
mod checks;
mod names;
mod server;
mod table;
mod transport;

pub use server::Taken;
pub use table::Wish;
pub use transport::Transport;

use budget::Budget;
use names::Place;
use server::Server;
use table::Table;

/// One upstream.
pub struct Upstream {
    settings: Arc<values::Upstream>,
    table: ArcSwap<Table>,
    turn: AtomicUsize,
    transport: Transport,
    budget: Budget,
    /// Where its addresses lead, in the order of the settings.
    places: Mutex<Vec<Place>>,
    /// Held while a new table is made.
    changing: Mutex<()>,
    /// For checks that ask something.
    connector: OnceLock<Arc<Connector>>,
    clock: Arc<dyn Clock>,
    names: Arc<dyn Names>,
    counters: UpstreamCounters,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("settings", &self.settings)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// An upstream whose literal addresses are usable at once; names wait for the first look-up.
    pub fn new(
        settings: Arc<values::Upstream>,
        transport: Transport,
        (clock, names): (Arc<dyn Clock>, Arc<dyn Names>),
        counters: UpstreamCounters,
    ) -> Self {
        let places = settings.addresses.iter().map(Place::new).collect();
        let upstream = Self {
            settings,
            table: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            transport,
            budget: Budget::full(),
            places: Mutex::new(places),
            changing: Mutex::new(()),
            connector: OnceLock::new(),
            clock,
            names,
            counters,
        };
        upstream.settle();
        upstream
    }

    /// Whether it is just what these settings say.
    pub fn is_of(&self, settings: &values::Upstream) -> bool {
        *self.settings == *settings
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether names of headers are written as clients wrote them, and not in lower case.
    pub fn keeps_case(&self) -> bool {
        self.settings.keeps_case
    }

    /// How many servers are known.
    pub fn known(&self) -> usize {
        self.table.load().all.len()
    }

    /// How many servers get no requests of their own: they are down, or ejected.
    pub fn out(&self) -> usize {
        out(&self.table.load().states)
    }

    /// A request comes: whose turn it is.
    pub fn next_turn(&self) -> usize {
        if self.settings.retries > 0 {
            self.budget.earn();
        }
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Chooses a server; `None` while no address is known.
    pub fn choose(&self, wish: &Wish<'_>) -> Option<Taken> {
        let mut table = self.table.load();
        // The clock is read only while a server is out for a time.
        if table.due.is_some_and(|due| due <= self.clock.now()) {
            self.look_again();
            table = self.table.load();
        }
        table.choose(self.settings.balance, wish).map(Taken::new)
    }

    /// Whether a request that was repeated so often may be repeated at a server that is well and
    /// that it has not met. What is allowed is to be done: it is counted.
    pub fn may_repeat(&self, repeated: u8, met: &[SocketAddr]) -> bool {
        let may = repeated < self.settings.retries
            && self.table.load().has_other(met)
            && self.budget.spend();
        if may {
            self.counters.repeated();
        }
        may
    }

    /// A request went well at a server: it was answered, by less than a 500.
    pub fn succeeded(&self, taken: &Taken) {
        let server = &taken.0;
        if server.failing.load(Ordering::Relaxed) {
            let mut standing = server.standing.lock();
            server.failing.store(false, Ordering::Relaxed);
            standing.succeeded();
        }
    }

    /// The head of the answer that is passed on came so long after the decision.
    pub fn answered(&self, took: Duration) {
        self.counters.answered(took);
    }

    /// A request failed at a server: no connection, no answer, or a 500 or more.
    pub fn failed(&self, taken: &Taken) {
        let server = &taken.0;
        let now = self.clock.now();
        let mut standing = server.standing.lock();
        server.failing.store(true, Ordering::Relaxed);
        let due = standing.failed(now);
        drop(standing);
        if due {
            self.eject(server, now);
        }
    }

    fn eject(&self, server: &Server, now: Millis) {
        let _changing = self.changing.lock();
        let all = self.table.load().all.clone();
        let current = Table::new(all.clone(), now);
        // Another request may have been here first.
        if server.standing.lock().back_at(now).is_some()
            || !may_eject(current.all.len(), out(&current.states))
        {
            return;
        }
        let until = server.standing.lock().eject(now);
        let seconds = until.since(now).as_secs_f32();
        let (upstream, server) = (self.name(), server.address);
        tracing::warn!(upstream, %server, seconds, "A server failed requests and is left alone.");
        self.counters.ejected();
        self.put(Table::new(all, now));
    }

    /// Sees anew who of the servers gets requests.
    fn look_again(&self) {
        let _changing = self.changing.lock();
        let all = self.table.load().all.clone();
        self.put(Table::new(all, self.clock.now()));
    }

    /// Takes on the servers that the addresses lead to now. Who was there stays as they are.
    fn settle(&self) {
        let _changing = self.changing.lock();
        let before = self.table.load().all.clone();
        let mut all: Vec<Arc<Server>> = Vec::new();
        let places = self.places.lock();
        for (place, address) in places.iter().zip(&self.settings.addresses) {
            for found in &place.found {
                if all.iter().any(|server| server.address == *found) {
                    continue;
                }
                let known = before.iter().find(|server| server.address == *found);
                all.push(known.map_or_else(|| self.server(*found, address), Arc::clone));
            }
        }
        drop(places);
        self.put(Table::new(all, self.clock.now()));
    }

    fn server(&self, address: SocketAddr, configured: &values::UpstreamAddress) -> Arc<Server> {
        let timeouts = &self.settings.timeouts;
        let peer = self.transport.peer(address, configured.host(), timeouts);
        let weight = configured.weight;
        let standing = Standing::new(self.settings.ejection);
        Arc::new(Server::new(peer, address, weight, standing))
    }

    fn put(&self, table: Table) {
        self.counters.servers(&table.states);
        self.table.store(Arc::new(table));
    }
}

fn out(states: &[ServerState]) -> usize {
    let out = states.iter().filter(|state| **state != ServerState::Up);
    out.count()
}

#[cfg(test)]
mod tests;
