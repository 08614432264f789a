//! How many files the process may have open: every connection is one, and each that is served has
//! another to the store's server.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::values::Limits;

/// Files that are open beside connections: of the store, logs, listeners, calls of apps and sources.
const OTHERS: u64 = 1_024;

/// Takes all that the system allows: what it allows without being asked is often 1,024 files, for the
/// sake of programs that are older than most shoppers. Says so where even that is too little for the
/// limit of connections.
pub(super) fn make_room(limits: &Limits) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "The limit of open files cannot be raised.");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = wanted(limits);
    if files < wanted {
        tracing::warn!(
            files,
            wanted,
            "Fewer files may be open than `limits.connections` may need."
        );
    }
}

/// Every connection, and one to the store's server for each request at once.
fn wanted(limits: &Limits) -> u64 {
    let connections = limits.connections.unwrap_or_default();
    let requests = limits
        .requests
        .map_or(connections, |most| most.min(connections));
    let both = u64::try_from(connections.saturating_add(requests)).unwrap_or(u64::MAX);
    both.saturating_add(OTHERS)
}
