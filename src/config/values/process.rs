//! What holds for the whole process.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::{Account, CertificateFiles, Listener};
use crate::domain::patience::Patience;
use crate::domain::request::trace::Sampling;
use crate::domain::session::limits::SessionLimits;

/// The whole configuration of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses for shoppers. At least one.
    pub listeners: Vec<Listener>,
    /// The address for operators, if there is one.
    pub admin: Option<Admin>,
    /// Worker threads; none: one per processor.
    pub threads: Option<NonZeroUsize>,
    /// How long requests under way may take once the process was told to stop.
    pub grace: Duration,
    /// The socket over which a new process takes over; none: none does.
    pub handover_socket: Option<PathBuf>,
    /// Whether a changed file asks for a reload; `SIGHUP` always does.
    pub watch: bool,
    /// Networks whose forwarding headers are believed; [`super::WITHOUT_ADDRESS`] stands for sockets.
    pub trusted_proxies: Vec<IpNet>,
    /// Lower-case parts of a `User-Agent` by which crawlers are known (contract §11).
    pub crawlers: Vec<String>,
    /// Where sessions live.
    pub store: Store,
    /// What a request and a session may weigh (contract §14).
    pub limits: Limits,
    /// What is logged.
    pub log: Log,
    /// Where traces of requests go, if there are any.
    pub traces: Option<Traces>,
    /// The stores that are served. At least one.
    pub accounts: Vec<Arc<Account>>,
}

/// The address for operators (contract §16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens.
    pub address: SocketAddr,
    /// The file that holds the bearer token; none: certificates are asked for, or the address is a
    /// loopback one.
    pub token_file: Option<PathBuf>,
    /// How it speaks TLS; none: it speaks plain HTTP.
    pub tls: Option<AdminTls>,
}

impl Admin {
    /// Whether a certificate of an operator stands in the place of the token.
    pub fn takes_certificates(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.client_ca.is_some())
    }
}

/// How the address for operators speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTls {
    /// What is shown.
    pub certificate: CertificateFiles,
    /// The authorities whose certificates stand in the place of the token; none: nobody's do.
    pub client_ca: Option<PathBuf>,
}

/// Where sessions live (contract §13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// What is behind the memory.
    pub kind: StoreKind,
    /// Changes that may be owed to a store that cannot be asked; twice as many where they end.
    pub journal: usize,
    /// Bytes of memory that anonymous sessions may take up.
    pub max_anonymous: u64,
    /// Bytes of memory that sessions of known shoppers may take up.
    pub max_authenticated: u64,
}

/// What is behind the memory of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Nothing: a restart forgets every session.
    Memory,
    /// Files of this machine, for this process alone.
    Embedded {
        /// Their folder.
        path: PathBuf,
    },
    /// Valkey or Redis, for several instances.
    Valkey(Box<SharedStore>),
}

/// How a shared store is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStore {
    /// Host and port of each server. At least one.
    pub addresses: Vec<(String, u16)>,
    /// What they are.
    pub mode: StoreMode,
    /// Encryption, if connections are encrypted.
    pub tls: Option<StoreTls>,
    /// The user; none: `default`.
    pub username: Option<String>,
    /// The file that holds its password.
    pub password_file: Option<PathBuf>,
    /// What every key begins with.
    pub key_prefix: String,
    /// How long an operation may take.
    pub deadline: Duration,
}

/// What is behind the addresses of a shared store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// One server.
    Single,
    /// Sentinels that know a master by this name.
    Sentinel(String),
    /// Nodes of a cluster.
    Cluster,
}

/// The files of encrypted connections, in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreTls {
    /// Certificates of authorities; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown, and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What a request and a session may weigh, how slow a client may be, and how much may go on at once
/// (contract §14). Sizes in bytes; no number: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line and headers together; over it: 431.
    pub head_bytes: usize,
    /// Header lines; over it: 431.
    pub header_count: usize,
    /// Cookie header; what lies past it is ignored and counted.
    pub cookie_bytes: usize,
    /// A session's document, its public keys, its values' nesting.
    pub session: SessionLimits,
    /// What an app over HTTP may answer, in bytes.
    pub app_reply_bytes: usize,
    /// The body of a call of the Session API; over it: 413.
    pub api_body_bytes: usize,
    /// New sessions per client address in a minute; none: no limit.
    pub new_sessions_per_minute: Option<u32>,
    /// Writes by the Session API per client address in a minute; over it: 429.
    pub api_writes_per_minute: Option<u32>,
    /// Connections at once; over it they are closed.
    pub connections: Option<usize>,
    /// Connections of one client address at once.
    pub connections_per_client: Option<usize>,
    /// Requests under way at once; over it: 503.
    pub requests: Option<usize>,
    /// Requests of one HTTP/2 connection at once.
    pub http2_streams: u32,
    /// How long clients are waited for.
    pub patience: Patience,
}

/// Where traces of requests go, and which requests are traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// The collector's whole address.
    pub endpoint: Uri,
    /// Which requests are traced.
    pub sampling: Sampling,
    /// Whether only trusted proxies may say so.
    pub trusted_alone: bool,
    /// The file that holds the collector's bearer token.
    pub token_file: Option<PathBuf>,
    /// How long the collector may take for a batch.
    pub timeout: Duration,
    /// `service.name`.
    pub service_name: Arc<str>,
}

impl Traces {
    /// Whether another one sends them to the same place in the same way.
    pub fn is_same_way(&self, other: &Self) -> bool {
        let way = |traces: &Self| Self {
            sampling: other.sampling,
            trusted_alone: other.trusted_alone,
            ..traces.clone()
        };
        way(self) == *other
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Events below it are left out.
    pub level: LogLevel,
    /// The shape of a line.
    pub format: LogFormat,
    /// Which requests get a line.
    pub access: AccessLog,
}

/// Which requests get a line in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// All.
    All,
    /// A share, and what went wrong.
    Sampled(Sampling),
    /// None.
    Off,
}

/// How grave an event must be to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// And what may become one.
    Warn,
    /// And what happens.
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// Text for people.
    Text,
}
