//! A directory that a test can break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use vestibule::assemble::{AccountSources, AssembleError, DirectoriesOnDisk, OpenDirectory};
use vestibule::config::values::DirectorySource;
use vestibule::ports::{Channels, Customer, Directory, DirectoryError, Place, Visit};

/// How the directory answers.
#[derive(Debug, Default)]
pub(crate) struct Mood {
    pub down: AtomicBool,
    pub silent: AtomicBool,
    /// It panics, as a mistake of ours would.
    pub breaks: AtomicBool,
    pub calls: AtomicUsize,
    campaigns_down: AtomicBool,
    price_tables: Mutex<Vec<String>>,
}

impl Mood {
    /// How often it was asked.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Campaigns alone cannot be had.
    pub(crate) fn fail_campaigns(&self) {
        self.campaigns_down.store(true, Ordering::SeqCst);
    }

    /// Every customer has these price tables.
    pub(crate) fn give_price_tables(&self, tables: &[String]) {
        *self.price_tables.lock() = tables.to_vec();
    }

    async fn ask(&self) -> Result<(), DirectoryError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(!self.breaks.load(Ordering::SeqCst), "the directory breaks");
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(DirectoryError("down".to_owned()));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Moody(pub Arc<Mood>);

impl OpenDirectory for Moody {
    fn open(
        &self,
        source: &DirectorySource,
        sources: &AccountSources,
    ) -> Result<Arc<dyn Directory>, AssembleError> {
        let real = DirectoriesOnDisk.open(source, sources)?;
        Ok(Arc::new(MoodyDirectory {
            mood: Arc::clone(&self.0),
            real,
        }))
    }
}

#[derive(Debug)]
struct MoodyDirectory {
    mood: Arc<Mood>,
    real: Arc<dyn Directory>,
}

#[async_trait]
impl Directory for MoodyDirectory {
    async fn channels(&self, email: Option<&str>) -> Result<Arc<Channels>, DirectoryError> {
        self.mood.ask().await?;
        self.real.channels(email).await
    }

    async fn customer(&self, id: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        self.mood.ask().await?;
        let found = self.real.customer(id).await?;
        let tables = self.mood.price_tables.lock().clone();
        Ok(found.map(|customer| {
            if tables.is_empty() {
                return customer;
            }
            Arc::new(Customer {
                price_tables: tables,
                ..Customer::clone(&customer)
            })
        }))
    }

    async fn customer_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Arc<Customer>>, DirectoryError> {
        self.mood.ask().await?;
        self.real.customer_by_email(email).await
    }

    async fn campaigns(&self, visit: Visit<'_>) -> Result<Vec<String>, DirectoryError> {
        self.mood.ask().await?;
        if self.mood.campaigns_down.load(Ordering::SeqCst) {
            return Err(DirectoryError("no campaigns".to_owned()));
        }
        self.real.campaigns(visit).await
    }

    async fn region(&self, place: Place<'_>) -> Result<Option<String>, DirectoryError> {
        self.mood.ask().await?;
        self.real.region(place).await
    }

    async fn may_impersonate(&self, admin_email: &str) -> Result<bool, DirectoryError> {
        self.mood.ask().await?;
        self.real.may_impersonate(admin_email).await
    }
}
