//! A session app over HTTP: one call of the platform's transform protocol, guarded.
//!
//! It is told its declared inputs and who asks for which account; never the shopper's cookies, but
//! those that the account names. Its service may be slow, broken or gone: calls have a deadline, a
//! bound on how many are under way, and a breaker.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::domain::breaker::{Admission, Breaker, BreakerSettings, BreakerState};
use crate::domain::request::trace::{REQUEST_ID, RequestTrace, TRACEPARENT};
use crate::domain::session::Field;
use crate::domain::transform::protocol::{read_reply, write_call};
use crate::domain::transform::{Answer, Call, Failure};
use crate::outbound::{Allowance, Ask, Outbound, OutboundError, Told};
use crate::ports::{Clock, Entropy};
use crate::telemetry::{AppMetrics, CallCounters, CallOutcome};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("vestibule/", env!("CARGO_PKG_VERSION")));
const ACCOUNT: HeaderName = HeaderName::from_static("x-vtex-account");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What an app is called with.
#[derive(Clone, Debug)]
pub struct HttpAppSettings {
    /// The account.
    pub account: Arc<str>,
    /// The app's name in the account.
    pub name: Arc<str>,
    /// The whole address of its transform.
    pub uri: Uri,
    /// What it may write.
    pub outputs: Vec<Field>,
    /// Names of cookies whose raw value it is told.
    pub raw_cookies: Vec<String>,
    /// The secret that tells the app who calls. Marked as sensitive.
    pub bearer: Option<HeaderValue>,
    /// How long one call may take, repetitions included.
    pub timeout: Duration,
    /// How often a call is made again that may have been received.
    pub retries: u32,
    /// How many calls may be under way at once.
    pub concurrency: usize,
    /// When its breaker opens.
    pub breaker: BreakerSettings,
    /// The longest answer, in bytes (contract §14).
    pub reply_bytes: usize,
    /// How deep a written value may be nested.
    pub depth: usize,
}

/// What calls need of the world.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Makes the calls.
    pub outbound: Arc<Outbound>,
    /// The breaker's time.
    pub clock: Arc<dyn Clock>,
    /// The breaker's chance.
    pub entropy: Arc<dyn Entropy>,
    /// Where calls are counted.
    pub metrics: AppMetrics,
}

/// A session app over HTTP.
#[derive(Debug)]
pub struct HttpApp {
    settings: HttpAppSettings,
    headers: HeaderMap,
    outside: Outside,
    counters: CallCounters,
    places: Semaphore,
    breaker: Mutex<Breaker>,
}

impl HttpApp {
    /// An app whose breaker is closed.
    pub fn new(settings: HttpAppSettings, outside: Outside) -> Self {
        let account = HeaderValue::from_str(&settings.account).ok();
        let fixed = [
            (CONTENT_TYPE, Some(JSON)),
            (ACCEPT, Some(JSON)),
            (USER_AGENT, Some(AGENT)),
            (ACCOUNT, account),
            (AUTHORIZATION, settings.bearer.clone()),
        ];
        let fixed = fixed
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let counters = outside.metrics.of(&settings.account, &settings.name);
        counters.breaker(BreakerState::Closed);
        Self {
            headers: fixed.collect(),
            counters,
            outside,
            places: Semaphore::new(settings.concurrency),
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            settings,
        }
    }

    /// Asks the app.
    pub async fn call(&self, call: &Call, trace: &RequestTrace) -> Result<Answer, Failure> {
        let Ok(_place) = self.places.try_acquire() else {
            self.counters.ended(CallOutcome::Busy, Duration::ZERO);
            let busy = format!("{} calls are under way already", self.settings.concurrency);
            return Err(Failure::Unavailable(busy));
        };
        let attempt = Attempt::begin(self, trace)?;
        let allowance = Allowance {
            deadline: attempt.began + self.settings.timeout,
            reply_bytes: self.settings.reply_bytes,
            retries: self.settings.retries,
        };
        let ask = self.ask(call, trace);
        let answer = self.read(self.outside.outbound.send(&ask, allowance).await);
        attempt.end(match &answer {
            Ok(_) => CallOutcome::Answered,
            Err(failure) => CallOutcome::from(failure),
        });
        if let Err(failure) = &answer {
            self.tell(failure, trace);
        }
        answer
    }

    fn ask(&self, call: &Call, trace: &RequestTrace) -> Ask {
        let tells = |field: &Field| {
            field.namespace() != "cookie"
                || self
                    .settings
                    .raw_cookies
                    .iter()
                    .any(|name| name == field.key())
        };
        let mut headers = self.headers.clone();
        let state = trace.tracestate.as_ref().map(|state| (&TRACESTATE, state));
        let names = [
            (&REQUEST_ID, &trace.request_id),
            (&TRACEPARENT, &trace.traceparent),
        ];
        for (name, text) in names.into_iter().chain(state) {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        Ask {
            method: Method::POST,
            uri: self.settings.uri.clone(),
            headers,
            body: write_call(&call.inputs, tells).into(),
        }
    }

    fn read(&self, told: Result<Told, OutboundError>) -> Result<Answer, Failure> {
        let told = told.map_err(|error| failure_of(&error))?;
        let status = told.status;
        if status.is_redirection() {
            let text = format!("answered {}; redirects are not followed", status.as_u16());
            return Err(Failure::BadReply(text));
        }
        if !status.is_success() {
            let text = format!("answered {}", status.as_u16());
            return Err(if in_trouble(status) {
                Failure::Unavailable(text)
            } else {
                Failure::BadReply(text)
            });
        }
        let HttpAppSettings {
            account,
            name,
            outputs,
            depth,
            ..
        } = &self.settings;
        let reply = read_reply(&told.body, outputs, *depth)
            .map_err(|error| Failure::BadReply(error.to_string()))?;
        if reply.nameless > 0 {
            self.outside
                .metrics
                .undeclared(account, name, reply.nameless);
        }
        Ok(Answer {
            writes: reply.writes,
            ..Answer::default()
        })
    }

    /// Says why a call failed, so that whoever looks after the app can find it.
    fn tell(&self, failure: &Failure, trace: &RequestTrace) {
        let HttpAppSettings { account, name, .. } = &self.settings;
        let (account, app, request_id) = (&**account, &**name, &*trace.request_id);
        tracing::info!(account, app, request_id, %failure, "A call of a session app failed.");
    }

    /// Asks or tells the breaker, and tells operators where it changes.
    fn at_breaker<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock();
        let before = breaker.state();
        let result = act(&mut breaker);
        let after = breaker.state();
        drop(breaker);
        if after != before {
            self.counters.breaker(after);
            let HttpAppSettings { account, name, .. } = &self.settings;
            let (account, app, state) = (&**account, &**name, after.label());
            if after == BreakerState::Open {
                tracing::warn!(account, app, state, "A session app's breaker has opened.");
            } else {
                tracing::info!(account, app, state, "A session app's breaker has changed.");
            }
        }
        result
    }
}

/// Whether a status speaks of the app as a whole and not of this one call.
fn in_trouble(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        )
}

fn failure_of(error: &OutboundError) -> Failure {
    match error {
        OutboundError::Late => Failure::Timeout,
        OutboundError::Unreachable(_) | OutboundError::Lost(_) => {
            Failure::Unavailable(error.to_string())
        }
        OutboundError::TooLong(_) | OutboundError::Packed => Failure::BadReply(error.to_string()),
    }
}

/// A permitted call until its end. Dropped before it, the call was given up: its time, or the
/// cycle's, has passed.
struct Attempt<'a> {
    app: &'a HttpApp,
    trace: &'a RequestTrace,
    admission: Option<Admission>,
    began: Instant,
}

impl<'a> Attempt<'a> {
    fn begin(app: &'a HttpApp, trace: &'a RequestTrace) -> Result<Self, Failure> {
        let now = app.outside.clock.now();
        match app.at_breaker(|breaker| breaker.admit(now)) {
            Ok(admission) => Ok(Self {
                app,
                trace,
                admission: Some(admission),
                began: Instant::now(),
            }),
            Err(refused) => {
                app.counters.ended(CallOutcome::BreakerOpen, Duration::ZERO);
                let text = match refused.wait.as_millis() {
                    0 => "its breaker is open, one call tries whether it is back".to_owned(),
                    millis => format!("its breaker is open for another {millis} ms"),
                };
                Err(Failure::Unavailable(text))
            }
        }
    }

    fn end(mut self, outcome: CallOutcome) {
        self.over(outcome);
    }

    fn over(&mut self, outcome: CallOutcome) {
        let Some(admission) = self.admission.take() else {
            return;
        };
        let app = self.app;
        app.counters.ended(outcome, self.began.elapsed());
        // An answer that is no answer comes from a service that is there: what one shopper's
        // session provokes must not cut everybody off.
        let good = matches!(outcome, CallOutcome::Answered | CallOutcome::BadReply);
        let now = app.outside.clock.now();
        let chance = app.outside.entropy.chance();
        app.at_breaker(|breaker| breaker.ended(admission, good, now, chance));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.admission.is_none() {
            return;
        }
        let (outcome, failure) = if std::thread::panicking() {
            (CallOutcome::Broken, Failure::Broken)
        } else {
            (CallOutcome::Timeout, Failure::Timeout)
        };
        self.over(outcome);
        self.app.tell(&failure, self.trace);
    }
}
