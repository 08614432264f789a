//! How often one client address may do what costs others something: begin a session, write by the
//! Session API.

use crate::config::values::Limits;
use crate::quota::ByClient;

/// Clients that are counted at the same time, some 30 MB of them.
const CLIENTS: u64 = 200_000;

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
        let of = |most, known: Option<&ByClient>| match known.filter(|known| known.most() == most) {
            Some(known) => known.clone(),
            None => ByClient::new(most, CLIENTS),
        };
        Self {
            visits: of(limits.new_sessions_per_minute, known.map(|one| &one.visits)),
            writes: of(limits.api_writes_per_minute, known.map(|one| &one.writes)),
        }
    }
}
