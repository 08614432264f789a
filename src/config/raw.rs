//! The configuration as it is written: shapes and defaults, and no meaning yet.
//!
//! The comments of these types are the text of the reference; their `Default` is the only place
//! where defaults are written.

mod account;
mod account_parts;
mod backends;
mod lifetime;
mod listener;
mod process;
mod secret;
mod size;
mod sources;
mod span;
mod traces;
mod upstream;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use account::{Account, AuthCookie, Cookies, HeaderSource, Headers, Inputs, SameSite};
pub use account_parts::{Allow, Api, Consent, Context, Cycle, Keys, Memo, OnLoop};
pub use backends::{App, Breaker, OnDeniedChannel, OnError, OnExpired, Route, SessionUse};
pub use lifetime::{CookieAge, Lifespan, Lifetime, Profile};
pub use listener::{Certificate, Listener, RedirectHttps, Tls};
pub use process::{
    AccessLog, Admin, AdminTls, Limits, Log, LogFormat, LogLevel, Server, Store, StoreKind,
    StoreMode,
};
pub use secret::Secret;
pub use size::Size;
pub use sources::{Authentication, Calls, Directory, DirectoryKind, LookupPlaces, VtexDirectory};
pub use span::Span;
pub use traces::{TraceParent, Traces};
pub use upstream::{Balance, Ejection, HeaderNames, HealthCheck, Protocol, Upstream, UpstreamTls};

/// The configuration of a Vestibule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Vestibule", extend("required" = ["account"]))]
pub struct Root {
    /// The process as a whole.
    pub server: Server,
    /// Addresses for shoppers. Without any, one listens on `127.0.0.1:8080`.
    pub listener: Vec<Listener>,
    /// The address for operators: metrics and health. Without this table there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// What is logged.
    pub log: Log,
    /// Traces of requests. Without this table there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Traces>,
    /// Where sessions live.
    pub store: Store,
    /// What a request and a session may weigh.
    pub limits: Limits,
    /// How long sessions live. An account's own table of this name goes over it, key by key.
    pub lifetime: Lifetime,
    /// The stores that are served. Entries of several files are one where their `name` is.
    #[schemars(length(min = 1))]
    pub account: Vec<Account>,
}
