//! The store that several instances share, over Valkey or Redis: every write is decided on the
//! server by a script, in one round trip, and told to the other instances.
//!
//! Connections and their upkeep live in a runtime of their own, because the server has several and
//! this belongs to none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;
use thiserror::Error;
use tokio::runtime::Runtime;

use super::persons::PersonKey;
use super::record::{Ended, Ending, Login, Marker};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Changed, Clock, Entropy, FarStore, Kept, StoreError, Touched};
use crate::telemetry::StoreMetrics;

mod changes;
mod head;
mod link;
mod operations;
mod persons;
mod scripts;
mod settings;
mod target;
mod told;
mod touches;
mod upkeep;

pub use settings::{Address, Mode, Settings, Tls};

use link::Link;
use touches::Touches;

/// How long what waits may take to be kept when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// Why the store cannot be used at all. A server that is not there is no such reason.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A certificate or key is none.
    #[error("the store's certificates cannot be used: {0}")]
    Certificates(String),
    /// The system gives no thread.
    #[error("the store of sessions cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Sessions on a server that other instances use too.
#[derive(Debug)]
pub struct ValkeyStore {
    core: Arc<Core>,
    runtime: Option<Runtime>,
    closed: AtomicBool,
}

/// What requests and upkeep share.
#[derive(Debug)]
struct Core {
    settings: Arc<Settings>,
    link: Link,
    touches: Touches,
    /// By which this instance knows its own messages.
    instance: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: StoreMetrics,
}

impl ValkeyStore {
    /// Begins to connect. Whether the server is there shows in the answers.
    pub fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: StoreMetrics,
    ) -> Result<Self, SettingsError> {
        let settings = Arc::new(settings);
        if let Some(first) = settings.addresses.first() {
            let client = settings
                .server(first)
                .and_then(|info| settings.client(info));
            client.map_err(|error| SettingsError::Certificates(error.to_string()))?;
        }
        metrics.writable(false);
        metrics.subscribed(false);
        let core = Arc::new(Core {
            link: Link::new(Arc::clone(&settings), metrics.clone()),
            settings,
            touches: Touches::default(),
            instance: format!("{:032x}", entropy.bits()),
            clock,
            entropy,
            metrics,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store")
            .enable_all()
            .build()?;
        let keeping = Arc::clone(&core);
        runtime.spawn(async move { keeping.link.keep(Arc::clone(&keeping.entropy)).await });
        runtime.spawn(upkeep::note_touches(Arc::clone(&core)));
        Ok(Self {
            core,
            runtime: Some(runtime),
            closed: AtomicBool::new(false),
        })
    }
}

#[async_trait]
impl FarStore for ValkeyStore {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        self.core.counted("load", self.core.load(id)).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        // Side by side: they are one round trip, and whoever must be found is found.
        let create = async {
            let noted = self.core.note_persons(&session);
            let created = self.core.create(session.clone(), keep);
            tokio::try_join!(noted, created).map(|_| ())
        };
        self.core.counted("create", create).await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let save = self.core.save(session, based_on, keep);
        self.core.counted("save", save).await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        let issue = async {
            let issued = format!("{}{}", head::moment(issued_at), head::token(Some(token)));
            let own = [issued.as_bytes()];
            let value = self.core.change(&scripts::ISSUE, id, &own).await?;
            Ok(value == Value::Int(1))
        };
        self.core.counted("issue", issue).await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let kept = Kept::Moved(marker);
        let rotate = self.core.replace(from, &kept, keep, "0");
        self.core.counted("rotate", rotate).await.map(|_| ())
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        let kept = Kept::Ended(ended);
        let end = self.core.replace(id, &kept, keep, "1");
        self.core.counted("end", end).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        let key = self.core.login_key(token);
        let now = self.core.clock.now();
        let read = self.core.read(key, head::read_login);
        let login = self.core.counted("login", read).await?;
        Ok(login.filter(|login| now < login.expires))
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let open = self.core.open_login(token, login);
        self.core.counted("open_login", open).await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        let close = self.core.close_login(token, reason);
        self.core.counted("close_login", close).await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        self.core
            .counted("of_person", self.core.of_person(person))
            .await
    }

    fn touch(&self, touched: Touched) {
        if !self.closed.load(Ordering::Acquire) {
            self.core.touches.add(touched);
        }
    }

    fn watch(&self, hear: Box<dyn Fn(Changed) + Send + Sync>) {
        hear(Changed::Unheard);
        if let Some(runtime) = &self.runtime {
            runtime.spawn(changes::listen(Arc::clone(&self.core), hear));
        }
    }

    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(runtime) = &self.runtime else {
            return;
        };
        let (done, over) = mpsc::channel();
        let core = Arc::clone(&self.core);
        runtime.spawn(async move { done.send(core.note_waiting().await) });
        if !matches!(over.recv_timeout(LAST), Ok(true)) {
            tracing::warn!(
                "The last activity of some sessions was not kept: they may end earlier."
            );
        }
    }
}

impl Drop for ValkeyStore {
    fn drop(&mut self) {
        self.close();
        // Not waited for: it may be dropped where nothing may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
