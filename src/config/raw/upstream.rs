//! The store's servers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// A group of servers of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "addresses"]))]
pub struct Upstream {
    /// Its name, unique in the account.
    pub name: String,
    /// `host:port` of each server. A name stands for every address that it resolves to.
    #[schemars(length(min = 1))]
    pub addresses: Vec<String>,
    /// How many requests a server gets beside the others: a number from 1 to 100 by its address,
    /// as written in `addresses`. Without it, `1`.
    pub weights: BTreeMap<String, u16>,
    /// How a server is chosen.
    pub balance: Balance,
    /// How often names are looked up again. A name that resolves no more keeps its last addresses.
    pub resolve_every: Span,
    /// How it may be checked beside the requests which servers are well. Without it, none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    /// When a server that fails requests is left alone for a while.
    pub ejection: Ejection,
    /// How often a request that changes nothing (`GET`, `HEAD`, `OPTIONS`, `TRACE`, without a body)
    /// is sent to another server because one answered 502, 503 or 504. At most one request in ten
    /// is repeated so.
    #[schemars(range(max = 5))]
    pub retries: u8,
    /// What is spoken with the servers.
    pub protocol: Protocol,
    /// How names of headers are written to servers that HTTP/1.1 is spoken with.
    pub header_names: HeaderNames,
    /// How connections are encrypted. Without this table they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
    /// How long it may take to accept a connection.
    pub connect_timeout: Span,
    /// How long may pass between two reads.
    pub read_timeout: Span,
    /// How long may pass between two writes.
    pub write_timeout: Span,
    /// How long an unused connection is kept.
    pub idle_timeout: Span,
    /// Unused connections that are kept for the next request. All upstreams share the sum.
    pub keep_alive: u16,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            name: String::new(),
            addresses: Vec::new(),
            weights: BTreeMap::new(),
            balance: Balance::RoundRobin,
            resolve_every: Span::secs(30),
            health: None,
            ejection: Ejection::default(),
            retries: 0,
            protocol: Protocol::Http1,
            header_names: HeaderNames::Lower,
            tls: None,
            connect_timeout: Span::secs(2),
            read_timeout: Span::secs(30),
            write_timeout: Span::secs(30),
            idle_timeout: Span::secs(60),
            keep_alive: 128,
        }
    }
}

/// How a server is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConnections,
    /// By the session, so that a shopper meets one server; requests without a session in turn.
    Session,
}

/// What is spoken with servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2; without `tls` too, where a server has to expect it. Upgrades (WebSocket) go by
    /// HTTP/1.1.
    Http2,
}

/// How names of headers are written to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeaderNames {
    /// In lower case, as in HTTP/2: they mean the same (RFC 9110 §5.1), and it takes less.
    Lower,
    /// As the client wrote them, for servers that wrongly tell `Accept` from `accept`.
    AsReceived,
}

/// How connections to servers are encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// Certificates of the authorities that vouch for the servers, in PEM. Without it, the
    /// system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The name that their certificates must be for. Without it, the host of each address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether certificates are verified. `false` believes whoever answers.
    pub verify: bool,
    /// The certificate that is shown to servers that ask for one, in PEM, with those between it and
    /// its authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

impl Default for UpstreamTls {
    fn default() -> Self {
        Self {
            ca_file: None,
            server_name: None,
            verify: true,
            client_certificate: None,
            client_key: None,
        }
    }
}

/// How it is checked beside the requests which servers are well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// What a `GET` asks for. Without it, a connection that is accepted is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The `Host` that it names. Without it, the server's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The status that a server that is well answers.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// How long after one check the next begins.
    pub interval: Span,
    /// How long one check may take.
    pub timeout: Span,
    /// Good checks in a row until a server that was down gets requests again.
    #[schemars(range(min = 1))]
    pub healthy: u8,
    /// Bad checks in a row until a server gets no requests. The first check of all decides alone.
    #[schemars(range(min = 1))]
    pub unhealthy: u8,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: None,
            host: None,
            status: 200,
            interval: Span::secs(5),
            timeout: Span::secs(2),
            healthy: 2,
            unhealthy: 3,
        }
    }
}

/// When a server that fails requests is left alone for a while. Never more than half of an
/// upstream's servers are; where all are out, all are used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ejection {
    /// After how many failures in a row: no connection, no answer, a status of 500 or more. `0`
    /// for never.
    pub failures: u16,
    /// How far they may lie apart, the first from the last.
    pub window: Span,
    /// How long it is left alone the first time; each further time is twice as long.
    pub pause: Span,
    /// The longest time. Once it was back for so long, the next time is the first again.
    pub longest: Span,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 5,
            window: Span::secs(30),
            pause: Span::secs(10),
            longest: Span::mins(5),
        }
    }
}
