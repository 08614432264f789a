//! The store's servers, as they are meant.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::balance::Balance;
use crate::domain::standing::{EjectionSettings, HealthSettings};

/// A group of servers of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name, unique in the account.
    pub name: Arc<str>,
    /// Its servers. At least one.
    pub addresses: Vec<UpstreamAddress>,
    /// How one is chosen.
    pub balance: Balance,
    /// How often names are looked up.
    pub resolve_every: Duration,
    /// How servers are checked beside the requests, if they are.
    pub health: Option<HealthCheck>,
    /// When a server that fails requests is left alone.
    pub ejection: EjectionSettings,
    /// How often a request is sent to another server because of what one answered.
    pub retries: u8,
    /// What is spoken with them.
    pub protocol: UpstreamProtocol,
    /// Whether names of headers are written as clients wrote them, and not in lower case.
    pub keeps_case: bool,
    /// How connections are encrypted, if they are.
    pub tls: Option<UpstreamTls>,
    /// How long things may take.
    pub timeouts: UpstreamTimeouts,
    /// Idle connections that are kept for the next request.
    pub keep_alive: usize,
}

/// What is spoken with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, encrypted or not.
    Http2,
}

/// How connections to servers are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Who vouches for the servers; none: the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// The name in their certificates; none: the host of each address.
    pub server_name: Option<String>,
    /// Whether certificates are verified.
    pub verify: bool,
    /// A certificate that is shown to them, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// `host:port`, as it is written.
    pub text: String,
    /// How many requests it gets beside the others. 1 to 100.
    pub weight: u16,
}

impl UpstreamAddress {
    /// The host; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let host = self.text.rsplit_once(':').map_or("", |(host, _)| host);
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(host)
    }
}

/// How servers are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked; none: a connection is enough.
    pub question: Option<HealthQuestion>,
    /// The pause between two checks.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// How many in a row count.
    pub thresholds: HealthSettings,
}

/// What a server is asked, and answers if it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthQuestion {
    /// A path, and a query where one is wanted.
    pub path: String,
    /// The host that is named; none: the server's address.
    pub host: Option<String>,
    /// The status.
    pub status: u16,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// Between two writes.
    pub write: Duration,
    /// Until an unused kept connection is closed.
    pub idle: Duration,
}
