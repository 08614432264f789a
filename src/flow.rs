//! One request: inputs → lookup → cycle → patch → headers and cookies → verdict.
//!
//! [`Flow::decide`] is the way of a request in one screen; the proxy and `explain` both call it.

use std::sync::Arc;
use std::time::Duration;

use crate::account::Account;
use crate::domain::access::Route;
use crate::domain::inputs::{Inputs, read_inputs};
use crate::domain::request::RequestView;
use crate::domain::request::watch::{Part, Watched};
use crate::domain::time::Millis;
use crate::ports::{Clock, Entropy, SessionStore, StoreHealth};
use crate::store::{Census, Interner, SessionLocks};
use crate::telemetry::{CycleMetrics, Telemetry};

mod again;
mod ask;
mod cause;
mod change;
mod close;
mod consent;
mod contexts;
mod decision;
mod ending;
mod erase;
mod event;
mod hands;
mod issue;
mod keepalive;
mod lookup;
mod operator;
mod over;
pub mod past;
mod plan;
mod preview;
mod retries;
mod returning;
mod revoke;
mod run;
mod visit;
mod writes;

pub use again::{Said, only_cookie_line};
pub use ask::{Ask, Undone};
pub use decision::{CookiePlan, Decision, Injection, Issue, Trace};
pub use erase::{Erased, Exported};
pub use event::{Acting, Event, Who};
pub use issue::Leaving;
pub use keepalive::Standing;
pub use lookup::Lookup;
pub use over::{Known, Left, Over};
pub use revoke::Revoked;

use contexts::Contexts;
use lookup::LookedUp;
use past::Past;
use retries::Retries;

/// How long the marker of a rotation leads to the new session (lifetime law, "Rotation").
const MARKER: Duration = Duration::from_secs(30);

/// Everything that a request passes through, for all accounts.
#[derive(Debug)]
pub struct Flow {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    store: Arc<dyn SessionStore>,
    bodies: Arc<Interner>,
    locks: SessionLocks,
    retries: Retries,
    contexts: Contexts,
    cycles: CycleMetrics,
    past: Past,
    /// Whether it is a dry run: it asks each app by itself, and no shopper gets what came of it.
    dry: bool,
    /// Whether captured cookies that a request does not carry are as its session holds them: in a dry
    /// run, for whoever has no browser at hand.
    cookies_as_held: bool,
}

/// What every stage knows: the request, what was read of it, and when.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) account: &'a Arc<Account>,
    pub(crate) request: &'a RequestView<'a>,
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) route: &'a Route,
    /// Whether the request keeps its session alive (lifetime law, "Not activity").
    pub(crate) activity: bool,
    pub(crate) now: Millis,
    /// Whether captured cookies that it does not carry are as the session holds them.
    pub(crate) cookies_as_held: bool,
    /// What a call of the Session API asks for; `None` on a page.
    pub(crate) ask: Option<&'a Ask>,
    /// Whether this client may be given another new session; asking counts as one.
    pub(crate) may_create: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Stage<'a> {
    /// A call that is no activity by itself, and by which no session begins.
    fn of_call(
        account: &'a Arc<Account>,
        request: &'a RequestView<'a>,
        inputs: &'a Inputs<'a>,
        ask: &'a Ask,
        now: Millis,
    ) -> Self {
        Self {
            account,
            request,
            inputs,
            route: account.routes.find(request.path),
            activity: false,
            now,
            cookies_as_held: false,
            ask: Some(ask),
            may_create: &|| false,
        }
    }

    /// A part of the request begins, where somebody watches.
    fn begin(&self, part: Part) -> Option<Watched> {
        let watch = self.request.trace?.watch.as_ref()?;
        Some(watch.begin(part))
    }

    /// Whether it is of a static file, a health check or a crawler: none gets a stored session.
    fn without_session(&self) -> bool {
        self.route.without_session()
            || self.request.crawler(&self.account.crawlers)
            || self.is_unconsented()
    }

    /// Whether the visitor has not agreed to be remembered. A server that calls the Session API has
    /// nobody to ask.
    fn is_unconsented(&self) -> bool {
        let Some(consent) = &self.account.consent else {
            return false;
        };
        (self.ask.is_none() || self.request.browser()) && !consent.is_given(self.request.headers)
    }
}

impl Flow {
    /// A flow over these ports, counted nowhere.
    pub fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        store: Arc<dyn SessionStore>,
    ) -> Arc<Self> {
        Arc::new(Self::uncounted(clock, entropy, store))
    }

    fn uncounted(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        store: Arc<dyn SessionStore>,
    ) -> Self {
        let cycles = Telemetry::new().cycles().clone();
        Self::over(clock, entropy, store, Arc::default(), cycles)
    }

    /// The same, with bodies that the store shares, and with cycles counted.
    pub fn sharing(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        store: Arc<dyn SessionStore>,
        bodies: Arc<Interner>,
        cycles: CycleMetrics,
    ) -> Arc<Self> {
        Arc::new(Self::over(clock, entropy, store, bodies, cycles))
    }

    fn over(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        store: Arc<dyn SessionStore>,
        bodies: Arc<Interner>,
        cycles: CycleMetrics,
    ) -> Self {
        Self {
            clock,
            entropy,
            store,
            bodies,
            locks: SessionLocks::default(),
            retries: Retries::default(),
            contexts: Contexts::default(),
            cycles,
            past: Past::default(),
            dry: false,
            cookies_as_held: false,
        }
    }

    /// The present moment, as every request sees it.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Keeps what waits to be kept: the process ends. Waits for it.
    pub fn keep_everything(&self) {
        self.store.close();
    }

    /// How the store behind the memory is.
    pub fn store_health(&self) -> StoreHealth {
        self.store.health()
    }

    /// What sessions went through lately.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Which sessions this process holds.
    pub fn census(&self) -> Census {
        self.store.census()
    }

    /// How many sessions are having a failed app tried again just now.
    pub fn retrying(&self) -> usize {
        self.retries.under_way()
    }

    /// The source of randomness, for whoever names parts of requests.
    pub fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    /// Random bits, for names of requests.
    pub fn random(&self) -> u128 {
        self.entropy.bits()
    }

    /// Decides what happens to one request. `may_create` is asked only where a new session would
    /// be stored.
    pub async fn decide(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        may_create: &(dyn Fn() -> bool + Sync),
    ) -> Decision {
        // What this request says: presented tokens, captured cookies and query parameters.
        let inputs = read_inputs(request, &account.inputs);
        let stage = self.stage(account, request, &inputs, may_create);
        if stage.without_session() {
            if stage.is_unconsented() {
                return Box::pin(self.unconsented(stage)).await;
            }
            return self.without_session(stage).await;
        }
        self.with_session(stage).await
    }

    /// Decides about a call of the Session API, by the same way (contract §10). Routes' rules of
    /// access do not hold for it: it is done whole, or [`field@Decision::undone`] says why not.
    pub async fn call(
        self: &Arc<Self>,
        account: &Arc<Account>,
        request: &RequestView<'_>,
        ask: &Ask,
        may_create: &(dyn Fn() -> bool + Sync),
    ) -> Decision {
        let mut inputs = read_inputs(request, &account.inputs);
        if !ask.captures_query {
            inputs.public.clear();
        }
        let stage = Stage {
            ask: Some(ask),
            ..self.stage(account, request, &inputs, may_create)
        };
        if stage.is_unconsented() {
            return Box::pin(self.unconsented(stage)).await;
        }
        if request.crawler(&account.crawlers) {
            return Box::pin(self.unstored(stage)).await;
        }
        self.with_session(stage).await
    }

    /// What every stage of a page's request knows.
    fn stage<'a>(
        &self,
        account: &'a Arc<Account>,
        request: &'a RequestView<'a>,
        inputs: &'a Inputs<'a>,
        may_create: &'a (dyn Fn() -> bool + Sync),
    ) -> Stage<'a> {
        let route = account.routes.find(request.path);
        Stage {
            account,
            request,
            inputs,
            route,
            activity: route.touch && !request.prefetch(),
            // The clock is read once: every stage judges by the same moment.
            now: self.clock.now(),
            cookies_as_held: self.cookies_as_held,
            ask: None,
            may_create,
        }
    }

    /// The ways of requests whose session does not live (any more).
    async fn without_living(self: &Arc<Self>, stage: Stage<'_>, found: LookedUp) -> Decision {
        match found {
            LookedUp::Alive(alive) => self.returning(stage, alive).await,
            // A rotated id leads to its successor for whoever proves to be the same.
            LookedUp::Moved(marker) => self.through_marker(stage, marker).await,
            // Authority ends; what is not personal goes on in a new session.
            LookedUp::Ended(ended) => self.succeed(stage, ended).await,
            LookedUp::Unknown(lookup) => self.first_visit(stage, lookup).await,
            // Two live sessions at once, or a store that cannot be asked: nobody in particular.
            LookedUp::Ambiguous => self.ambiguous(stage).await,
            LookedUp::Unreadable => self.unreadable(stage).await,
        }
    }

    async fn with_session(self: &Arc<Self>, stage: Stage<'_>) -> Decision {
        // Token → id → session; the lifetime law says whether it lives.
        let looking = stage.begin(Part::Lookup);
        let found = self.look_up(stage).await;
        if let Some(looking) = looking {
            looking.end(found.label());
        }
        match found {
            // Nothing new costs nothing; anything new runs the cycle, once, in order.
            LookedUp::Alive(alive) => self.returning(stage, alive).await,
            // The other ways are boxed, so that the way of most requests stays small.
            other => Box::pin(self.without_living(stage, other)).await,
        }
    }
}
