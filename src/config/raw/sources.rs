//! Where a store's truth comes from: directory, platform, verification of logins, and how all of them
//! are called.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::{Breaker, Size, Span};

/// Where apps look up the store's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Directory {
    /// The kind of directory.
    pub kind: DirectoryKind,
    /// The TOML file of whatever is looked up in one.
    pub file: String,
    /// What is looked up elsewhere than `kind` says.
    pub from: LookupPlaces,
    /// The platform, for whatever is looked up there.
    pub vtex: VtexDirectory,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            kind: DirectoryKind::Embedded,
            file: "directory.toml".to_owned(),
            from: LookupPlaces::default(),
            vtex: VtexDirectory::default(),
        }
    }
}

/// The kind of directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryKind {
    /// A TOML file.
    Embedded,
    /// The platform of a VTEX store.
    Vtex,
}

/// What is looked up elsewhere than the directory's kind says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LookupPlaces {
    /// Trade policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<DirectoryKind>,
    /// Customers and their price tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers: Option<DirectoryKind>,
    /// Campaigns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaigns: Option<DirectoryKind>,
    /// Regions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<DirectoryKind>,
    /// Who may act as a customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<DirectoryKind>,
}

/// The platform of a VTEX store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VtexDirectory {
    /// Its address, `https://ACCOUNT.vtexcommercestable.com.br`. Needed where something is looked
    /// up there.
    pub address: String,
    /// The account's name there. Without it, the account's `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The trade policy of whoever asks for none; it must be open to everybody.
    pub default_channel: String,
    /// Cultures that a trade policy offers beside its own: lists by the policy's id.
    pub cultures: BTreeMap<String, Vec<String>>,
    /// A file with the app key. Customers, campaigns and permissions need one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_key_file: Option<String>,
    /// A file with the app key's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_token_file: Option<String>,
    /// The app key itself, in a variable alone: `VESTIBULE__ACCOUNT__NAME__DIRECTORY__VTEX__APP_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_key: Option<Secret>,
    /// The app key's token itself, in a variable alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_token: Option<Secret>,
    /// The folder in which campaign audiences are kept for the next start.
    pub folder: String,
    /// How often campaign audiences are fetched. At least `10s`.
    pub campaigns_every: Span,
    /// Up to this age an answer is believed.
    pub fresh: Span,
    /// Up to this age it is believed while a newer one is fetched.
    pub refreshing: Span,
    /// Up to this age it stands in for one that cannot be had. Permissions: `5m` at most.
    pub on_error: Span,
    /// How long it is believed that there is no such customer, region or permission.
    pub nothing: Span,
}

impl Default for VtexDirectory {
    fn default() -> Self {
        Self {
            address: String::new(),
            account: None,
            default_channel: "1".to_owned(),
            cultures: BTreeMap::new(),
            app_key_file: None,
            app_token_file: None,
            app_key: None,
            app_token: None,
            folder: "data/directory".to_owned(),
            campaigns_every: Span::mins(5),
            fresh: Span::mins(1),
            refreshing: Span::mins(10),
            on_error: Span::mins(24 * 60),
            nothing: Span::secs(30),
        }
    }
}

/// How login tokens are verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Authentication {
    /// JWKS files; all their keys count. Read again when they change.
    pub jwks: Vec<String>,
    /// The address of a JWKS. Its keys count beside those of files; they are fetched again every
    /// `10m`, and once a minute at most where a token names an unknown key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// The address of a VTEX ID service, such as `https://ACCOUNT.vtexcommercestable.com.br`: it is
    /// asked about tokens whose key is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_url: Option<String>,
    /// How long a verdict is believed, if the token does not end before.
    pub verify_ttl: Span,
    /// How many tokens of one client the VTEX ID service is asked about in a minute. Of all clients
    /// together: fifty times that.
    #[schemars(range(min = 1, max = 100_000))]
    pub validations_per_minute: u32,
    /// A private key of one's own, whose tokens count too: for tests and the demo, with
    /// `vestibule token mint`. Whoever holds the file can log in as anybody. Made at start where
    /// it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_key: Option<String>,
    /// The `iss` that tokens must name.
    pub issuer: String,
    /// How far the issuer's clock may differ from this one's. At most `5s`.
    pub leeway: Span,
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            jwks: Vec::new(),
            jwks_url: None,
            validate_url: None,
            verify_ttl: Span::mins(5),
            validations_per_minute: 60,
            local_key: None,
            issuer: "token-emitter".to_owned(),
            leeway: Span::secs(5),
        }
    }
}

/// How the platform and the login's services are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// How long a call may take, repetitions included; a connection at most `1s` of it.
    pub timeout: Span,
    /// How often a call that changes nothing is made again within that time.
    pub retries: u8,
    /// How many calls may be under way at one origin; those past it fail at once.
    #[schemars(range(min = 1))]
    pub concurrency: u16,
    /// The longest answer.
    pub max_reply: Size,
    /// When a source is left alone for a while.
    pub breaker: Breaker,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            timeout: Span(std::time::Duration::from_millis(1500)),
            retries: 1,
            concurrency: 64,
            max_reply: Size::mib(4),
            breaker: Breaker::default(),
        }
    }
}
