//! The checked configuration: what the rest of the program may rely on.
//!
//! Values are built by `check` alone, so whoever holds a [`Config`] need not check again.

mod account;
mod listener;
mod process;
pub mod settings;
mod sources;
mod upstream;

pub use account::{
    Account, AccountId, Api, App, AuthCookie, CarryOver, Cookies, HostPattern, Keys, Lifetimes,
    Memo, Place, Runs, Service, SessionContext, Switches,
};
pub use listener::{CertificateFiles, ListenPlace, Listener, Tls, WITHOUT_ADDRESS};
pub use process::{
    AccessLog, Admin, AdminTls, Config, Limits, Log, LogFormat, LogLevel, SharedStore, Store,
    StoreKind, StoreMode, StoreTls, Traces,
};
pub use sources::{
    Authentication, Calls, DirectorySource, EmbeddedFile, Lookups, SecretSource, Vtex,
};
pub use upstream::{
    HealthCheck, HealthQuestion, Upstream, UpstreamAddress, UpstreamProtocol, UpstreamTimeouts,
    UpstreamTls,
};
