//! The keys that login tokens are verified with: those of files, read again when the files change, and
//! those of an address, fetched again beside the requests.
//!
//! A set that cannot be read or fetched never takes the place of one that could.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use http::{HeaderMap, Uri};
use parking_lot::Mutex;

use crate::domain::freshness::Ages;
use crate::domain::time::Millis;
use crate::domain::transform::Failure;
use crate::domain::vtexid::VtexIdKeys;
use crate::outbound::kept::{Keeping, Kept};
use crate::outbound::recent::{Ledger, Recent};
use crate::outbound::source::{Source, SourceError};
use crate::ports::Clock;

/// How often a file is looked at, at most.
const LOOK: Duration = Duration::from_secs(1);
/// After this age the keys of an address are fetched again.
const FRESH: Duration = Duration::from_mins(10);
/// Up to this age they count while their address is away.
const LAST: Duration = Duration::from_hours(365 * 24);
/// How often a token with an unknown key may have them fetched.
const UNKNOWN: Duration = Duration::from_mins(1);

/// A JWKS file, as it was read last.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
    /// Its keys.
    pub keys: VtexIdKeys,
}

/// The address of a JWKS.
#[derive(Debug)]
pub struct JwksUrl {
    source: Arc<Source>,
    uri: Uri,
    kept: Arc<Kept<(), Arc<VtexIdKeys>>>,
    /// When an unknown key had them fetched last.
    asked: Mutex<Option<Millis>>,
}

impl JwksUrl {
    /// An address that nobody has asked yet.
    pub fn new(source: Arc<Source>, uri: Uri, account: &str, recent: &Arc<Recent>) -> Self {
        let world = source.world();
        let counters = world.metrics.lookups_of(account, source.name());
        let ledger = Ledger::new(source.name(), counters, recent);
        let ages = Ages::new(FRESH, LAST, LAST);
        let keeping = Keeping {
            ages,
            nothing: ages,
            is_nothing: |_| false,
            most: 1,
        };
        let kept = Kept::new(keeping, Arc::clone(&world.clock), ledger);
        Self {
            source,
            uri,
            kept,
            asked: Mutex::default(),
        }
    }

    /// Its address and the source that is asked.
    pub const fn parts(&self) -> (&Arc<Source>, &Uri) {
        (&self.source, &self.uri)
    }

    fn fetch(&self) -> impl Future<Output = Result<Arc<VtexIdKeys>, SourceError>> + Send + use<> {
        let (source, uri) = (Arc::clone(&self.source), self.uri.clone());
        async move {
            let text = source.get_text(uri, &HeaderMap::new()).await?;
            Ok(Arc::new(read_keys(&text)?))
        }
    }

    /// Fetches the keys if that is due.
    pub(super) async fn tend(&self) {
        if self.kept.is_due(&()) {
            // A failure was logged and counted where it happened.
            drop(self.kept.renew((), || self.fetch()).await);
        }
    }

    /// The key of this id, fetched if need be. `None`: the set as it stands now has no such key.
    async fn find(&self, kid: &str, now: Millis) -> Result<Option<Arc<VtexIdKeys>>, SourceError> {
        let given = self.kept.get((), || self.fetch()).await?;
        if given.value.knows(kid) {
            return Ok(Some(given.value));
        }
        // Fetched for this very token: nothing newer can be had.
        if given.at >= now {
            return Ok(None);
        }
        let last = self.asked.lock().unwrap_or_default().max(given.at);
        let since = now.since(last);
        if since < UNKNOWN {
            return Err(SourceError::Waiting(UNKNOWN.saturating_sub(since)));
        }
        *self.asked.lock() = Some(now);
        let given = self.kept.renew((), || self.fetch()).await?;
        Ok(given.value.knows(kid).then_some(given.value))
    }
}

/// Reads a set. One without a usable key is an answer that something else gave.
pub(super) fn read_keys(text: &[u8]) -> Result<VtexIdKeys, SourceError> {
    let text = std::str::from_utf8(text).map_err(|error| no_answer(&error))?;
    let (keys, warnings) = VtexIdKeys::parse(text).map_err(|error| no_answer(&error))?;
    for warning in warnings {
        tracing::warn!(%warning, "A login key is left out.");
    }
    if keys.is_empty() {
        return Err(no_answer(&"a key set without any key that counts"));
    }
    Ok(keys)
}

fn no_answer(what: &dyn fmt::Display) -> SourceError {
    SourceError::Answer(what.to_string())
}

/// When a file was changed, and its length.
type Stamp = Option<(SystemTime, u64)>;

/// Files by their stamps.
type Watched = Vec<(KeyFile, Stamp)>;

/// All keys of an account.
pub struct KeyBook {
    /// Of this process's own.
    own: VtexIdKeys,
    watched: Mutex<Watched>,
    /// When files may be looked at again, in milliseconds; without files, never.
    look_again: AtomicI64,
    /// Own keys and those of files.
    here: ArcSwap<VtexIdKeys>,
    url: Option<JwksUrl>,
    issuer: String,
    leeway: Duration,
    clock: Arc<dyn Clock>,
}

/// How many keys, and none of them.
impl fmt::Debug for KeyBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyBook")
            .field("here", &self.here.load().len())
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl KeyBook {
    /// The keys of files, of this process, and of an address.
    pub fn new(
        own: VtexIdKeys,
        files: Vec<KeyFile>,
        url: Option<JwksUrl>,
        (issuer, leeway): (String, Duration),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let look_again = if files.is_empty() {
            i64::MAX
        } else {
            clock.now().plus(LOOK).as_millis()
        };
        let files: Watched = files
            .into_iter()
            .map(|file| {
                let stamp = stamp_of(&file);
                (file, stamp)
            })
            .collect();
        let book = Self {
            own,
            watched: Mutex::new(files),
            look_again: AtomicI64::new(look_again),
            here: ArcSwap::from_pointee(VtexIdKeys::none()),
            url,
            issuer,
            leeway,
            clock,
        };
        book.join();
        book
    }

    /// Keys of no id, for looking at a token before its key is known.
    pub(super) fn rules(&self) -> VtexIdKeys {
        self.ruled(VtexIdKeys::none())
    }

    fn ruled(&self, keys: VtexIdKeys) -> VtexIdKeys {
        keys.with_issuer(self.issuer.clone())
            .with_leeway(self.leeway)
    }

    fn join(&self) {
        let mut keys = self.own.clone();
        for (file, _) in &*self.watched.lock() {
            let (joined, warnings) = keys.join(file.keys.clone());
            for warning in warnings {
                tracing::warn!(file = %file.path.display(), %warning, "A login key is left out.");
            }
            keys = joined;
        }
        self.here.store(Arc::new(self.ruled(keys)));
    }

    /// Reads files again that have changed. One that cannot be read leaves the keys as they were.
    pub(super) fn reread(&self) {
        let mut watched = self.watched.lock();
        if !self.is_due() {
            return;
        }
        let again = self.clock.now().plus(LOOK).as_millis();
        self.look_again.store(again, Relaxed);
        let mut changed = false;
        for (file, stamp) in &mut *watched {
            let seen = stamp_of(file);
            if seen == *stamp || seen.is_none() {
                continue;
            }
            *stamp = seen;
            let path = file.path.display().to_string();
            let text = std::fs::read(&file.path).map_err(|error| error.to_string());
            let keys = text.and_then(|text| read_keys(&text).map_err(|error| error.to_string()));
            match keys {
                Ok(keys) => {
                    file.keys = keys;
                    changed = true;
                    tracing::info!(file = path, "Login keys were read again.");
                }
                Err(problem) => {
                    tracing::warn!(
                        file = path,
                        problem,
                        "Changed login keys are not used; the old ones count."
                    );
                }
            }
        }
        drop(watched);
        if changed {
            self.join();
        }
    }

    /// Whether files may have changed since they were looked at.
    pub(super) fn is_due(&self) -> bool {
        self.clock.now().as_millis() >= self.look_again.load(Relaxed)
    }

    /// The keys among which one has this id. `None`: there is none.
    ///
    /// Fails where that cannot be known now.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<Arc<VtexIdKeys>>, Failure> {
        let here = self.here.load_full();
        if here.knows(kid) {
            return Ok(Some(here));
        }
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let found = url.find(kid, self.clock.now()).await;
        let found = found.map_err(|error| {
            Failure::Unavailable(format!(
                "the token's key is unknown, and keys cannot be fetched: {error}"
            ))
        })?;
        Ok(found.map(|keys| Arc::new(self.ruled(VtexIdKeys::clone(&keys)))))
    }

    /// The address of keys, where there is one.
    pub const fn url(&self) -> Option<&JwksUrl> {
        self.url.as_ref()
    }
}

fn stamp_of(file: &KeyFile) -> Stamp {
    let seen = std::fs::metadata(&file.path).ok()?;
    Some((seen.modified().ok()?, seen.len()))
}
