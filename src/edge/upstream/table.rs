//! The servers of an upstream as requests see them: made anew when something changes, never changed.

use std::cmp::Ordering;
use std::net::SocketAddr;
use std::sync::Arc;

use super::server::Server;
use crate::domain::balance::{self, Balance};
use crate::domain::standing::ServerState;
use crate::domain::time::Millis;

/// What a request wants of a server.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its turn.
    pub turn: usize,
    /// Its session, if it has one.
    pub session: Option<u128>,
    /// Servers that it met already.
    pub met: &'a [SocketAddr],
}

/// Servers, and who of them gets requests.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// All that are known.
    pub(super) all: Vec<Arc<Server>>,
    pub(super) states: Vec<ServerState>,
    /// Those that get requests. Where none would, all do: a server that may be down is better than
    /// an error that is certain.
    usable: Vec<Arc<Server>>,
    /// A round over the usable ones.
    round: Vec<Arc<Server>>,
    /// When the first of the ejected ones is back.
    pub(super) due: Option<Millis>,
}

impl Table {
    pub(super) fn new(all: Vec<Arc<Server>>, now: Millis) -> Self {
        let mut states = Vec::new();
        let mut due: Option<Millis> = None;
        for server in &all {
            let standing = server.standing.lock();
            states.push(standing.state(now));
            let back = standing.back_at(now);
            due = due.into_iter().chain(back).min();
        }
        let up = all.iter().zip(&states);
        let up = up.filter(|(_, state)| **state == ServerState::Up);
        let mut usable: Vec<_> = up.map(|(server, _)| Arc::clone(server)).collect();
        if usable.is_empty() {
            usable.clone_from(&all);
        }
        let weights: Vec<u16> = usable.iter().map(|server| server.weight).collect();
        let turns = balance::turns(&weights);
        let round = turns.into_iter().filter_map(|at| usable.get(at));
        Self {
            round: round.map(Arc::clone).collect(),
            usable,
            states,
            all,
            due,
        }
    }

    /// Chooses a server. Where all that get requests were met, one that was not; where every server
    /// was met, one of those that get requests.
    pub(super) fn choose(&self, balance: Balance, wish: &Wish<'_>) -> Option<&Arc<Server>> {
        if wish.met.is_empty() {
            return self.by(balance, wish);
        }
        let met = |server: &&Arc<Server>| wish.met.contains(&server.address);
        self.by(balance, wish)
            .or_else(|| self.all.iter().find(|server| !met(server)))
            .or_else(|| self.by(balance, &Wish { met: &[], ..*wish }))
    }

    /// Whether a server that gets requests was not met yet.
    pub(super) fn has_other(&self, met: &[SocketAddr]) -> bool {
        self.usable
            .iter()
            .any(|server| !met.contains(&server.address))
    }

    fn by(&self, balance: Balance, wish: &Wish<'_>) -> Option<&Arc<Server>> {
        match (balance, wish.session) {
            (Balance::LeastConnections, _) => self.least_busy(wish),
            (Balance::Session, Some(session)) => self.most_attractive(session, wish),
            (Balance::RoundRobin, _) | (Balance::Session, None) => {
                let mut turns = from_turn(&self.round, wish.turn);
                turns.find(|server| !wish.met.contains(&server.address))
            }
        }
    }

    /// Of equals whose turn it is, so that idle servers all get something.
    fn least_busy(&self, wish: &Wish<'_>) -> Option<&Arc<Server>> {
        let mut servers = from_turn(&self.usable, wish.turn);
        let first = servers.find(|server| !wish.met.contains(&server.address))?;
        let mut least = (first, (first.active(), first.weight));
        for server in servers {
            let load = (server.active(), server.weight);
            if balance::less_busy(load, least.1) && !wish.met.contains(&server.address) {
                least = (server, load);
            }
        }
        Some(least.0)
    }

    fn most_attractive(&self, session: u128, wish: &Wish<'_>) -> Option<&Arc<Server>> {
        if let [only] = self.usable.as_slice() {
            return Some(only).filter(|only| !wish.met.contains(&only.address));
        }
        let left = self.usable.iter();
        let left = left.filter(|server| !wish.met.contains(&server.address));
        let drawn = left.map(|server| {
            let attraction = balance::attraction(session, server.seed, server.weight);
            (attraction, server)
        });
        let more = |one: &(f64, _), other: &(f64, _)| -> Ordering { one.0.total_cmp(&other.0) };
        drawn.max_by(more).map(|(_, server)| server)
    }
}

/// All of a list, from a turn on.
fn from_turn(list: &[Arc<Server>], turn: usize) -> impl Iterator<Item = &Arc<Server>> {
    let at = turn.checked_rem(list.len()).unwrap_or_default();
    let (before, after) = list.split_at_checked(at).unwrap_or_default();
    after.iter().chain(before)
}
