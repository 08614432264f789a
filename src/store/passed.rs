//! A store on disk that one process passes to the next, without either being without it.
//!
//! Its files are one process's alone. While the old one leaves, the new one borrows the store: it
//! asks over the private connection, and both hear of what the other changes. When the old one has
//! closed it, or is gone, the new one opens it; what is asked meanwhile waits for that.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{RwLock, watch};
use tokio::time::timeout;

use super::codec;
use super::embedded::OpenError;
use super::memory::MemoryStore;
use crate::domain::session::SessionId;
use crate::handover::{Frame, Kind, Line};
use crate::ports::{Changed, FarStore, Touched};
use crate::telemetry::StoreMetrics;

mod borrowed;
mod lending;
mod moving;
mod port;
#[cfg(test)]
mod tests;

use borrowed::Borrowed;
use lending::Lending;

/// How long an operation waits for a store that is being passed on. It takes as long as to close
/// and to open the files, which is a quarter of a second with a million sessions.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is waited, when the store is passed on, for what is under way.
const LAST: Duration = Duration::from_secs(2);

/// The store of this process, opened.
#[derive(Clone, Debug)]
pub struct Here {
    /// As this process asks it.
    pub own: Arc<dyn FarStore>,
    /// As the borrower does. What breaks off here when this process ends must not count there.
    pub lent: Arc<dyn FarStore>,
}

/// Opens the store of this process.
pub type OpenStore = Box<dyn Fn() -> Result<Here, OpenError> + Send + Sync>;

/// The version of the records that are written, by which two processes know that they understand
/// each other.
pub const RECORDS: u8 = codec::VERSION;

type Hears = Box<dyn Fn(Changed) + Send + Sync>;

/// A store that is passed from process to process.
#[derive(Clone, Debug)]
pub struct PassedStore(Arc<Passed>);

/// Where the store is.
#[derive(Clone)]
enum State {
    /// Here.
    Own(Here),
    /// At the process before.
    Borrowed(Arc<dyn FarStore>),
    /// On its way here.
    Between,
    /// This process ends.
    Closed,
}

impl State {
    const fn far(&self) -> Option<&Arc<dyn FarStore>> {
        match self {
            Self::Own(here) => Some(&here.own),
            Self::Borrowed(far) => Some(far),
            Self::Between | Self::Closed => None,
        }
    }
}

struct Passed {
    state: watch::Sender<State>,
    open: OpenStore,
    opening: AtomicBool,
    /// The cache of this process, that has to hear what another one changes.
    hears: OnceLock<Hears>,
    borrowed: Option<Arc<Borrowed>>,
    lending: ArcSwapOption<Lending>,
    /// What goes over with the store, where it lies in memory.
    memory: OnceLock<MemoryStore>,
    /// Held for reading by whatever is done for the borrower.
    under_way: RwLock<()>,
    /// Activity that was noted while there was no store.
    touched: Mutex<HashMap<SessionId, Touched>>,
    runtime: Handle,
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match *self.state.borrow() {
            State::Own(_) => "own",
            State::Borrowed(_) => "borrowed",
            State::Between => "between",
            State::Closed => "closed",
        };
        f.debug_tuple("Passed").field(&state).finish()
    }
}

impl PassedStore {
    /// A store that is this process's from the beginning. What goes on with another process does so
    /// in `runtime`, which has to outlive this.
    pub fn own(open: OpenStore, runtime: Handle) -> Result<Self, OpenError> {
        let state = State::Own(open()?);
        Ok(Self::new(state, open, None, runtime))
    }

    /// A store that another process has, at the other end of `line`, until it leaves. `guard` puts a
    /// deadline before what is asked there.
    pub fn borrowed(
        line: Line,
        open: OpenStore,
        guard: impl FnOnce(Arc<dyn FarStore>) -> Arc<dyn FarStore>,
        (runtime, metrics): (Handle, StoreMetrics),
    ) -> Self {
        let borrowed = Arc::new(Borrowed::new(line, metrics));
        let state = State::Borrowed(guard(Arc::clone(&borrowed) as Arc<dyn FarStore>));
        Self::new(state, open, Some(borrowed), runtime)
    }

    fn new(
        state: State,
        open: OpenStore,
        borrowed: Option<Arc<Borrowed>>,
        runtime: Handle,
    ) -> Self {
        Self(Arc::new(Passed {
            state: watch::Sender::new(state),
            open,
            opening: AtomicBool::new(false),
            hears: OnceLock::new(),
            borrowed,
            lending: ArcSwapOption::empty(),
            memory: OnceLock::new(),
            under_way: RwLock::default(),
            touched: Mutex::default(),
            runtime,
        }))
    }

    /// The same for a store that lies in this memory, and has to go over piece by piece.
    #[must_use]
    pub fn in_memory(self, memory: MemoryStore) -> Self {
        self.0.memory.get_or_init(|| memory);
        self
    }

    /// Waits until the store is this process's own.
    pub async fn owned(&self) {
        let mut state = self.0.state.subscribe();
        let own = |state: &State| matches!(state, State::Own(_));
        if state.wait_for(own).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Answers for the store to the process at the other end, and tells it what changes here.
    pub fn lend(&self, line: Line) {
        self.0.lending.store(Some(Arc::new(Lending::new(line))));
    }

    /// The borrower is gone.
    pub fn lend_no_more(&self) {
        self.0.lending.store(None);
    }

    /// Takes what the other process says. Called within a runtime.
    pub fn hear(&self, frame: Frame) {
        let Frame {
            kind,
            number,
            content,
        } = frame;
        match kind {
            Kind::Asked => {
                let (store, lending) = (self.clone(), self.0.lending.load_full());
                if let Some(lending) = lending {
                    lending.asks();
                    tokio::spawn(async move { store.answer(&lending, number, &content).await });
                }
            }
            Kind::Touched => match codec::asked::read_touched(&content) {
                Ok(touched) => self.touch(touched),
                Err(error) => tracing::debug!(%error, "Activity was not understood."),
            },
            Kind::Heard => {
                if let Some(lending) = self.0.lending.load_full() {
                    lending.heard(number);
                }
            }
            Kind::Answered => {
                if let Some(borrowed) = &self.0.borrowed {
                    borrowed.answered(number, &content);
                }
            }
            Kind::Changed => self.changed(number, &content),
            Kind::Piece => self.take(&content),
            Kind::Closing => self.leaves_there(),
            Kind::Released => self.released(),
            Kind::Ready | Kind::Leaving | Kind::GivenUp => {}
        }
    }

    fn changed(&self, number: u64, content: &[u8]) {
        // What is not understood may be anything.
        let changed = codec::asked::read_changed(content).unwrap_or(Changed::Everything);
        self.0.tell_near(changed);
        if let Some(borrowed) = &self.0.borrowed {
            borrowed.line().send(Kind::Heard, number, Vec::new());
        }
    }

    fn take(&self, content: &[u8]) {
        match (self.0.memory.get(), codec::asked::read_asked(content)) {
            (Some(memory), Ok(piece)) => memory.take_piece(piece),
            (_, Err(error)) => tracing::warn!(%error, "A session did not come over."),
            (None, _) => {}
        }
    }
}

impl Passed {
    fn tell_near(&self, changed: Changed) {
        if let Some(hears) = self.hears.get() {
            hears(changed);
        }
    }

    /// Closes the store; whoever borrowed it may have it then.
    fn close(&self) {
        let lending = self.lending.load_full();
        if let Some(lending) = &lending {
            if let Some(memory) = self.memory.get() {
                // The borrower goes on asking meanwhile: what it has changed, it has near.
                let flush = || self.wait_for(lending.flush());
                lending.give(memory, flush);
            }
            lending.closes();
        }
        match self.state.send_replace(State::Closed) {
            State::Own(here) => {
                if lending.is_some() {
                    self.wait_for(async { drop(self.under_way.write().await) });
                }
                here.own.close();
            }
            State::Borrowed(far) => far.close(),
            State::Between | State::Closed => {}
        }
        if let Some(lending) = &lending {
            self.wait_for(lending.released());
        }
        if let Some(borrowed) = &self.borrowed {
            // Activity that was told last.
            self.wait_for(borrowed.flush());
        }
    }

    fn wait_for(&self, work: impl Future<Output = ()>) {
        if self
            .runtime
            .block_on(async { timeout(LAST, work).await })
            .is_err()
        {
            tracing::warn!("The other process takes too long to take the store over.");
        }
    }
}
