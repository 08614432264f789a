//! The ports: everything the flow needs of the world outside, and nothing more.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::request::trace::RequestTrace;
use crate::domain::time::Millis;
use crate::domain::transform::{Answer, Call, Failure};

mod far;
mod sessions;

pub use far::{Changed, FarStore, Kept, Touched};
pub use sessions::{OfPerson, SessionStore, StoreError, StoreHealth};

/// The time. One reading a request; tests own it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Millis;
}

/// Randomness of cryptographic quality.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// 128 random bits.
    fn bits(&self) -> u128;
    /// A random number, for pauses that must not be the same everywhere.
    fn chance(&self) -> u32 {
        u32::try_from(self.bits() >> 96).unwrap_or(0)
    }
}

/// Where names of other machines lead. Asked for each new connection, so that a name that moved is
/// found at its new place without a restart.
#[async_trait]
pub trait Names: Send + Sync + std::fmt::Debug {
    /// The addresses of a name, best first. A port of 0 is whatever the call's address says.
    async fn find(&self, name: &str) -> std::io::Result<Vec<SocketAddr>>;
}

/// The store's data could not be had. The text is for logs and `explain`, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("directory: {0}")]
pub struct DirectoryError(pub String);

/// A trade policy (sales channel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id, the value of `sc`.
    pub id: String,
    /// Inactive channels are granted to nobody.
    pub active: bool,
    /// Private channels are open only to customers that list them.
    pub private: bool,
    /// Country, ISO 3166 alpha-3.
    pub country: String,
    /// Currency, ISO 4217.
    pub currency: String,
    /// The currency's symbol.
    pub currency_symbol: String,
    /// Offered cultures; the first is the default. Never empty.
    pub cultures: Vec<String>,
}

/// The trade policies of a store, as one shopper sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Every channel this shopper may have heard of, open to them or not.
    pub known: Vec<Channel>,
    /// Ids of the channels that are open to this shopper.
    pub open: Vec<String>,
    /// The account's default channel.
    pub default: String,
}

/// A customer of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The user id that tokens carry.
    pub id: String,
    /// E-mail, in canonical form (trimmed, lower case).
    pub email: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// National document.
    pub document: Option<String>,
    /// Price tables, in the order of the source.
    pub price_tables: Vec<String>,
}

/// What decides whether campaigns fit a shopper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit<'a> {
    /// The shopper's e-mail.
    pub email: Option<&'a str>,
    /// `utm_source` of the visit.
    pub utm_source: Option<&'a str>,
    /// `utm_campaign` of the visit.
    pub utm_campaign: Option<&'a str>,
    /// The postal code, as it was given.
    pub postal_code: Option<&'a str>,
    /// The trade policy in force.
    pub channel: Option<&'a str>,
}

/// Where a shopper says that they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A country (alpha-3) and a postal code.
    Postal {
        /// The country.
        country: &'a str,
        /// The code, as it was given.
        code: &'a str,
    },
    /// A country and coordinates, `lon,lat` in degrees.
    Coordinates {
        /// The country.
        country: &'a str,
        /// The text, as it was given.
        coordinates: &'a str,
    },
}

/// Where the built-in apps look up the store's data.
#[async_trait]
pub trait Directory: Send + Sync + std::fmt::Debug {
    /// The trade policies, with those open to this shopper (by e-mail; none: an anonymous one).
    async fn channels(&self, email: Option<&str>) -> Result<Arc<Channels>, DirectoryError>;
    /// A customer by user id.
    async fn customer(&self, id: &str) -> Result<Option<Arc<Customer>>, DirectoryError>;
    /// A customer by e-mail in canonical form.
    async fn customer_by_email(&self, email: &str)
    -> Result<Option<Arc<Customer>>, DirectoryError>;
    /// Ids of the campaigns that fit, in the store's order.
    async fn campaigns(&self, visit: Visit<'_>) -> Result<Vec<String>, DirectoryError>;
    /// The region of a place, if there is one.
    async fn region(&self, place: Place<'_>) -> Result<Option<String>, DirectoryError>;
    /// Whether this member of staff may act as a customer.
    async fn may_impersonate(&self, admin_email: &str) -> Result<bool, DirectoryError>;
}

/// Calls session apps. Timeouts, memo and order are the flow's.
#[async_trait]
pub trait AppCaller: Send + Sync + std::fmt::Debug {
    /// Asks one app, on behalf of the request that `trace` names.
    async fn call(&self, call: &Call, trace: &RequestTrace) -> Result<Answer, Failure>;
}

/// Whom a request's login tokens prove. People are pairs of user id and e-mail.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthOutcome {
    /// The member of staff.
    pub admin: Option<(String, String)>,
    /// The shopper.
    pub shopper: Option<(String, String)>,
    /// When the first of the tokens used ends.
    pub valid_until: Option<Millis>,
    /// Why other tokens proved nobody; labels of a closed set.
    pub refused: Vec<&'static str>,
}

/// Never the people.
impl std::fmt::Debug for AuthOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthOutcome")
            .field("admin", &self.admin.is_some())
            .field("shopper", &self.shopper.is_some())
            .field("valid_until", &self.valid_until)
            .field("refused", &self.refused)
            .finish()
    }
}

/// Verifies login tokens.
#[async_trait]
pub trait TokenVerifier: Send + Sync + std::fmt::Debug {
    /// Whom these cookies, by name and value, prove. A token that proves nobody is no failure.
    /// `client` is whose cookies they are, where that is known.
    async fn verify(
        &self,
        cookies: &[(String, String)],
        client: Option<IpAddr>,
    ) -> Result<AuthOutcome, Failure>;
}
