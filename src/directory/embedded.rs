//! A directory in a TOML file: small stores, tests and the demo.
//!
//! Never reads the file itself, and changes nothing after it was parsed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use toml::de::DeTable;

use crate::domain::vtexid::canonical_email;
use crate::ports::{Channels, Customer, Directory, DirectoryError, Place, Visit};
use campaigns::Campaigns;
use channels::{ChannelList, Views};
use people::{Customers, Staff};
use regions::Regions;
use walk::{Entry, Mistakes};

mod campaigns;
mod channels;
mod circle;
mod people;
pub(in crate::directory) mod postal;
mod regions;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::FileError;

const KEYS: [&str; 6] = [
    "default_channel",
    "channel",
    "customer",
    "staff",
    "campaign",
    "region",
];

/// A directory, read from a file and checked.
pub struct Embedded {
    channels: Arc<Channels>,
    customers: Customers,
    staff: Staff,
    campaigns: Campaigns,
    regions: Regions,
}

impl Embedded {
    /// Reads a directory file.
    ///
    /// Every mistake is told at once, in the order of the file; but where the text is no TOML, only
    /// that is told, since its meaning cannot be known.
    pub fn parse(text: &str) -> Result<Self, Vec<FileError>> {
        Self::parse_as(text, false)
    }

    /// The same of a file whose trade policies are looked up elsewhere: it may have none, and then
    /// its campaigns may name any.
    pub fn parse_part(text: &str) -> Result<Self, Vec<FileError>> {
        Self::parse_as(text, true)
    }

    fn parse_as(text: &str, part: bool) -> Result<Self, Vec<FileError>> {
        let mistakes = Mistakes::default();
        let (document, faults) = DeTable::parse_recoverable(text);
        for fault in faults {
            let at = fault.span().map_or(0, |span| span.start);
            mistakes.add(at, format!("not TOML: {}", fault.message()));
        }
        if !mistakes.is_empty() {
            return Err(mistakes.locate(text));
        }
        let directory = Self::read(&Entry::open(document.get_ref(), 0, &KEYS, &mistakes), part);
        if mistakes.is_empty() {
            Ok(directory)
        } else {
            Err(mistakes.locate(text))
        }
    }

    fn read(root: &Entry<'_>, part: bool) -> Self {
        let list = ChannelList::read(root, part);
        let mut views = Views::default();
        Self {
            channels: views.of(&list, &[]),
            customers: Customers::read(root, &list, &mut views),
            staff: Staff::read(root),
            campaigns: Campaigns::read(root, &list),
            regions: Regions::read(root),
        }
    }
}

/// Never the people.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("channels", &self.channels.known.len())
            .field("customers", &self.customers.len())
            .field("staff", &self.staff.len())
            .field("campaigns", &self.campaigns.len())
            .field("regions", &self.regions.len())
            .finish()
    }
}

#[async_trait]
impl Directory for Embedded {
    async fn channels(&self, email: Option<&str>) -> Result<Arc<Channels>, DirectoryError> {
        let email = email.and_then(canonical_email);
        let own = email.and_then(|email| self.customers.channels_of(&email));
        Ok(Arc::clone(own.unwrap_or(&self.channels)))
    }

    async fn customer(&self, id: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        Ok(self.customers.by_id(id).cloned())
    }

    async fn customer_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Arc<Customer>>, DirectoryError> {
        Ok(self.customers.by_email(email).cloned())
    }

    async fn campaigns(&self, visit: Visit<'_>) -> Result<Vec<String>, DirectoryError> {
        Ok(self.campaigns.fitting(visit))
    }

    async fn region(&self, place: Place<'_>) -> Result<Option<String>, DirectoryError> {
        Ok(self.regions.of(place).map(str::to_owned))
    }

    async fn may_impersonate(&self, admin_email: &str) -> Result<bool, DirectoryError> {
        let email = canonical_email(admin_email);
        Ok(email.is_some_and(|email| self.staff.may_impersonate(&email)))
    }
}
