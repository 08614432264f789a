//! What lives by sources of truth: the directory of an account and the verification of its logins.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{AssembleError, Ports, keys, read};
use crate::apps::Outside;
use crate::apps::authentication::{JwksUrl, KeyBook, TokenService, Tokens, TokensSettings};
use crate::assemble::keys::NewKeys;
use crate::config::values::{self, Calls, DirectorySource, EmbeddedFile, SecretSource, Vtex};
use crate::config::{Config, NamedFileError};
use crate::directory::embedded::Embedded;
use crate::directory::mixed::Mixed;
use crate::directory::vtex::address::encoded;
use crate::directory::vtex::{VtexDirectory, VtexSettings, VtexSources};
use crate::outbound::recent::{Ledger, Recent};
use crate::outbound::remote::Remote;
use crate::outbound::source::{Manners, Source, World};
use crate::ports::Directory;
use crate::telemetry::Telemetry;

/// The name under which the verification of a login is told.
const LOGIN_TOKEN: &str = "login_token";

/// The sources of one account.
#[derive(Debug)]
pub struct AccountSources {
    account: Arc<str>,
    manners: Manners,
    world: World,
    writes: bool,
    /// Bounds of calls under way, by origin.
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
    recent: Arc<Recent>,
    remotes: Mutex<Vec<Arc<dyn Remote>>>,
}

impl AccountSources {
    pub(super) fn new(
        account: &values::Account,
        ports: &Ports,
        telemetry: &Telemetry,
        outside: &Outside,
    ) -> Self {
        let Calls {
            timeout,
            retries,
            concurrency,
            reply_bytes,
            breaker,
        } = account.calls;
        Self {
            account: Arc::clone(&account.name),
            manners: Manners {
                timeout,
                retries,
                concurrency,
                reply_bytes,
                breaker,
            },
            world: World {
                outbound: Arc::clone(&outside.outbound),
                clock: Arc::clone(&ports.clock),
                entropy: Arc::clone(&ports.entropy),
                metrics: telemetry.sources().clone(),
            },
            writes: ports.new_keys == NewKeys::Kept,
            places: Mutex::default(),
            recent: Arc::default(),
            remotes: Mutex::default(),
        }
    }

    /// A source at an address.
    fn source(&self, name: &'static str, address: &str) -> Arc<Source> {
        let mut places = self.places.lock();
        let places = places
            .entry(origin(address))
            .or_insert_with(|| Arc::new(Semaphore::new(self.manners.concurrency)));
        let (account, places) = (Arc::clone(&self.account), Arc::clone(places));
        Arc::new(Source::new(
            name,
            account,
            self.manners,
            places,
            self.world.clone(),
        ))
    }

    fn lives(&self, remote: Arc<dyn Remote>) {
        self.remotes.lock().push(remote);
    }

    /// The last look-ups, and everything that is to be tended.
    pub(super) fn finish(self) -> (Arc<Recent>, Vec<Arc<dyn Remote>>) {
        (self.recent, self.remotes.into_inner())
    }
}

/// Scheme, host and port.
fn origin(address: &str) -> String {
    let uri = address.parse::<Uri>().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(ToString::to_string);
    format!("{scheme}://{}", authority.unwrap_or_default())
}

/// Whether any source of the configuration is called by https.
pub(super) fn any_secure(config: &Config) -> bool {
    let addresses = config.accounts.iter().flat_map(|account| {
        let vtex = account.directory.vtex.as_ref();
        let login = &account.authentication;
        vtex.map(|vtex| &vtex.address)
            .into_iter()
            .chain(&login.jwks_url)
            .chain(&login.validate_url)
    });
    addresses
        .into_iter()
        .any(|address| address.starts_with("https:"))
}

/// Opens the directory of an account.
pub(super) fn open_directory(
    source: &DirectorySource,
    sources: &AccountSources,
) -> Result<Arc<dyn Directory>, AssembleError> {
    let file = source.file.as_ref().map(open_file).transpose()?;
    let vtex = source.vtex.as_ref();
    let platform = vtex.map(|vtex| open_vtex(vtex, sources)).transpose()?;
    match (file, platform, vtex) {
        (Some(file), None, _) => Ok(file),
        (None, Some(platform), _) => Ok(platform),
        (Some(file), Some(platform), Some(vtex)) => {
            let lookups = vtex.lookups;
            let place = |remote: bool| Arc::clone(if remote { &platform } else { &file });
            Ok(Arc::new(Mixed {
                channels: place(lookups.channels),
                customers: place(lookups.customers),
                campaigns: place(lookups.campaigns),
                regions: place(lookups.regions),
                permissions: place(lookups.permissions),
            }))
        }
        _ => Err(AssembleError::Settings {
            account: sources.account.to_string(),
            problem: "the directory looks nothing up anywhere".to_owned(),
        }),
    }
}

fn open_file(file: &EmbeddedFile) -> Result<Arc<dyn Directory>, AssembleError> {
    let text = read(&file.path)?;
    let parsed = if file.channels {
        Embedded::parse(&text)
    } else {
        Embedded::parse_part(&text)
    };
    let directory = parsed.map_err(|errors| {
        let first = errors.first().map_or_else(String::new, ToString::to_string);
        NamedFileError::content(&file.path, &first)
    })?;
    Ok(Arc::new(directory))
}

fn open_vtex(vtex: &Vtex, sources: &AccountSources) -> Result<Arc<dyn Directory>, AssembleError> {
    let credentials = vtex.credentials.as_ref();
    let credentials = credentials
        .map(|(key, token)| Ok::<_, AssembleError>((reveal(key)?, reveal(token)?)))
        .transpose()?;
    let settings = VtexSettings {
        base: vtex.address.clone(),
        platform_account: vtex.account.clone(),
        default_channel: vtex.default_channel.clone(),
        cultures: vtex.cultures.clone(),
        credentials,
        ages: vtex.ages,
        nothing: vtex.nothing,
        campaigns_every: vtex.campaigns_every,
        campaigns_file: vtex
            .folder
            .join(format!("{}.campaigns.json", sources.account)),
        writes: sources.writes,
    };
    let lookups = vtex.lookups;
    let source = |wanted: bool, name| wanted.then(|| sources.source(name, &vtex.address));
    let of = VtexSources {
        channels: source(lookups.channels, "channels"),
        customers: source(lookups.customers, "customers"),
        campaigns: source(lookups.campaigns, "campaigns"),
        regions: source(lookups.regions, "regions"),
        permissions: source(lookups.permissions, "permissions"),
    };
    let directory = VtexDirectory::new(settings, of, &sources.account, &sources.recent);
    let directory = Arc::new(directory);
    sources.lives(Arc::<VtexDirectory>::clone(&directory) as Arc<dyn Remote>);
    Ok(directory)
}

/// A secret as the value of a header that no log shows.
fn reveal(secret: &SecretSource) -> Result<HeaderValue, NamedFileError> {
    let (text, path) = match secret {
        SecretSource::File(path) => (read(path)?, path.as_path()),
        SecretSource::Variable(secret) => (secret.reveal().to_owned(), Path::new("a variable")),
    };
    let value = HeaderValue::from_str(text.trim());
    let mut value = value
        .map_err(|_| NamedFileError::content(path, &"the credential holds a control character"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Opens the verification of an account's logins.
pub(super) fn open_tokens(
    account: &values::Account,
    ports: &Ports,
    sources: &AccountSources,
) -> Result<Arc<Tokens>, AssembleError> {
    let login = &account.authentication;
    let (own, files) = keys::open_login_keys(login, ports)?;
    let url = login.jwks_url.as_deref();
    let url = url
        .map(|address| {
            let uri = uri(address, &account.name)?;
            let source = sources.source("login_keys", address);
            Ok::<_, AssembleError>(JwksUrl::new(source, uri, &account.name, &sources.recent))
        })
        .transpose()?;
    let service = login.validate_url.as_deref();
    let service = service
        .map(|address| {
            let vtex = account.directory.vtex.as_ref();
            let platform = vtex.map_or(&*account.name, |vtex| &vtex.account);
            let whole = format!(
                "{address}/api/vtexid/credential/validate?an={}",
                encoded(platform)
            );
            Ok::<_, AssembleError>(TokenService::new(
                sources.source("login_service", address),
                uri(&whole, &account.name)?,
                Arc::clone(&account.name),
                login.validations_per_minute,
            ))
        })
        .transpose()?;
    let clock = Arc::clone(&ports.clock);
    let rules = (login.issuer.clone(), login.leeway);
    let settings = TokensSettings {
        account_name: account.name.to_string(),
        account_id: account.id.to_string(),
        keys: KeyBook::new(own, files, url, rules, Arc::clone(&clock)),
        service,
        verify_ttl: login.verify_ttl,
        ledger: Ledger::new(
            LOGIN_TOKEN,
            sources.world.metrics.lookups_of(&account.name, LOGIN_TOKEN),
            &sources.recent,
        ),
    };
    let tokens = Arc::new(Tokens::new(settings, clock, &*ports.entropy));
    if login.jwks_url.is_some() || login.validate_url.is_some() || !login.jwks.is_empty() {
        sources.lives(Arc::<Tokens>::clone(&tokens) as Arc<dyn Remote>);
    }
    Ok(tokens)
}

fn uri(text: &str, account: &str) -> Result<Uri, AssembleError> {
    text.parse().map_err(|_| AssembleError::Settings {
        account: account.to_owned(),
        problem: format!("{text} is no address"),
    })
}
