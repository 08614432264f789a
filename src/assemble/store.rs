//! The store of sessions, as it is configured.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{AssembleError, Ports, read};
use crate::config::Config;
use crate::config::values::{self, SharedStore, StoreMode, StoreTls};
use crate::ports::{FarStore, SessionStore};
use crate::store::memory::MemoryCapacity;
use crate::store::valkey::{Mode, Settings, Tls};
use crate::store::{
    EmbeddedStore, GuardedStore, Interner, LayeredStore, MemoryStore, Owing, ValkeyStore,
};
use crate::telemetry::Telemetry;

/// How long a disk may take: an fsync on a busy one takes longer than the answer of a server, and
/// to give up on a write that is about to succeed helps nobody.
const DISK_DEADLINE: Duration = Duration::from_secs(1);

/// Opens the store. One on disk has to be there; one that is shared is reached when it can be.
pub(super) fn open(
    config: &Config,
    ports: &Ports,
    telemetry: &Telemetry,
    bodies: &Arc<Interner>,
) -> Result<Arc<dyn SessionStore>, AssembleError> {
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
        values::StoreKind::Memory => Arc::new(near),
        values::StoreKind::Embedded { path } => {
            let far = EmbeddedStore::open(path, clock, metrics)?;
            let far = guarded(Arc::new(far), DISK_DEADLINE, ports, telemetry);
            Arc::new(LayeredStore::new(near, far, Arc::clone(bodies), owing))
        }
        values::StoreKind::Valkey(shared) => {
            let entropy = Arc::clone(&ports.entropy);
            let far = ValkeyStore::open(settings(shared)?, clock, entropy, metrics)?;
            let far = guarded(Arc::new(far), shared.deadline, ports, telemetry);
            Arc::new(LayeredStore::new(near, far, Arc::clone(bodies), owing))
        }
    })
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

fn guarded(
    far: Arc<dyn FarStore>,
    deadline: Duration,
    ports: &Ports,
    telemetry: &Telemetry,
) -> Arc<dyn FarStore> {
    let outside = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
    let metrics = telemetry.store().clone();
    Arc::new(GuardedStore::new(far, deadline, outside, metrics))
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
