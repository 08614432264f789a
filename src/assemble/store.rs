//! The store of sessions, as it is configured.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{AssembleError, Ports, read};
use crate::config::Config;
use crate::config::values::{self, SharedStore, StoreMode, StoreTls};
use crate::handover::Line;
use crate::ports::{FarStore, SessionStore};
use crate::store::memory::{MemoryCapacity, MemoryFar};
use crate::store::passed::{Here, OpenStore};
use crate::store::valkey::{Mode, Settings, Tls};
use crate::store::{
    EmbeddedStore, GuardedStore, Interner, LayeredStore, MemoryStore, Owing, PassedStore,
    ValkeyStore,
};
use crate::telemetry::Telemetry;

/// How long a disk may take: an fsync on a busy one takes longer than the answer of a server, and
/// to give up on a write that is about to succeed helps nobody.
const DISK_DEADLINE: Duration = Duration::from_secs(1);

/// How long a store at another process may take, which has the deadline of a disk itself: an answer
/// that is given in time is to arrive in time, even between two processes that are busy with each
/// other.
const BORROWED_DEADLINE: Duration = Duration::from_secs(3);

/// Where a store that is one process's alone comes from.
#[derive(Debug)]
pub enum StoreFrom {
    /// From nowhere, and it goes nowhere.
    Alone,
    /// From nowhere. It can be passed on; that is done in this runtime.
    Own(Handle),
    /// From the process at the other end of the line.
    Before(Handle, Line),
}

/// What two processes call the same store.
pub(crate) fn described(kind: &values::StoreKind) -> String {
    match kind {
        values::StoreKind::Memory => "memory".to_owned(),
        values::StoreKind::Embedded { path } => {
            let path = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
            let path = path.map_or_else(|_| "?".to_owned(), |path| path.display().to_string());
            format!("files in {path}")
        }
        values::StoreKind::Valkey(shared) => format!("a shared store, {}", shared.key_prefix),
    }
}

/// A store, and the same as one that can be passed on, where it can.
type Opened = (Arc<dyn SessionStore>, Option<PassedStore>);

/// The same, as it is behind the cache.
type OpenedFar = (Arc<dyn FarStore>, Option<PassedStore>);

/// Opens the store. One on disk has to be there; one that is shared is reached when it can be.
pub(super) fn open(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
    (bodies, from): (&Arc<Interner>, StoreFrom),
) -> Result<Opened, AssembleError> {
    let store = &config.store;
    let near = MemoryStore::new(MemoryCapacity {
        anonymous: store.max_anonymous,
        authenticated: store.max_authenticated,
        anonymous_unused: unused(config, false),
        authenticated_unused: unused(config, true),
    });
    let (clock, metrics) = (Arc::clone(&ports.clock), telemetry.store().clone());
    let owing = Owing {
        most: store.journal,
        metrics: metrics.clone(),
    };
    Ok(match &store.kind {
        values::StoreKind::Memory => match memory(&near, ports, telemetry, from)? {
            None => (Arc::new(near), None),
            Some(passed) => {
                let far = Arc::new(passed.clone());
                let layered = LayeredStore::new(near, far, Arc::clone(bodies), owing);
                (Arc::new(layered), Some(passed))
            }
        },
        values::StoreKind::Embedded { path } => {
            let (far, passed) = embedded(path, ports, telemetry, from)?;
            let layered = LayeredStore::new(near, far, Arc::clone(bodies), owing);
            (Arc::new(layered), passed)
        }
        values::StoreKind::Valkey(shared) => {
            let entropy = Arc::clone(&ports.entropy);
            let far = ValkeyStore::open(settings(shared)?, clock, entropy, metrics)?;
            let far = guard(shared.deadline, ports, telemetry)(Arc::new(far));
            let layered = LayeredStore::new(near, far, Arc::clone(bodies), owing);
            (Arc::new(layered), None)
        }
    })
}

/// Memory that is behind itself, so that another process can borrow it and take it over.
fn memory(
    near: &MemoryStore,
    ports: &Ports,
    telemetry: &Telemetry,
    from: StoreFrom,
) -> Result<Option<PassedStore>, AssembleError> {
    let own: Arc<dyn FarStore> = Arc::new(MemoryFar(near.clone()));
    let lent = Arc::clone(&own);
    let here = Here { own, lent };
    let open: OpenStore = Box::new(move || Ok(here.clone()));
    let passed = match from {
        StoreFrom::Alone => return Ok(None),
        StoreFrom::Own(runtime) => PassedStore::own(open, runtime)?,
        StoreFrom::Before(runtime, line) => {
            let guarded = guard(BORROWED_DEADLINE, ports, telemetry);
            let outside = (runtime, telemetry.store().clone());
            PassedStore::borrowed(line, open, guarded, outside)
        }
    };
    Ok(Some(passed.in_memory(near.clone())))
}

/// The store on disk, here or at the process before.
fn embedded(
    path: &Path,
    ports: &Ports,
    telemetry: &Telemetry,
    from: StoreFrom,
) -> Result<OpenedFar, AssembleError> {
    let (path, clock) = (path.to_owned(), Arc::clone(&ports.clock));
    let metrics = telemetry.store().clone();
    let guarded = guard(DISK_DEADLINE, ports, telemetry);
    let open: OpenStore = Box::new(move || {
        let far = EmbeddedStore::open(&path, Arc::clone(&clock), metrics.clone())?;
        let lent: Arc<dyn FarStore> = Arc::new(far);
        let own = guarded(Arc::clone(&lent));
        Ok(Here { own, lent })
    });
    let passed = match from {
        StoreFrom::Alone => return Ok((open()?.own, None)),
        StoreFrom::Own(runtime) => PassedStore::own(open, runtime)?,
        StoreFrom::Before(runtime, line) => {
            let guarded = guard(BORROWED_DEADLINE, ports, telemetry);
            let outside = (runtime, telemetry.store().clone());
            PassedStore::borrowed(line, open, guarded, outside)
        }
    };
    Ok((Arc::new(passed.clone()), Some(passed)))
}

/// How long sessions are kept at most that nobody uses, whatever their account.
pub(crate) fn unused(config: &Config, authenticated: bool) -> Duration {
    let longest = config.accounts.iter().map(|account| {
        let lifetimes = &account.lifetimes;
        let known = lifetimes.authenticated.record_ttl(true);
        // Tombstones of known shoppers are kept as long as anonymous sessions.
        let anonymous = lifetimes.anonymous.record_ttl(false);
        if authenticated {
            known.max(anonymous)
        } else {
            anonymous
        }
    });
    longest.max().unwrap_or_default()
}

/// Puts a deadline and two breakers before a store.
fn guard(
    deadline: Duration,
    ports: &Ports,
    telemetry: &Telemetry,
) -> impl Fn(Arc<dyn FarStore>) -> Arc<dyn FarStore> + Send + Sync + use<> {
    let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
    let metrics = telemetry.store().clone();
    move |far| {
        let outside = (Arc::clone(&clock), Arc::clone(&entropy));
        Arc::new(GuardedStore::new(far, deadline, outside, metrics.clone()))
    }
}

fn settings(shared: &SharedStore) -> Result<Settings, AssembleError> {
    let SharedStore {
        addresses,
        mode,
        tls,
        username,
        password_file,
        key_prefix,
        deadline,
    } = shared;
    let password = password_file.as_deref().map(read).transpose()?;
    Ok(Settings {
        addresses: addresses.clone(),
        mode: match mode {
            StoreMode::Single => Mode::Single,
            StoreMode::Sentinel(master) => Mode::Sentinel {
                master: master.clone(),
            },
            StoreMode::Cluster => Mode::Cluster,
        },
        tls: tls.as_ref().map(read_tls).transpose()?,
        username: username.clone(),
        password: password.map(|password| password.trim().to_owned()),
        key_prefix: key_prefix.clone(),
        deadline: *deadline,
    })
}

fn read_tls(tls: &StoreTls) -> Result<Tls, AssembleError> {
    let bytes = |path: &Path| read(path).map(String::into_bytes);
    let StoreTls { ca_file, client } = tls;
    let client = client
        .as_ref()
        .map(|(certificate, key)| Ok::<_, AssembleError>((bytes(certificate)?, bytes(key)?)));
    Ok(Tls {
        authorities: ca_file.as_deref().map(bytes).transpose()?,
        client: client.transpose()?,
    })
}
