//! Where a store's truth comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::raw::Secret;
use crate::domain::breaker::BreakerSettings;
use crate::domain::freshness::Ages;

/// Where apps look up the store's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySource {
    /// The TOML file of whatever is looked up in one; there where `remote` leaves anything to it.
    pub file: Option<EmbeddedFile>,
    /// The platform, and what is looked up there.
    pub vtex: Option<Box<Vtex>>,
}

/// A TOML file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// The file.
    pub path: PathBuf,
    /// Whether trade policies are looked up in it.
    pub channels: bool,
}

/// The platform of a VTEX store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vtex {
    /// Its address, without a slash at the end.
    pub address: String,
    /// The account's name there.
    pub account: String,
    /// The trade policy of whoever asks for none.
    pub default_channel: String,
    /// Cultures that a trade policy offers beside its own, by the policy's id.
    pub cultures: BTreeMap<String, Vec<String>>,
    /// The app key and its token, where there are any.
    pub credentials: Option<(SecretSource, SecretSource)>,
    /// The folder for what is kept for the next start.
    pub folder: PathBuf,
    /// How often campaign audiences are fetched.
    pub campaigns_every: Duration,
    /// How long answers are believed.
    pub ages: Ages,
    /// How long it is believed that there is nothing.
    pub nothing: Duration,
    /// What is looked up there.
    pub lookups: Lookups,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// It came in by a variable.
    Variable(Secret),
}

/// What is looked up at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five look-ups, each of them there or not"
)]
pub struct Lookups {
    /// Trade policies.
    pub channels: bool,
    /// Customers.
    pub customers: bool,
    /// Campaigns.
    pub campaigns: bool,
    /// Regions.
    pub regions: bool,
    /// Who may act as a customer.
    pub permissions: bool,
}

/// How login tokens are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// JWKS files, all of whose keys count.
    pub jwks: Vec<PathBuf>,
    /// The address of a JWKS.
    pub jwks_url: Option<String>,
    /// The address of a VTEX ID service, without a slash at the end.
    pub validate_url: Option<String>,
    /// How long a verdict is believed.
    pub verify_ttl: Duration,
    /// How many tokens of one client the service is asked about in a minute.
    pub validations_per_minute: u32,
    /// A private key of this process's own, whose tokens count too (demo and tests).
    pub local_key: Option<PathBuf>,
    /// Who must have issued a token.
    pub issuer: String,
    /// How far clocks may differ, at most 5 s.
    pub leeway: Duration,
}

/// How the platform and the login's services are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// How long a call may take, repetitions included.
    pub timeout: Duration,
    /// How often a call that changes nothing is made again.
    pub retries: u32,
    /// How many calls may be under way at one origin.
    pub concurrency: usize,
    /// The longest answer, in bytes.
    pub reply_bytes: usize,
    /// When a source is left alone for a while.
    pub breaker: BreakerSettings,
}
