//! A far store that keeps nobody waiting: a deadline on every call, and a breaker that stops
//! calling a store which fails again and again.
//!
//! Reads and writes have a breaker each: a disk that is full can still be read.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::timeout;

use super::persons::PersonKey;
use super::record::{Ended, Ending, Login, Marker};
use super::unavailable;
use crate::domain::breaker::{Admission, Breaker, BreakerSettings, BreakerState};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Changed, Clock, Entropy, FarStore, Kept, StoreError, Touched};
use crate::telemetry::StoreMetrics;

/// Three failures in a row are an outage, and once a second somebody looks whether it is over.
const BREAKER: BreakerSettings = BreakerSettings {
    failures: 3,
    cool_down: Duration::from_secs(1),
};

/// A store behind a deadline and two breakers.
#[derive(Debug)]
pub struct GuardedStore {
    far: Arc<dyn FarStore>,
    deadline: Duration,
    reading: Gate,
    writing: Gate,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: StoreMetrics,
}

#[derive(Debug)]
struct Gate {
    kind: &'static str,
    breaker: Mutex<Breaker>,
}

impl Gate {
    const fn new(kind: &'static str) -> Self {
        let breaker = Mutex::new(Breaker::new(BREAKER));
        Self { kind, breaker }
    }
}

impl GuardedStore {
    /// Guards a store; no call takes longer than `deadline`.
    pub fn new(
        far: Arc<dyn FarStore>,
        deadline: Duration,
        (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
        metrics: StoreMetrics,
    ) -> Self {
        let guarded = Self {
            far,
            deadline,
            reading: Gate::new("read"),
            writing: Gate::new("write"),
            clock,
            entropy,
            metrics,
        };
        guarded.tell(&guarded.reading, BreakerState::Closed);
        guarded.tell(&guarded.writing, BreakerState::Closed);
        guarded
    }

    async fn ask<T>(
        &self,
        gate: &Gate,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let admitted = gate.breaker.lock().admit(self.clock.now());
        let Ok(admission) = admitted else {
            return Err(unavailable(&"it has failed and is left alone for a moment"));
        };
        let mut attempt = Attempt {
            store: self,
            gate,
            admission: Some(admission),
        };
        let result = timeout(self.deadline, call)
            .await
            .unwrap_or_else(|_| Err(unavailable(&"it takes too long")));
        attempt.over(!matches!(result, Err(StoreError::Unavailable(_))));
        result
    }

    fn tell(&self, gate: &Gate, state: BreakerState) {
        self.metrics
            .answers(gate.kind, state == BreakerState::Closed);
    }
}

/// A call under way; given up, it counts as failed, or a breaker would wait for it for ever.
struct Attempt<'a> {
    store: &'a GuardedStore,
    gate: &'a Gate,
    admission: Option<Admission>,
}

impl Attempt<'_> {
    fn over(&mut self, good: bool) {
        let Some(admission) = self.admission.take() else {
            return;
        };
        let now = self.store.clock.now();
        let chance = self.store.entropy.chance();
        let (before, after) = {
            let mut breaker = self.gate.breaker.lock();
            let before = breaker.state();
            breaker.ended(admission, good, now, chance);
            (before, breaker.state())
        };
        if before == after {
            return;
        }
        self.store.tell(self.gate, after);
        let calls = self.gate.kind;
        match after {
            BreakerState::Open => tracing::warn!(
                calls,
                "The session store does not answer; shoppers go on from memory."
            ),
            BreakerState::Closed => tracing::info!(calls, "The session store answers again."),
            BreakerState::HalfOpen => {}
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.over(false);
    }
}

#[async_trait]
impl FarStore for GuardedStore {
    async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        self.ask(&self.reading, self.far.load(id)).await
    }

    async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        self.ask(&self.writing, self.far.create(session, keep))
            .await
    }

    async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        self.ask(&self.writing, self.far.save(session, based_on, keep))
            .await
    }

    async fn issue(
        &self,
        id: SessionId,
        token: TokenHash,
        issued_at: Millis,
    ) -> Result<bool, StoreError> {
        self.ask(&self.writing, self.far.issue(id, token, issued_at))
            .await
    }

    async fn rotate(
        &self,
        from: SessionId,
        marker: Marker,
        keep: Duration,
    ) -> Result<(), StoreError> {
        self.ask(&self.writing, self.far.rotate(from, marker, keep))
            .await
    }

    async fn end(&self, id: SessionId, ended: Ended, keep: Duration) -> Result<bool, StoreError> {
        self.ask(&self.writing, self.far.end(id, ended, keep)).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<Login>, StoreError> {
        self.ask(&self.reading, self.far.login(token)).await
    }

    async fn open_login(&self, token: TokenHash, login: Login) -> Result<Login, StoreError> {
        self.ask(&self.writing, self.far.open_login(token, login))
            .await
    }

    async fn close_login(&self, token: TokenHash, reason: Ending) -> Result<bool, StoreError> {
        self.ask(&self.writing, self.far.close_login(token, reason))
            .await
    }

    async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        self.ask(&self.reading, self.far.of_person(person)).await
    }

    fn watch(&self, hear: Box<dyn Fn(Changed) + Send + Sync>) {
        self.far.watch(hear);
    }

    fn answers(&self) -> bool {
        let closed = |gate: &Gate| gate.breaker.lock().state() == BreakerState::Closed;
        closed(&self.reading) && closed(&self.writing)
    }

    fn touch(&self, touched: Touched) {
        self.far.touch(touched);
    }

    fn close(&self) {
        self.far.close();
    }
}
