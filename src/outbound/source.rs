//! One source of truth of a store: calls with the manners that all sources share.
//!
//! A call has a deadline and a bound on its answer; no more than so many are under way at one origin;
//! a source that fails again and again, or that asks for time, is left alone. Only calls that change
//! nothing are made again. Addresses and answers hold e-mails: neither is ever logged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Allowance, Ask, Outbound, OutboundError, Told};
use crate::domain::breaker::{Admission, BreakerSettings, BreakerState};
use crate::domain::gate::{Closed, Gate, Showed};
use crate::ports::{Clock, Entropy};
use crate::telemetry::{CallCounters, SourceMetrics, SourceOutcome};

#[cfg(test)]
mod tests;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("vestibule/", env!("CARGO_PKG_VERSION")));
/// How long a source is left alone that asks for time and does not say how much.
const UNTOLD_WAIT: Duration = Duration::from_secs(5);

/// What calls of sources need of the world.
#[derive(Clone, Debug)]
pub struct World {
    /// Makes the calls.
    pub outbound: Arc<Outbound>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Where calls are counted.
    pub metrics: SourceMetrics,
}

/// The manners of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// How long a call may take, repetitions included.
    pub timeout: Duration,
    /// How often a call that changes nothing is made again.
    pub retries: u32,
    /// How many calls may be under way at one origin.
    pub concurrency: usize,
    /// The longest answer, in bytes.
    pub reply_bytes: usize,
    /// When a source is left alone.
    pub breaker: BreakerSettings,
}

/// Why a source gave no answer. Texts hold nothing of the call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SourceError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] OutboundError),
    /// Too many calls are under way.
    #[error("{0} calls of it are under way already")]
    Busy(usize),
    /// It failed again and again.
    #[error("it failed too often and is left alone for another {} ms", .0.as_millis())]
    LeftAlone(Duration),
    /// It asked for time.
    #[error("it asked not to be called for another {} s", .0.as_secs_f64().ceil())]
    Waiting(Duration),
    /// Its status is no answer.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It answered with something else than what it is asked for.
    #[error("its answer is no answer: {0}")]
    Answer(String),
    /// A mistake of ours.
    #[error("the call broke")]
    Broken,
}

/// One source.
#[derive(Debug)]
pub struct Source {
    name: &'static str,
    account: Arc<str>,
    manners: Manners,
    world: World,
    counters: CallCounters,
    /// Shared by all sources of one origin.
    places: Arc<Semaphore>,
    gate: Mutex<Gate>,
}

impl Source {
    /// A source that nobody has called yet.
    pub fn new(
        name: &'static str,
        account: Arc<str>,
        manners: Manners,
        places: Arc<Semaphore>,
        world: World,
    ) -> Self {
        let counters = world.metrics.of(&account, name);
        counters.breaker(BreakerState::Closed);
        Self {
            name,
            account,
            manners,
            world,
            counters,
            places,
            gate: Mutex::new(Gate::new(manners.breaker)),
        }
    }

    /// Its name, for people and metrics.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it needs of the world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Asks for JSON. A status but 200 and 206 is an error.
    pub async fn get<T: DeserializeOwned>(
        &self,
        uri: Uri,
        headers: &HeaderMap,
    ) -> Result<T, SourceError> {
        let told = self.get_text(uri, headers).await?;
        read_json(&told)
    }

    /// The same, as it came.
    pub async fn get_text(&self, uri: Uri, headers: &HeaderMap) -> Result<Bytes, SourceError> {
        let ask = Ask {
            method: Method::GET,
            uri,
            headers: headers.clone(),
            body: Bytes::new(),
        };
        let told = self.send(ask).await?;
        if !matches!(told.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(SourceError::Status(told.status));
        }
        check_kind(&told.headers)?;
        Ok(told.body)
    }

    /// Makes a call. Every status comes back but those that speak of trouble.
    pub async fn send(&self, mut ask: Ask) -> Result<Told, SourceError> {
        let Ok(_place) = self.places.try_acquire() else {
            self.counters.ended(SourceOutcome::Busy, Duration::ZERO);
            return Err(SourceError::Busy(self.manners.concurrency));
        };
        let attempt = Attempt::begin(self)?;
        ask.headers.entry(ACCEPT).or_insert(JSON);
        ask.headers.insert(USER_AGENT, AGENT);
        let repeatable = ask.method.is_safe();
        let allowance = Allowance {
            deadline: attempt.began + self.manners.timeout,
            reply_bytes: self.manners.reply_bytes,
            retries: if repeatable { self.manners.retries } else { 0 },
        };
        let told = self.world.outbound.send(&ask, allowance).await;
        let (result, outcome, showed) = self.judge(told);
        attempt.end(outcome, showed);
        if let Err(problem) = &result {
            let (account, source) = (&*self.account, self.name);
            tracing::info!(account, source, %problem, "A source gave no answer.");
        }
        result
    }

    fn judge(
        &self,
        told: Result<Told, OutboundError>,
    ) -> (Result<Told, SourceError>, SourceOutcome, Showed) {
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                let (outcome, showed) = match error {
                    OutboundError::Late => (SourceOutcome::Timeout, Showed::Trouble),
                    OutboundError::Unreachable(_) | OutboundError::Lost(_) => {
                        (SourceOutcome::Unavailable, Showed::Trouble)
                    }
                    OutboundError::TooLong(_) | OutboundError::Packed => {
                        (SourceOutcome::BadReply, Showed::Good)
                    }
                };
                return (Err(error.into()), outcome, showed);
            }
        };
        let status = told.status;
        let wait = retry_after(&told.headers, self.world.clock.as_ref());
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = Showed::Wait(wait.unwrap_or(UNTOLD_WAIT));
            return (
                Err(SourceError::Status(status)),
                SourceOutcome::Unavailable,
                wait,
            );
        }
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            let showed = wait.map_or(Showed::Trouble, Showed::Wait);
            return (
                Err(SourceError::Status(status)),
                SourceOutcome::Unavailable,
                showed,
            );
        }
        let outcome = if status.is_success() {
            SourceOutcome::Answered
        } else {
            SourceOutcome::Refused
        };
        (Ok(told), outcome, Showed::Good)
    }

    fn at_gate<T>(&self, act: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gate = self.gate.lock();
        let before = gate.state();
        let result = act(&mut gate);
        let after = gate.state();
        drop(gate);
        if after != before {
            self.counters.breaker(after);
            let (account, source, state) = (&*self.account, self.name, after.label());
            if after == BreakerState::Open {
                tracing::warn!(account, source, state, "A source's breaker has opened.");
            } else {
                tracing::info!(account, source, state, "A source's breaker has changed.");
            }
        }
        result
    }
}

/// Reads an answer. What is wrong with it is told by place and kind, never by its text.
pub fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() {
            "JSON of another shape"
        } else {
            "no JSON"
        };
        SourceError::Answer(format!("{what} (line {line}, column {column})"))
    })
}

/// A page of HTML with status 200 comes from something that stands in between.
pub(crate) fn check_kind(headers: &HeaderMap) -> Result<(), SourceError> {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind.ends_with("/json") || kind.ends_with("+json") {
        return Ok(());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '-' | '.');
    let shown: String = kind.chars().filter(|c| plain(*c)).take(40).collect();
    Err(SourceError::Answer(format!("{shown}, not JSON")))
}

/// For how long an answer asks to be left alone: seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = u64::try_from(clock.now().as_millis()).ok()?;
    Some(date.saturating_sub(Duration::from_millis(now)))
}

/// A permitted call until its end. Dropped before it, the call was given up: time has passed.
struct Attempt<'a> {
    source: &'a Source,
    admission: Option<Admission>,
    began: Instant,
}

impl<'a> Attempt<'a> {
    fn begin(source: &'a Source) -> Result<Self, SourceError> {
        let now = source.world.clock.now();
        match source.at_gate(|gate| gate.admit(now)) {
            Ok(admission) => Ok(Self {
                source,
                admission: Some(admission),
                began: Instant::now(),
            }),
            Err(closed) => {
                let (outcome, error) = match closed {
                    Closed::Breaker(wait) => {
                        (SourceOutcome::LeftAlone, SourceError::LeftAlone(wait))
                    }
                    Closed::Asked(wait) => (SourceOutcome::Waiting, SourceError::Waiting(wait)),
                };
                source.counters.ended(outcome, Duration::ZERO);
                Err(error)
            }
        }
    }

    fn end(mut self, outcome: SourceOutcome, showed: Showed) {
        self.over(outcome, showed);
    }

    fn over(&mut self, outcome: SourceOutcome, showed: Showed) {
        let Some(admission) = self.admission.take() else {
            return;
        };
        let source = self.source;
        source.counters.ended(outcome, self.began.elapsed());
        let now = source.world.clock.now();
        let chance = source.world.entropy.chance();
        source.at_gate(|gate| gate.ended(admission, showed, now, chance));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.over(SourceOutcome::Timeout, Showed::Trouble);
    }
}
