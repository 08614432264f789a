//! An account, compiled: everything that one store's requests are judged by.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value, json};

use crate::config::values::{Api, AuthCookie, CarryOver, Cookies};
use crate::domain::access::Routes;
use crate::domain::context::ContextRules;
use crate::domain::headers::HeaderPlanRules;
use crate::domain::inputs::{Consent, InputRules};
use crate::domain::lifetime::Policy;
use crate::domain::plans::SharedBody;
use crate::domain::request::Crawlers;
use crate::domain::session::field::known;
use crate::domain::session::limits::SessionLimits;
use crate::domain::session::{Body, Slot, Upkeep};
use crate::domain::time::Millis;
use crate::domain::token::KeyRing;
use crate::domain::transform::Graph;
use crate::memo::Outcomes;
use crate::outbound::recent::Recent;
use crate::outbound::remote::Remote;
use crate::ports::{AppCaller, Directory};
use crate::telemetry::Traffic;

/// The lifetime law's numbers for the two kinds of shopper.
#[derive(Clone, Debug)]
pub struct Policies {
    /// For shoppers whom nobody knows.
    pub anonymous: Policy,
    /// For shoppers and staff who are logged in.
    pub authenticated: Policy,
}

impl Policies {
    /// The policy of a kind.
    pub const fn of(&self, authenticated: bool) -> &Policy {
        if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        }
    }
}

/// One store.
#[derive(Debug)]
pub struct Account {
    /// Which configuration it was compiled from; plans of another are made anew.
    pub generation: u64,
    /// Its name.
    pub name: Arc<str>,
    /// Its id, a GUID.
    pub id: Arc<str>,
    /// What its sessions begin with.
    pub base: FirstBody,
    /// The path under which it lives, `/` for a whole host.
    pub root_path: Arc<str>,
    /// Whose answer is asked before anybody is remembered; none: nobody's.
    pub consent: Option<Consent>,
    /// What is read from requests.
    pub inputs: InputRules,
    /// Names and attributes of our cookies, by listener.
    pub cookies: Cookies,
    /// The lifetime law.
    pub policies: Policies,
    /// The installed apps.
    pub graph: Graph,
    /// Where they look up the store's data.
    pub directory: Arc<dyn Directory>,
    /// Who calls them.
    pub apps: Arc<dyn AppCaller>,
    /// What came of whole cycles, for the next who begins with the same.
    pub outcomes: Outcomes,
    /// What was looked up last, where, and how old it was.
    pub recent: Arc<Recent>,
    /// What lives by sources of truth and is tended beside the requests.
    pub remotes: Vec<Arc<dyn Remote>>,
    /// How long a whole cycle may take.
    pub cycle_deadline: Duration,
    /// Headers for the backends.
    pub headers: HeaderPlanRules,
    /// Whether answers carry the segment's key for a CDN in front.
    pub echo_segment_key: bool,
    /// The Session API.
    pub api: Api,
    /// The signed context for routes that ask for one.
    pub context: ContextRules,
    /// Routes.
    pub routes: Routes,
    /// Keys of tokens and hashes.
    pub keys: Arc<KeyRing>,
    /// What outlives an expiry or a logout.
    pub carry_over: CarryOver,
    /// The shop's auth cookies.
    pub auth_cookie: AuthCookie,
    /// Whether an auth cookie may begin a session again after its login ended.
    pub silent_relogin: bool,
    /// User agents that never get a stored session, lower case.
    pub crawlers: Crawlers,
    /// How much a session may hold.
    pub limits: SessionLimits,
    /// The session of whoever gets none.
    pub default: DefaultSession,
    /// Where its requests are counted.
    pub traffic: Traffic,
}

/// What every session of an account holds from its first moment.
#[derive(Debug)]
pub struct FirstBody {
    body: Body,
    shared: OnceLock<Arc<SharedBody>>,
}

impl FirstBody {
    /// That of an account with this name and id (contract §4).
    pub fn of(name: &str, id: &str) -> Self {
        let mut body = Body::new();
        let mut beside = Map::new();
        beside.insert("keepAlive".to_owned(), Value::Bool(true));
        body.put(known("account.id"), Slot::with_beside(json!(id), beside));
        body.set(known("account.accountName"), json!(name));
        body.set(known("profile.isAuthenticated"), json!("false"));
        Self {
            body,
            shared: OnceLock::new(),
        }
    }

    /// The same as sessions share it, if this is it; `share` is asked once.
    pub fn shared(
        &self,
        body: &Body,
        share: impl FnOnce() -> Arc<SharedBody>,
    ) -> Option<&Arc<SharedBody>> {
        (*body == self.body).then(|| self.shared.get_or_init(share))
    }
}

impl Account {
    /// What every session holds from its first moment (contract §4). Not counted as a change.
    pub fn base(&self) -> Body {
        self.base.body.clone()
    }
}

/// The default session, made by a create call now and then and shared by all who get none stored.
#[derive(Default)]
pub struct DefaultSession(ArcSwapOption<Made>);

#[derive(Clone)]
struct Made {
    body: Arc<SharedBody>,
    upkeep: Upkeep,
    at: Millis,
}

/// How long a default session is used before it is made anew.
const DEFAULT_AGE: Duration = Duration::from_mins(1);

impl DefaultSession {
    /// The body, while it is fresh.
    pub fn fresh(&self, now: Millis) -> Option<Arc<SharedBody>> {
        let made = self.0.load();
        let made = made.as_ref()?;
        (now.since(made.at) < DEFAULT_AGE).then(|| Arc::clone(&made.body))
    }

    /// When its apps are to be called again, by the one that was made last.
    pub fn upkeep(&self) -> Upkeep {
        self.0
            .load()
            .as_ref()
            .map_or_else(Upkeep::default, |made| made.upkeep.clone())
    }

    /// The body, however old.
    pub fn last(&self) -> Option<Arc<SharedBody>> {
        self.0.load().as_ref().map(|made| Arc::clone(&made.body))
    }

    /// Takes a newly made one.
    pub fn renew(&self, body: &Arc<SharedBody>, upkeep: &Upkeep, now: Millis) {
        self.0.store(Some(Arc::new(Made {
            body: Arc::clone(body),
            upkeep: upkeep.clone(),
            at: now,
        })));
    }
}

impl fmt::Debug for DefaultSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultSession")
    }
}
