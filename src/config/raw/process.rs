//! `[server]`, `[admin]`, `[log]`, `[store]`, `[limits]`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Span};
use crate::domain::request::CRAWLERS;

/// The process as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Worker threads. Without it, one per processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub threads: Option<u16>,
    /// How long requests under way may take once the process was told to stop.
    pub grace: Span,
    /// A socket of this machine, for this user alone, over which a new process takes over from
    /// this one: by `vestibule run --upgrade`, or at `SIGQUIT`. Without it there is no hand-over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handover_socket: Option<String>,
    /// Whether the configuration is read again as soon as a file that it came from has changed. At
    /// `SIGHUP` it always is.
    pub watch: bool,
    /// Networks (`10.0.0.0/8`, or one address) whose `X-Forwarded-*`, `Forwarded`, original-URL
    /// and method-override headers are believed. From anywhere else they are removed. `unix` for
    /// whoever comes by a `unix:` address.
    pub trusted_proxies: Vec<String>,
    /// Parts of a `User-Agent`, in any case of letters, by which crawlers are known. They never
    /// get a stored session.
    pub crawlers: Vec<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            threads: None,
            grace: Span::secs(30),
            handover_socket: None,
            watch: true,
            trusted_proxies: Vec::new(),
            crawlers: CRAWLERS.iter().map(|&token| token.to_owned()).collect(),
        }
    }
}

/// The address for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address and port.
    #[schemars(extend("format" = "socket-address"))]
    pub address: String,
    /// A file that holds the bearer token for all but health, at least 16 characters. Without it,
    /// and without `tls.client_ca_file`, the address has to be a loopback one, and whoever is on
    /// this machine may ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// What makes it speak TLS, 1.2 and 1.3. Without this table it speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<AdminTls>,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9090".to_owned(),
            token_file: None,
            tls: None,
        }
    }
}

/// How the address for operators speaks TLS. Its files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub struct AdminTls {
    /// The certificate that is shown and those that vouch for it, the own one first (PEM).
    pub certificate: String,
    /// Its private key, without a passphrase (PEM).
    pub key: String,
    /// Certificates of the authorities that vouch for operators (PEM). Who shows a certificate of
    /// theirs needs no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Events below it are left out.
    pub level: LogLevel,
    /// The shape of a line.
    pub format: LogFormat,
    /// Which requests get a line.
    pub access: AccessLog,
    /// The share of requests that get one with `access = "sampled"`, from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub access_ratio: f64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Json,
            access: AccessLog::All,
            access_ratio: 0.01,
        }
    }
}

/// Which requests get a line in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLog {
    /// All.
    All,
    /// A share of them; all that failed, were refused unread or answered with 500 and more; and
    /// those that are traced.
    Sampled,
    /// None.
    Off,
}

/// How grave an event must be to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// Text for people.
    Text,
}

/// Where sessions live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The kind of store.
    pub kind: StoreKind,
    /// The folder of an `embedded` store, made where it is missing. Each process needs its own.
    pub path: String,
    /// Sessions that may begin or change while the store behind the memory cannot be asked; they
    /// are written when it answers again. Past it, new visitors get none until then. Twice as many
    /// may end.
    pub journal: usize,
    /// The servers of a `valkey` store, each `host:port`: the one, the Sentinels, or some nodes of
    /// the cluster.
    pub addresses: Vec<String>,
    /// What is behind the addresses.
    pub mode: StoreMode,
    /// The name by which the Sentinels know the master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel_master: Option<String>,
    /// Whether connections to the servers are encrypted.
    pub tls: bool,
    /// A file with certificates (PEM) of the authorities that vouch for the servers. Without it,
    /// the system's count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A file with the certificate (PEM) that is shown to the servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// A file with its key (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// The user of the store. Without it, `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A file that holds the user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// What all keys and the channel of changes begin with: instances that share sessions share it.
    pub key_prefix: String,
    /// How long an operation of a `valkey` store may take, waiting for a connection included. Past
    /// it the store counts as unavailable.
    pub deadline: Span,
    /// Memory that sessions of anonymous shoppers may take up. Past it the least recently used go:
    /// from memory alone where there is a store behind it, else for good.
    pub max_anonymous: Size,
    /// Memory that sessions of known shoppers may take up.
    pub max_authenticated: Size,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::Embedded,
            path: "data/sessions".to_owned(),
            journal: 50_000,
            addresses: Vec::new(),
            mode: StoreMode::Single,
            sentinel_master: None,
            tls: false,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            username: None,
            password_file: None,
            key_prefix: "vst".to_owned(),
            deadline: Span(Duration::from_millis(100)),
            max_anonymous: Size::mib(256),
            max_authenticated: Size::mib(256),
        }
    }
}

/// The kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// On the disk of this machine, behind a cache in memory: survives a restart and a kill.
    Embedded,
    /// In this process alone: a restart forgets every session.
    Memory,
    /// On Valkey, or Redis from version 7: several instances share their sessions.
    Valkey,
}

/// What is behind the addresses of a shared store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreMode {
    /// One server.
    Single,
    /// Sentinels that know the master.
    Sentinel,
    /// Nodes of a cluster; the others are found by themselves.
    Cluster,
}

/// What a request and a session may weigh, how slow a client may be, and how much may go on at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Request line and headers together. Over it: 431.
    pub head: Size,
    /// Header lines. Over it: 431.
    #[schemars(range(min = 1))]
    pub headers: u16,
    /// The cookie header. Cookies past it are ignored and counted; the request goes on.
    pub cookies: Size,
    /// A session's whole document. A write over it is refused and changes nothing.
    pub session: Size,
    /// Keys in a session's `public` namespace.
    #[schemars(range(min = 1))]
    pub public_keys: u32,
    /// How deep a value may be nested.
    #[schemars(range(min = 1, max = 64))]
    pub value_depth: u8,
    /// What an app over HTTP may answer. A longer answer is a failure of the app.
    pub app_reply: Size,
    /// The body of a call of the Session API. Over it: 413.
    pub api_body: Size,
    /// New sessions per client address in a minute; `0` for no limit. Over it pages are served
    /// with the headers of a default session.
    pub new_sessions_per_minute: u32,
    /// `POST` and `PATCH` of the Session API per client address in a minute; `0` for no limit. Over
    /// it: 429 with `Retry-After`.
    pub api_writes_per_minute: u32,
    /// Connections of all listeners at once; `0` for no limit. Over it they are closed as soon as
    /// they come.
    pub connections: u32,
    /// Connections of one client address at once; `0` for no limit. Trusted proxies and this
    /// machine are not counted.
    pub connections_per_client: u32,
    /// Requests under way at once; `0` for no limit. Over it: 503 with `Retry-After`.
    pub requests: u32,
    /// Requests of one HTTP/2 connection at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams: u32,
    /// How long a client's kept connection may be idle, in whole seconds. At least `1s`.
    pub idle_timeout: Span,
    /// How long a head may take from its first byte to its last. Over it: 408.
    pub head_timeout: Span,
    /// How long a body may be waited for without any progress. Over it: 408.
    pub body_timeout: Span,
    /// What a body has to bring each second beyond that; `0` for no such rate.
    pub body_rate: Size,
    /// How long a client may take nothing of an answer that waits for it. Then its connection is
    /// closed.
    pub answer_timeout: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Size::kib(32),
            headers: 100,
            cookies: Size::kib(16),
            session: Size::kib(64),
            public_keys: 256,
            value_depth: 16,
            app_reply: Size::kib(64),
            api_body: Size::kib(64),
            new_sessions_per_minute: 120,
            api_writes_per_minute: 6_000,
            connections: 16_384,
            connections_per_client: 1_024,
            requests: 8_192,
            http2_streams: 100,
            idle_timeout: Span::secs(60),
            head_timeout: Span::secs(10),
            body_timeout: Span::secs(20),
            body_rate: Size(512),
            answer_timeout: Span::secs(30),
        }
    }
}
