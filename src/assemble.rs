//! From a checked configuration to a running whole. Everything is built before anything serves.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::HeaderName;
use thiserror::Error;

use crate::account::{Account, DefaultSession, FirstBody, Policies};
use crate::apps::Outside;
use crate::config::values::{self, DirectorySource};
use crate::config::{Config, NamedFileError};
use crate::domain::access::{RouteSettings, Routes};
use crate::domain::context::ContextRules;
use crate::domain::headers::{HeaderPlanRules, OwnedNames};
use crate::domain::inputs::{InputRules, InputSettings};
use crate::domain::request::Crawlers;
use crate::edge::load::{Count, Load};
use crate::edge::quotas::Quotas;
use crate::edge::running::{Running, Site};
use crate::edge::upstream::{Transport, Upstream};
use crate::edge::{Hosts, Shared, Tracing};
use crate::flow::Flow;
use crate::ports::{Clock, Directory, Entropy, Names};
use crate::store::PassedStore;
use crate::store::embedded::OpenError;
use crate::store::valkey::SettingsError;
use crate::telemetry::Telemetry;

mod apps;
mod before;
mod keys;
mod services;
mod sources;
mod store;

pub use before::Before;
pub use keys::NewKeys;
pub use sources::AccountSources;
pub use store::StoreFrom;
pub(crate) use store::{described, unused};

/// What comes from outside: time, randomness, names, and the data of stores.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where names of other machines lead.
    pub names: Arc<dyn Names>,
    /// Opens the directories that accounts name.
    pub directories: Arc<dyn OpenDirectory>,
    /// What becomes of keys that are made at start.
    pub new_keys: NewKeys,
}

/// Opens a configured directory.
pub trait OpenDirectory: Send + Sync + std::fmt::Debug {
    /// Opens it, with all of its data readable, or says what is wrong.
    fn open(
        &self,
        source: &DirectorySource,
        sources: &AccountSources,
    ) -> Result<Arc<dyn Directory>, AssembleError>;
}

/// Why a checked configuration cannot run after all: files changed or vanished since the check.
#[derive(Debug, Error)]
pub enum AssembleError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] NamedFileError),
    /// The store of sessions cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The shared store of sessions cannot be used.
    #[error(transparent)]
    SharedStore(#[from] SettingsError),
    /// Settings that the check lets through and the program refuses: a mistake of ours.
    #[error("account {account}: {problem}")]
    Settings {
        /// The account.
        account: String,
        /// What is refused.
        problem: String,
    },
}

/// Directories as the configuration names them: files, the platform, or some of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectoriesOnDisk;

impl OpenDirectory for DirectoriesOnDisk {
    fn open(
        &self,
        source: &DirectorySource,
        sources: &AccountSources,
    ) -> Result<Arc<dyn Directory>, AssembleError> {
        sources::open_directory(source, sources)
    }
}

/// Builds the shared state of all listeners.
pub fn assemble(config: &Config, ports: &Ports) -> Result<Arc<Shared>, AssembleError> {
    assemble_from(config, ports, StoreFrom::Alone).map(|(shared, _)| shared)
}

/// The same, with a store of sessions that may come from another process; with it the store, where
/// it can be passed on.
pub fn assemble_from(
    config: &Config,
    ports: &Ports,
    from: StoreFrom,
) -> Result<(Arc<Shared>, Option<PassedStore>), AssembleError> {
    let telemetry = Arc::new(services::telemetry(config, ports)?);
    let running = compile(config, ports, &telemetry)?;
    // Last of all: a store that was opened is a lock that others meet.
    let bodies = Arc::default();
    let (store, passed) = store::open(config, ports, &telemetry, (&bodies, from))?;
    let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
    let flow = Flow::sharing(clock, entropy, store, bodies, telemetry.cycles().clone());
    let shared = Shared {
        running: ArcSwap::from_pointee(running),
        flow,
        telemetry,
    };
    Ok((Arc::new(shared), passed))
}

/// Compiles a configuration.
pub fn compile(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
) -> Result<Running, AssembleError> {
    compile_beside(config, ports, telemetry, None)
}

/// The same while another one runs: a reload swaps the result in whole.
pub fn recompile(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
    before: &Before<'_>,
) -> Result<Running, AssembleError> {
    compile_beside(config, ports, telemetry, Some(before))
}

fn compile_beside(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
    before: Option<&Before<'_>>,
) -> Result<Running, AssembleError> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
    let mut hosts = Hosts::default();
    let outside = services::outside(config, ports, telemetry)?;
    for account in &config.accounts {
        let unchanged = before.and_then(|before| before.unchanged(&account.name));
        if let Some(site) = unchanged {
            hosts.add(&account.place, site);
            continue;
        }
        let world = (ports, telemetry, &outside);
        let compiled = compile_account(account, config, world, generation)?;
        let known_or_new = |one: &Arc<values::Upstream>| {
            let known = before.and_then(|before| before.upstream(&account.name, one));
            let upstream = match known {
                Some(known) => known,
                None => upstream(account, one, ports, telemetry)?,
            };
            Ok((one.name.to_string(), upstream))
        };
        let limited = compiled.routes.iter().filter(|one| one.requests.is_some());
        let rooms = limited.map(|one| (one.pattern.clone(), Count::default()));
        let site = Site {
            rooms: rooms.collect(),
            account: Arc::new(compiled),
            upstreams: account
                .upstreams
                .iter()
                .map(known_or_new)
                .collect::<Result<HashMap<_, _>, AssembleError>>()?,
        };
        hosts.add(&account.place, &site);
    }
    let running = before.map(|before| before.running);
    let quotas = Quotas::new(&config.limits, running.map(|running| &*running.quotas));
    let load = running.map(|running| Arc::clone(&running.load));
    let load = load.unwrap_or_else(|| Arc::new(Load::new(telemetry.load().clone())));
    let names = hosts
        .sites()
        .flat_map(|site| site.account.headers.names())
        .cloned();
    let names: Vec<HeaderName> = names.collect();
    Ok(Running {
        owned: OwnedNames::new(&names),
        hosts,
        limits: config.limits,
        trusted: config.trusted_proxies.clone(),
        quotas: Arc::new(quotas),
        load,
        access: config.log.access,
        tracing: config.traces.as_ref().map(|traces| Tracing {
            sampling: traces.sampling,
            trusted_alone: traces.trusted_alone,
        }),
    })
}

fn compile_account(
    account: &values::Account,
    config: &Config,
    (ports, telemetry, outside): (&Ports, &Telemetry, &Outside),
    generation: u64,
) -> Result<Account, AssembleError> {
    let refused = |problem: String| AssembleError::Settings {
        account: account.name.to_string(),
        problem,
    };
    let inputs = InputRules::try_new(&InputSettings {
        query: account.inputs.query.clone(),
        cookies: account.inputs.cookies.clone(),
        session_cookies: session_names(&account.cookies),
        cookie_header_bytes: config.limits.cookie_bytes,
    })
    .map_err(|errors| refused(said(&errors)))?;
    let headers = HeaderPlanRules::try_new(account.headers.map.clone(), &account.name)
        .map_err(|errors| refused(said(&errors)))?;
    let routes = Routes::try_new(below_root(account)).map_err(|errors| refused(said(&errors)))?;
    let keys = keys::open_ring(&account.keys, ports)?;
    if routes.iter().any(|route| route.send_context) && !keys.signs_contexts() {
        return Err(refused(format!(
            "a route sends the signed context, and {} holds no ES256 or EdDSA key",
            account.keys.file.display()
        )));
    }
    let apps::Installed {
        apps,
        outcomes,
        directory,
        recent,
        remotes,
    } = apps::install(account, config, ports, (telemetry, outside))?;
    Ok(Account {
        generation,
        name: Arc::clone(&account.name),
        base: FirstBody::of(&account.name, &account.id.to_string()),
        id: account.id.to_string().into(),
        root_path: account.place.root_path.as_str().into(),
        consent: account.consent.clone(),
        inputs,
        cookies: account.cookies.clone(),
        policies: policies_of(account),
        graph: account.graph.clone(),
        apps,
        outcomes,
        directory,
        recent,
        remotes,
        cycle_deadline: account.cycle_deadline,
        headers,
        echo_segment_key: account.headers.echo_segment_key,
        api: account.api.clone(),
        context: context_of(account),
        routes,
        keys: Arc::new(keys),
        carry_over: account.carry_over.clone(),
        auth_cookie: account.auth_cookie.clone(),
        silent_relogin: account.silent_relogin,
        crawlers: Crawlers::new(&config.crawlers),
        limits: config.limits.session,
        default: DefaultSession::default(),
        traffic: telemetry.traffic(&account.name),
    })
}

fn policies_of(account: &values::Account) -> Policies {
    Policies {
        anonymous: account.lifetimes.anonymous,
        authenticated: account.lifetimes.authenticated,
    }
}

fn context_of(account: &values::Account) -> ContextRules {
    ContextRules {
        namespaces: account.context.namespaces.clone(),
        audience: account.context.audience.clone(),
        lifetime: account.context.lifetime,
    }
}

fn upstream(
    account: &values::Account,
    settings: &Arc<values::Upstream>,
    ports: &Ports,
    telemetry: &Telemetry,
) -> Result<Arc<Upstream>, AssembleError> {
    let transport = Transport::read(settings)?;
    let counters = telemetry.upstreams().of(&account.name, &settings.name);
    let outside = (Arc::clone(&ports.clock), Arc::clone(&ports.names));
    let upstream = Upstream::new(Arc::clone(settings), transport, outside, counters);
    Ok(Arc::new(upstream))
}

/// Routes are written below the account's root path, and match whole paths.
fn below_root(account: &values::Account) -> Vec<RouteSettings> {
    let root = account.place.root_path.trim_end_matches('/');
    let mut routes = account.routes.clone();
    for route in &mut routes {
        if route.pattern != "/" {
            route.pattern.insert_str(0, root);
        }
        if let Some(page) = &mut route.login_page {
            page.insert_str(0, root);
        }
    }
    routes
}

/// Both names count, whatever listener a request comes in by: a cookie of the one must not reach
/// the backend through the other.
fn session_names(cookies: &values::Cookies) -> Vec<String> {
    let mut names = vec![
        cookies.secure.session.clone(),
        cookies.insecure.session.clone(),
    ];
    names.dedup();
    names
}

fn read(path: &Path) -> Result<String, NamedFileError> {
    std::fs::read_to_string(path).map_err(|error| NamedFileError::io(path, error))
}

fn said<E: ToString>(errors: &[E]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
