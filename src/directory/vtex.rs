//! The directory of a store on the platform: trade policies from its catalogue, customers from Master
//! Data, campaign audiences from Promotions, regions from its checkout, permissions from License
//! Manager.
//!
//! Calls and formats are those of the platform's published schemas. What was answered is kept by
//! question; customers' data is in memory alone and never logged.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::domain::freshness::Ages;
use crate::outbound::kept::{Given, Keeping, Kept};
use crate::outbound::recent::{Ledger, Recent};
use crate::outbound::source::{Source, SourceError, read_json};
use crate::ports::{Channels, Customer, Directory, DirectoryError, Place, Visit};
use audiences::{Audiences, WireAudience};
use channels::{WireChannel, channels_of};
use customers::{Who, WireCustomer};
use regions::{WireRegion, query_of, region_of};
use shelf::Shelf;

pub(crate) mod address;
mod audiences;
mod channels;
mod customers;
mod probe;
mod regions;
mod shelf;
#[cfg(test)]
mod tests;

use address::{CAMPAIGNS_PATH, below, channels_path, customer_path, permission_path, region_path};

/// Names of the platform's credentials.
const APP_KEY: HeaderName = HeaderName::from_static("x-vtex-api-appkey");
const APP_TOKEN: HeaderName = HeaderName::from_static("x-vtex-api-apptoken");
/// A search answers by ranges; one customer has one document, and a few are enough to see more.
const RANGE: HeaderName = HeaderName::from_static("rest-range");
const FEW: HeaderValue = HeaderValue::from_static("resources=0-10");

/// Answers of each kind that are kept at most.
const MOST: u64 = 100_000;
/// The age up to which campaign audiences serve while their source is away.
const CAMPAIGNS_LAST: Duration = Duration::from_hours(30 * 24);
/// How long a permission is believed, and how long where License Manager is away: somebody who may
/// act as any customer must not keep that by an outage.
const PERMISSION: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(5));

/// What the directory of one account is made of.
#[derive(Clone, Debug)]
pub struct VtexSettings {
    /// The platform's address, without a slash at the end.
    pub base: String,
    /// The account's name on the platform.
    pub platform_account: String,
    /// The trade policy of whoever asks for none.
    pub default_channel: String,
    /// Cultures that a trade policy offers beside its own.
    pub cultures: BTreeMap<String, Vec<String>>,
    /// The app key and its token, both marked as sensitive.
    pub credentials: Option<(HeaderValue, HeaderValue)>,
    /// How long answers are believed.
    pub ages: Ages,
    /// How long it is believed that there is nothing.
    pub nothing: Duration,
    /// How often campaign audiences are fetched.
    pub campaigns_every: Duration,
    /// Where they are kept for the next start.
    pub campaigns_file: PathBuf,
    /// Whether anything is written there.
    pub writes: bool,
}

/// The sources of a directory; none where the look-up goes elsewhere.
#[derive(Clone, Debug, Default)]
pub struct VtexSources {
    /// The catalogue.
    pub channels: Option<Arc<Source>>,
    /// Master Data.
    pub customers: Option<Arc<Source>>,
    /// Promotions.
    pub campaigns: Option<Arc<Source>>,
    /// The checkout.
    pub regions: Option<Arc<Source>>,
    /// License Manager.
    pub permissions: Option<Arc<Source>>,
}

/// A source, and what it has said.
struct Lookup<K, V> {
    source: Arc<Source>,
    kept: Arc<Kept<K, V>>,
}

/// Neither questions nor answers.
impl<K, V> fmt::Debug for Lookup<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({})", self.source.name())
    }
}

/// The directory of a store on the platform.
#[derive(Debug)]
pub struct VtexDirectory {
    settings: Arc<VtexSettings>,
    channels: Option<Lookup<Option<String>, Arc<Channels>>>,
    customers: Option<Lookup<Who, Option<Arc<Customer>>>>,
    campaigns: Option<Lookup<(), Arc<Audiences>>>,
    regions: Option<Lookup<String, Option<String>>>,
    permissions: Option<Lookup<String, bool>>,
}

impl VtexDirectory {
    /// A directory that has asked nothing yet, with the audiences that an earlier process kept.
    pub fn new(
        settings: VtexSettings,
        sources: VtexSources,
        account: &str,
        recent: &Arc<Recent>,
    ) -> Self {
        let nothing = Ages::only(settings.nothing);
        let (fresh, last) = PERMISSION;
        let directory = Self {
            channels: sources
                .channels
                .map(|source| lookup(source, few(&settings, |_| false), account, recent)),
            customers: sources
                .customers
                .map(|source| lookup(source, few(&settings, Option::is_none), account, recent)),
            campaigns: sources.campaigns.map(|source| {
                let ages = Ages::new(settings.campaigns_every, CAMPAIGNS_LAST, CAMPAIGNS_LAST);
                let one = Keeping {
                    ages,
                    nothing,
                    is_nothing: |_| false,
                    most: 1,
                };
                lookup(source, one, account, recent)
            }),
            regions: sources
                .regions
                .map(|source| lookup(source, few(&settings, Option::is_none), account, recent)),
            permissions: sources.permissions.map(|source| {
                let ages = Ages::new(fresh, fresh, last);
                let few = Keeping {
                    ages,
                    nothing,
                    is_nothing: |may| !may,
                    most: MOST,
                };
                lookup(source, few, account, recent)
            }),
            settings: Arc::new(settings),
        };
        directory.take_from_shelf();
        directory
    }

    /// Audiences of an earlier process serve until newer ones are fetched.
    fn take_from_shelf(&self) {
        let Some(campaigns) = &self.campaigns else {
            return;
        };
        let on_disk = Shelf::new(self.settings.campaigns_file.clone());
        let loaded = match on_disk.load() {
            Ok(Some((text, at))) => audiences_of(text.as_bytes()).map(|audiences| (audiences, at)),
            Ok(None) => return,
            Err(error) => Err(SourceError::Answer(error.to_string())),
        };
        match loaded {
            Ok((audiences, at)) => {
                let value = Arc::new(audiences);
                campaigns.kept.put((), Given { value, at });
            }
            Err(problem) => {
                let file = on_disk.path().display();
                tracing::warn!(%file, %problem, "Campaign audiences on disk are not used.");
            }
        }
    }

    async fn ask_channels(&self, email: Option<String>) -> Result<Arc<Channels>, SourceError> {
        let lookup = here(self.channels.as_ref())?;
        let (source, settings) = (Arc::clone(&lookup.source), Arc::clone(&self.settings));
        let asked = email.clone();
        let fetch = || async move {
            let uri = settings.uri(&channels_path(asked.as_deref()))?;
            let wire: Vec<WireChannel> = source.get(uri, &HeaderMap::new()).await?;
            let (channels, faults) =
                channels_of(wire, &settings.default_channel, &settings.cultures);
            for (channel, fault) in faults {
                tracing::warn!(channel, %fault, "A trade policy is left out.");
            }
            Ok(Arc::new(channels))
        };
        Ok(lookup.kept.get(email, fetch).await?.value)
    }

    async fn ask_customer(&self, who: Who) -> Result<Option<Arc<Customer>>, SourceError> {
        let lookup = here(self.customers.as_ref())?;
        let (source, settings) = (Arc::clone(&lookup.source), Arc::clone(&self.settings));
        let asked = who.clone();
        let fetch = || async move {
            let uri = settings.uri(&customer_path(&asked))?;
            let mut headers = settings.secret_headers();
            headers.insert(RANGE, FEW);
            let wire: Vec<WireCustomer> = source.get(uri, &headers).await?;
            Ok(asked.among(wire).map(Arc::new))
        };
        Ok(lookup.kept.get(who, fetch).await?.value)
    }

    /// What fetches the audiences, and keeps them for the next start.
    fn fetch_campaigns(
        &self,
    ) -> Result<impl Future<Output = Result<Arc<Audiences>, SourceError>> + Send + use<>, SourceError>
    {
        let source = Arc::clone(&here(self.campaigns.as_ref())?.source);
        let settings = Arc::clone(&self.settings);
        Ok(async move {
            let uri = settings.uri(CAMPAIGNS_PATH)?;
            let text = source.get_text(uri, &settings.secret_headers()).await?;
            let audiences = audiences_of(&text)?;
            if settings.writes {
                let at = source.world().clock.now();
                let on_disk = Shelf::new(settings.campaigns_file.clone());
                let kept = tokio::task::spawn_blocking(move || {
                    on_disk.keep(&String::from_utf8_lossy(&text), at)
                });
                if let Ok(Err(error)) = kept.await {
                    let file = settings.campaigns_file.display();
                    tracing::warn!(%file, %error, "Campaign audiences are not kept for the next start.");
                }
            }
            Ok(Arc::new(audiences))
        })
    }

    async fn ask_campaigns(&self) -> Result<Arc<Audiences>, SourceError> {
        let lookup = here(self.campaigns.as_ref())?;
        let fetch = self.fetch_campaigns()?;
        Ok(lookup.kept.get((), || fetch).await?.value)
    }

    async fn ask_region(&self, query: String) -> Result<Option<String>, SourceError> {
        let lookup = here(self.regions.as_ref())?;
        let (source, settings) = (Arc::clone(&lookup.source), Arc::clone(&self.settings));
        let asked = query.clone();
        let fetch = || async move {
            let uri = settings.uri(&region_path(&asked))?;
            let told: Result<Vec<WireRegion>, SourceError> =
                source.get(uri, &HeaderMap::new()).await;
            match told {
                Ok(wire) => Ok(region_of(wire)),
                // The place is the shopper's own text: one that the checkout refuses is no place.
                Err(SourceError::Status(status)) if status.as_u16() == 400 => Ok(None),
                Err(error) => Err(error),
            }
        };
        Ok(lookup.kept.get(query, fetch).await?.value)
    }

    async fn ask_permission(&self, email: String) -> Result<bool, SourceError> {
        let lookup = here(self.permissions.as_ref())?;
        let (source, settings) = (Arc::clone(&lookup.source), Arc::clone(&self.settings));
        let asked = email.clone();
        let fetch = || async move {
            let uri = settings.uri(&permission_path(&settings.platform_account, &asked))?;
            match source.get(uri, &settings.secret_headers()).await {
                // Nobody of this name is known: nobody who may.
                Err(SourceError::Status(status)) if status.as_u16() == 404 => Ok(false),
                told => told,
            }
        };
        Ok(lookup.kept.get(email, fetch).await?.value)
    }
}

/// How most answers are kept: many of them, by the configured ages.
fn few<V>(settings: &VtexSettings, is_nothing: fn(&V) -> bool) -> Keeping<V> {
    Keeping {
        ages: settings.ages,
        nothing: Ages::only(settings.nothing),
        is_nothing,
        most: MOST,
    }
}

fn lookup<K, V>(
    source: Arc<Source>,
    keeping: Keeping<V>,
    account: &str,
    recent: &Arc<Recent>,
) -> Lookup<K, V>
where
    K: std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let world = source.world();
    let counters = world.metrics.lookups_of(account, source.name());
    let ledger = Ledger::new(source.name(), counters, recent);
    let kept = Kept::new(keeping, Arc::clone(&world.clock), ledger);
    Lookup { source, kept }
}

fn here<T>(lookup: Option<&T>) -> Result<&T, SourceError> {
    let elsewhere = || SourceError::Answer("this look-up goes elsewhere".to_owned());
    lookup.ok_or_else(elsewhere)
}

/// Built for calls alone: most questions are answered from memory.
impl VtexSettings {
    fn uri(&self, rest: &str) -> Result<Uri, SourceError> {
        let broken = || SourceError::Answer("its address is none".to_owned());
        below(&self.base, rest).ok_or_else(broken)
    }

    fn secret_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some((key, token)) = self.credentials.clone() {
            headers.insert(APP_KEY, key);
            headers.insert(APP_TOKEN, token);
        }
        headers
    }
}

fn audiences_of(text: &[u8]) -> Result<Audiences, SourceError> {
    let wire: Vec<WireAudience> = read_json(text)?;
    let (audiences, beyond) = Audiences::of(wire);
    for one in beyond {
        let (campaign, why) = (one.id, one.why);
        tracing::info!(campaign, why, "A campaign audience fits nobody here.");
    }
    Ok(audiences)
}

impl From<SourceError> for DirectoryError {
    fn from(error: SourceError) -> Self {
        Self(error.to_string())
    }
}

#[async_trait]
impl Directory for VtexDirectory {
    async fn channels(&self, email: Option<&str>) -> Result<Arc<Channels>, DirectoryError> {
        Ok(self.ask_channels(email.map(str::to_owned)).await?)
    }

    async fn customer(&self, id: &str) -> Result<Option<Arc<Customer>>, DirectoryError> {
        Ok(self.ask_customer(Who::Id(id.to_owned())).await?)
    }

    async fn customer_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Arc<Customer>>, DirectoryError> {
        Ok(self.ask_customer(Who::Email(email.to_owned())).await?)
    }

    async fn campaigns(&self, visit: Visit<'_>) -> Result<Vec<String>, DirectoryError> {
        let audiences = self.ask_campaigns().await?;
        let lookup = here(self.campaigns.as_ref())?;
        let now = lookup.source.world().clock.now();
        Ok(audiences.fitting(visit, now))
    }

    async fn region(&self, place: Place<'_>) -> Result<Option<String>, DirectoryError> {
        match query_of(place) {
            Some(query) => Ok(self.ask_region(query).await?),
            None => Ok(None),
        }
    }

    async fn may_impersonate(&self, admin_email: &str) -> Result<bool, DirectoryError> {
        Ok(self.ask_permission(admin_email.to_owned()).await?)
    }
}
