//! A directory whose look-ups go to different places: campaigns to a file, customers to the
//! platform, or the other way round.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ports::{Channels, Customer, Directory, DirectoryError, Place, Visit};

/// Where each kind of look-up goes.
#[derive(Clone, Debug)]
pub struct Mixed {
    /// Trade policies.
    pub channels: Arc<dyn Directory>,
    /// Customers.
    pub customers: Arc<dyn Directory>,
    /// Campaigns.
    pub campaigns: Arc<dyn Directory>,
    /// Regions.
    pub regions: Arc<dyn Directory>,
    /// Who may act as a customer.
    pub permissions: Arc<dyn Directory>,
}

#[async_trait]
impl Directory for Mixed {
    async fn channels(&self, email: Option<&str>) -> Result<Arc<Channels>, DirectoryError> {
        self.channels.channels(email).await
    }

    async fn customer(&self, id: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        self.customers.customer(id).await
    }

    async fn customer_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Arc<Customer>>, DirectoryError> {
        self.customers.customer_by_email(email).await
    }

    async fn campaigns(&self, visit: Visit<'_>) -> Result<Vec<String>, DirectoryError> {
        self.campaigns.campaigns(visit).await
    }

    async fn region(&self, place: Place<'_>) -> Result<Option<String>, DirectoryError> {
        self.regions.region(place).await
    }

    async fn may_impersonate(&self, admin_email: &str) -> Result<bool, DirectoryError> {
        self.permissions.may_impersonate(admin_email).await
    }
}
