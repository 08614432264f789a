//! Reloading: the configuration is read again, checked whole, and put in the old one's place at once,
//! or refused with its reasons while the old one goes on (contract §15).
//!
//! Requests under way end under the configuration that they began with.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::Hasher as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use siphasher::sip::SipHasher13;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::assemble::{Before, Ports, recompile, unused};
use crate::config::values::StoreKind;
use crate::config::{self, Config, Effective, Layers, Loaded, OnDisk, Report};
use crate::edge::{Running, Shared};

mod view;
mod watch;

pub use view::{Change, LastReload, View};
pub use watch::Watch;

/// How long new names are looked up and new sources asked before they count; what is not there by
/// then is looked up later, like at a start.
const PREPARING: Duration = Duration::from_secs(5);

/// Reads the layers of the configuration as they are now.
pub type ReadLayers = Box<dyn Fn() -> Layers + Send + Sync>;

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Nothing differs.
    Unchanged,
    /// The new configuration is in force; the keys whose values differ, or the files.
    Swapped(Vec<String>),
    /// The old configuration goes on; why, for people.
    Refused(String),
}

impl Reload {
    /// A label of a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Swapped(_) => "swapped",
            Self::Refused(_) => "refused",
        }
    }
}

/// The configuration in force, and how it is read again.
pub struct Reloads {
    read: ReadLayers,
    shared: Arc<Shared>,
    ports: Ports,
    /// After how long memory forgets sessions that nobody uses, anonymous and known: it was told at
    /// its start.
    unused: [Duration; 2],
    /// What is told of it, to whoever asks at any time.
    view: parking_lot::Mutex<View>,
    /// Held over a whole reload: there is one at a time.
    in_force: Mutex<InForce>,
}

struct InForce {
    config: Config,
    effective: Effective,
    /// Where its values were written.
    origins: Arc<Value>,
    /// Every file that it came from.
    files: Vec<PathBuf>,
    /// What stood in the files that it names.
    named: BTreeMap<PathBuf, Option<u64>>,
}

impl InForce {
    fn of(loaded: &Loaded) -> Self {
        let named = loaded.named().iter();
        Self {
            config: loaded.config.clone(),
            effective: loaded.effective.clone(),
            origins: Arc::new(loaded.origins.clone()),
            files: loaded.files.clone(),
            named: named.map(|path| (path.clone(), content(path))).collect(),
        }
    }

    /// What differs, as keys of the configuration and names of files.
    fn changes(&self, next: &Self) -> Vec<String> {
        let mut changes = self.effective.changes(&next.effective);
        let files = next.named.iter().filter(|(path, content)| {
            let before = self.named.get(*path);
            before.is_some_and(|before| before != *content)
        });
        changes.extend(files.map(|(path, _)| path.display().to_string()));
        changes
    }
}

/// A hash of what stands in a file, for telling whether it changed; none where it cannot be read.
fn content(path: &PathBuf) -> Option<u64> {
    let bytes = std::fs::read(path).ok()?;
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes);
    Some(hasher.finish())
}

impl Reloads {
    /// Reloads of what was `loaded` and is in force now.
    pub fn new(read: ReadLayers, shared: Arc<Shared>, ports: Ports, loaded: &Loaded) -> Arc<Self> {
        let view = View::of(loaded, shared.flow.now());
        Arc::new(Self {
            view: parking_lot::Mutex::new(view),
            read,
            shared,
            ports,
            unused: unused_in(&loaded.config),
            in_force: Mutex::new(InForce::of(loaded)),
        })
    }

    /// The files whose change asks for a reload.
    pub async fn files(&self) -> Vec<PathBuf> {
        self.in_force.lock().await.files.clone()
    }

    /// Reads the configuration again and puts it in force, or says why not. Tells the log and the
    /// metrics.
    pub async fn reload(self: &Arc<Self>) -> Reload {
        let mut in_force = self.in_force.lock().await;
        let before = in_force.effective.clone();
        let (reload, problems) = match self.try_reload(&mut in_force).await {
            Ok(reload) => (reload, Vec::new()),
            Err(Refused(why, problems)) => (Reload::Refused(why), problems),
        };
        self.note(&reload, problems, (&before, &in_force));
        self.shared.telemetry.reloaded(reload.label());
        match &reload {
            Reload::Unchanged => tracing::info!("The configuration is as it was."),
            Reload::Swapped(changes) => {
                tracing::info!(
                    changes = changes.join(", "),
                    "A new configuration is in force."
                );
            }
            Reload::Refused(why) => {
                tracing::error!(%why, "The new configuration is refused; the old one goes on.");
            }
        }
        reload
    }

    async fn try_reload(self: &Arc<Self>, in_force: &mut InForce) -> Result<Reload, Refused> {
        let this = Arc::clone(self);
        let read = move || config::load(&(this.read)(), &OnDisk).map(|loaded| InForce::of(&loaded));
        let next = match blocking(read).await {
            Some(Ok(next)) => next,
            Some(Err(report)) => return Err(Refused::by(&report)),
            None => return Err(Refused::because("reading it failed within")),
        };
        let changes = in_force.changes(&next);
        // Files that are named no more, or newly, are watched from now on, too.
        in_force.files.clone_from(&next.files);
        if changes.is_empty() {
            // A value may be written elsewhere now.
            in_force.origins = next.origins;
            return Ok(Reload::Unchanged);
        }
        let mut fixed = fixed_parts(&in_force.config, &next.config);
        let forgets = self.unused.iter().zip(unused_in(&next.config));
        // What memory forgets, a far store has all the same.
        if next.config.store.kind == StoreKind::Memory
            && forgets.into_iter().any(|(now, next)| next > *now)
        {
            fixed.push("a longer lifetime of sessions in memory alone");
        }
        if !fixed.is_empty() {
            return Err(Refused::because(format!(
                "{} cannot change while this process runs: start a new one",
                fixed.join(", ")
            )));
        }
        let before = self.shared.running.load_full();
        let same = unchanged_accounts(in_force, &next);
        match self.compile(next.config.clone(), before, same).await {
            Ok(running) => {
                self.shared.running.store(Arc::new(running));
                *in_force = next;
                Ok(Reload::Swapped(changes))
            }
            Err(why) => Err(Refused::because(why)),
        }
    }

    /// Has it told to whoever asks what a reload came to.
    fn note(&self, reload: &Reload, problems: Vec<String>, (old, new): (&Effective, &InForce)) {
        let now = self.shared.flow.now();
        let mut view = self.view.lock();
        let changed = match reload {
            Reload::Swapped(paths) => {
                *view = View {
                    effective: Arc::new(new.effective.clone()),
                    origins: Arc::clone(&new.origins),
                    config: Arc::new(new.config.clone()),
                    loaded_at: now,
                    last: None,
                };
                view::changes(paths, old, &new.effective)
            }
            Reload::Unchanged => {
                view.origins = Arc::clone(&new.origins);
                Vec::new()
            }
            Reload::Refused(_) => Vec::new(),
        };
        view.last = Some(LastReload {
            at: now,
            ok: !matches!(reload, Reload::Refused(_)),
            problems,
            changed,
        });
    }

    /// The configuration in force, as it is told.
    pub fn view(&self) -> View {
        self.view.lock().clone()
    }

    /// Makes what the edge runs by, ready to answer.
    async fn compile(
        self: &Arc<Self>,
        config: Config,
        running: Arc<Running>,
        same: BTreeSet<Arc<str>>,
    ) -> Result<Running, String> {
        let this = Arc::clone(self);
        let old = Arc::clone(&running);
        let compiled = blocking(move || {
            let before = Before {
                running: &old,
                same: &same,
            };
            recompile(&config, &this.ports, &this.shared.telemetry, &before)
        });
        let compiled = compiled.await.ok_or("compiling it failed within")?;
        let compiled = compiled.map_err(|error| error.to_string())?;
        prepare(&running, &compiled).await;
        Ok(compiled)
    }
}

/// Why the old configuration goes on: in whole, and point by point.
struct Refused(String, Vec<String>);

impl Refused {
    fn because(why: impl Into<String>) -> Self {
        let why = why.into();
        Self(why.clone(), vec![why])
    }

    fn by(report: &Report) -> Self {
        Self(report.to_string(), view::problems(report))
    }
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloads")
    }
}

/// Runs what reads files where it delays no request; none where it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn unused_in(config: &Config) -> [Duration; 2] {
    [false, true].map(|authenticated| unused(config, authenticated))
}

/// What a running process cannot take up: it was opened, or begun, at the start.
fn fixed_parts(now: &Config, next: &Config) -> Vec<&'static str> {
    let parts = [
        ("listener", now.listeners == next.listeners),
        ("admin", now.admin == next.admin),
        ("server.threads", now.threads == next.threads),
        ("server.grace", now.grace == next.grace),
        (
            "server.handover_socket",
            now.handover_socket == next.handover_socket,
        ),
        ("store", now.store == next.store),
        ("traces", traces_stay(now, next)),
        (
            "log",
            now.log.level == next.log.level && now.log.format == next.log.format,
        ),
    ];
    let differing = parts.into_iter().filter(|(_, same)| !same);
    differing.map(|(name, _)| name).collect()
}

/// Which requests are traced may change; where traces go is opened at the start.
fn traces_stay(now: &Config, next: &Config) -> bool {
    match (&now.traces, &next.traces) {
        (Some(now), Some(next)) => now.is_same_way(next),
        (None, None) => true,
        _ => false,
    }
}

/// Accounts for which nothing differs: they go on with all that they remember.
fn unchanged_accounts(now: &InForce, next: &InForce) -> BTreeSet<Arc<str>> {
    if now.named != next.named || !now.effective.same_for_all_accounts(&next.effective) {
        return BTreeSet::new();
    }
    let accounts = next.config.accounts.iter().map(|account| &account.name);
    accounts
        .filter(|name| now.effective.account(name) == next.effective.account(name))
        .map(Arc::clone)
        .collect()
}

/// Looks up the names and asks the sources that are new, so that the first request under the new
/// configuration finds what it would have found under the old one.
async fn prepare(before: &Running, next: &Running) {
    let mut preparing = JoinSet::new();
    let known = |upstream: &Arc<_>| before.upstreams().any(|one| Arc::ptr_eq(one, upstream));
    for upstream in next.upstreams() {
        if upstream.has_names() && !known(upstream) {
            let upstream = Arc::clone(upstream);
            preparing.spawn(async move { upstream.resolve().await });
        }
    }
    let old = before.hosts.remotes();
    for remote in next.hosts.remotes() {
        if !old.iter().any(|one| Arc::ptr_eq(one, &remote)) {
            preparing.spawn(async move { remote.tend().await });
        }
    }
    drop(tokio::time::timeout(PREPARING, preparing.join_all()).await);
}
