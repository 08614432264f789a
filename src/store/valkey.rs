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
use redis::{Value, cmd};
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::codec::{self, CodecError};
use super::outcome;
use super::record::{Ended, Ending, Login, Marker};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Changed, Clock, Entropy, FarStore, Kept, StoreError, Touched};
use crate::telemetry::StoreMetrics;

mod changes;
mod head;
mod link;
mod scripts;
mod settings;
mod target;
mod told;
mod touches;
mod upkeep;

pub use settings::{Address, Mode, Settings, Tls};

use link::{Link, Refused};
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

impl Core {
    fn session_key(&self, id: SessionId) -> String {
        // The braces: all keys of a session are on one node of a cluster.
        format!("{}:s:{{{:032x}}}", self.settings.key_prefix, id.as_u128())
    }

    fn login_key(&self, token: TokenHash) -> String {
        format!(
            "{}:l:{{{:032x}}}",
            self.settings.key_prefix,
            token.as_u128()
        )
    }

    /// When what begins now has to be over.
    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.deadline
    }

    /// Does an operation and counts it.
    async fn counted<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = work.await;
        self.metrics
            .done(operation, outcome(&result), begun.elapsed());
        result
    }

    async fn run(
        &self,
        script: &scripts::Write,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let until = self.deadline();
        match self.link.ask(&script.by_name(keys, arguments), until).await {
            Err(Refused::NoScript) => {
                let whole = script.whole(keys, arguments);
                Ok(self.link.ask(&whole, until).await?)
            }
            answered => Ok(answered?),
        }
    }

    /// Runs a write over a session and tells the others. The script's own arguments follow those
    /// that all have.
    async fn change(
        &self,
        script: &scripts::Write,
        id: SessionId,
        own: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let (now, channel) = (head::moment(self.clock.now()), self.settings.channel());
        let (version, message) = (newest(), told::session(&self.instance, id));
        let all = [&now, &version, &channel, &message].map(|text| text.as_bytes());
        let arguments = [&all, own].concat();
        let value = self
            .run(script, &[self.session_key(id)], &arguments)
            .await?;
        known(value)
    }

    async fn replace(
        &self,
        id: SessionId,
        kept: &Kept,
        keep: Duration,
        only_live: &'static str,
    ) -> Result<bool, StoreError> {
        let record = head::write(kept, keep, self.clock.now());
        let life = life(keep);
        let own: [&[u8]; 3] = [&record, life.as_bytes(), only_live.as_bytes()];
        let value = self.change(&scripts::REPLACE, id, &own).await?;
        Ok(value == Value::Int(1))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.link.ask(cmd("GET").arg(key), self.deadline()).await?;
        match value {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(strange()),
        }
    }

    /// A record as it was read; one that is damaged is moved out of the way and is none.
    async fn read<T>(
        &self,
        key: String,
        read: impl Fn(&[u8]) -> Result<T, CodecError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(&key).await? else {
            return Ok(None);
        };
        match read(&bytes) {
            Ok(found) => Ok(Some(found)),
            Err(newer @ CodecError::Newer(_)) => Err(StoreError::Unavailable(newer.to_string())),
            Err(CodecError::Damaged(why)) => {
                self.set_aside(key, &bytes, why).await?;
                Ok(None)
            }
        }
    }

    async fn set_aside(
        &self,
        key: String,
        bytes: &[u8],
        why: &'static str,
    ) -> Result<(), StoreError> {
        let aside = format!("{}:damaged:{key}", self.settings.key_prefix);
        let life = life(upkeep::KEEP_DAMAGED);
        let own: [&[u8]; 2] = [bytes, life.as_bytes()];
        self.run(&scripts::ASIDE, &[key, aside], &own).await?;
        self.metrics.set_aside(1);
        tracing::error!(why, "A damaged record was set aside.");
        Ok(())
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let (now, key) = (self.clock.now(), self.session_key(session.id));
        let left = session.last_seen.plus(keep).since(now);
        let record = head::write(&Kept::Live(session), keep, now);
        let mut set = cmd("SET");
        set.arg(key).arg(record).arg("NX").arg("PX").arg(life(left));
        match self.link.ask(&set, self.deadline()).await? {
            Value::Nil => Err(StoreError::Exists),
            _ => Ok(()),
        }
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let kept = Kept::Live(session);
        let record = codec::write_record(&kept, keep, self.clock.now());
        let Kept::Live(session) = kept else {
            return Err(strange());
        };
        let texts = [
            head::version(based_on),
            head::moment(session.last_seen),
            head::span(keep),
            head::version(session.version),
        ];
        let own = [
            texts[0].as_bytes(),
            texts[1].as_bytes(),
            texts[2].as_bytes(),
            texts[3].as_bytes(),
            record.as_slice(),
        ];
        match self.change(&scripts::SAVE, session.id, &own).await? {
            Value::Nil => Ok(None),
            Value::BulkString(head) => {
                let moving = head::Moving::read(&head);
                let moving = moving.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                Ok(Some(moving.applied_to(session)))
            }
            _ => Err(strange()),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        let now = self.clock.now();
        let Some(mut record) = self.read(self.session_key(id), head::read).await? else {
            return Ok(None);
        };
        // What this instance knows and could not tell yet.
        if let Some(seen) = self.touches.of(id)
            && let Kept::Live(session) = &mut record.kept
        {
            record.at = record.at.max(seen);
            session.last_seen = record.at;
        }
        let over = now > record.at.plus(record.keep);
        Ok((!over).then_some((record.kept, record.keep)))
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        let left = login.expires.since(self.clock.now());
        if left.is_zero() {
            return Ok(login);
        }
        let mut set = cmd("SET");
        set.arg(self.login_key(token))
            .arg(head::write_login(&login))
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(life(left));
        match self.link.ask(&set, self.deadline()).await? {
            Value::Nil => Ok(login),
            Value::BulkString(bytes) => {
                head::read_login(&bytes).map_err(|error| StoreError::Unavailable(error.to_string()))
            }
            _ => Err(strange()),
        }
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        let (version, channel) = (newest(), self.settings.channel());
        let message = told::login(&self.instance, token, reason);
        let code = reason.code().to_string();
        let arguments = [&version, &channel, &message, &code].map(|text| text.as_bytes());
        let key = self.login_key(token);
        let value = self.run(&scripts::CLOSE_LOGIN, &[key], &arguments).await?;
        Ok(known(value)? == Value::Int(1))
    }
}

/// The newest version of a record that is understood here.
fn newest() -> String {
    codec::VERSION.to_string()
}

/// A life that the server takes: at least a millisecond.
fn life(span: Duration) -> String {
    span.as_millis().max(1).to_string()
}

/// A script's answer, unless it met a record of a later version.
fn known(value: Value) -> Result<Value, StoreError> {
    if value == Value::Int(-1) {
        let why = "a record that a later Vestibule wrote";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    Ok(value)
}

fn strange() -> StoreError {
    StoreError::Unavailable("the server's answer is none that was asked for".to_owned())
}

#[async_trait]
impl FarStore for ValkeyStore {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        self.core.counted("load", self.core.load(id)).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let create = self.core.create(session, keep);
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
