//! One store: its hosts, its times, its cookies, its apps and its backends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use uuid::Uuid;

use super::settings::{HeaderSettings, RouteSettings};
use super::sources::{Authentication, Calls, DirectorySource};
use super::upstream::Upstream;
use crate::config::builtin::BuiltIn;
use crate::domain::api::AllowedOrigins;
use crate::domain::breaker::BreakerSettings;
use crate::domain::cookies::CookieSettings;
use crate::domain::inputs::{Consent, InputSettings};
use crate::domain::lifetime::Policy;
use crate::domain::session::Field;
use crate::domain::transform::Graph;

/// A store's identity: its GUID.
pub type AccountId = Uuid;

/// One store of the process (contract §2).
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name, unique.
    pub name: Arc<str>,
    /// Its id, the value of `account.id`.
    pub id: AccountId,
    /// The hosts and root path that it answers on.
    pub place: Place,
    /// Public fields that outlive a session (lifetime law, "What goes on").
    pub carry_over: CarryOver,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// Whether an auth cookie may log its shopper in again after the session ended.
    pub silent_relogin: bool,
    /// Our cookies.
    pub cookies: Cookies,
    /// The shop's login cookie, as it must be deleted.
    pub auth_cookie: AuthCookie,
    /// Whose answer is asked before anybody is remembered; none: nobody's.
    pub consent: Option<Consent>,
    /// What is read of every request; `InputRules` takes it.
    pub inputs: InputSettings,
    /// Which fields go into which headers.
    pub headers: HeaderSettings,
    /// Which path goes where, and with what of the session.
    pub routes: Vec<RouteSettings>,
    /// The store's servers.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The installed apps, in order. `graph` holds them in the same order.
    pub apps: Vec<App>,
    /// The apps as the cycle sees them.
    pub graph: Graph,
    /// How long a whole cycle may take.
    pub cycle_deadline: Duration,
    /// What is remembered of look-ups.
    pub memo: Memo,
    /// Where apps look up the store's data.
    pub directory: DirectorySource,
    /// How login tokens are verified.
    pub authentication: Authentication,
    /// How the platform and the login's services are called.
    pub calls: Calls,
    /// The keys that sign cookies.
    pub keys: Keys,
    /// What the apps let clients do.
    pub switches: Switches,
    /// The Session API.
    pub api: Api,
    /// The signed context for backends.
    pub context: SessionContext,
}

/// Where an account is found: hosts, and a path in front of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its hosts. At least one.
    pub hosts: Vec<HostPattern>,
    /// `/` or `/br`: never a slash at the end but in `/` itself. The cookies' Path.
    pub root_path: String,
}

/// A host, or all hosts below one. Lower case, no port, no dot at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Any host that ends in a dot and this.
    Below(String),
}

/// One installed app, beside what the cycle knows of it.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name, unique in the account.
    pub name: Arc<str>,
    /// Who answers.
    pub runs: Runs,
}

/// Where an app runs.
#[derive(Clone, Debug)]
pub enum Runs {
    /// Within this process.
    BuiltIn(BuiltIn),
    /// As a service.
    Http(Box<Service>),
}

/// A session app's service, beside what the cycle knows of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The whole address of its transform.
    pub uri: Uri,
    /// Whether answers are remembered by their inputs.
    pub memo: bool,
    /// Names of cookies whose value it is told.
    pub raw_cookies: Vec<String>,
    /// A file with the secret that it is shown.
    pub token_file: Option<PathBuf>,
    /// How often a call is made again that may have been received.
    pub retries: u32,
    /// How many calls may be under way at once.
    pub concurrency: usize,
    /// When it is left alone for a while.
    pub breaker: BreakerSettings,
}

/// What is remembered of directory answers (contract §6.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memo {
    /// Bytes that answers may take up.
    pub max_bytes: u64,
    /// How long an answer is kept.
    pub max_age: Duration,
}

/// The keys that sign cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The key ring.
    pub file: PathBuf,
    /// How long a new key only verifies before it signs.
    pub sign_after: Duration,
    /// Whether a missing file is made at start.
    pub create: bool,
}

/// How long sessions live, by kind of shopper.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifetimes {
    /// Of shoppers who are logged in.
    pub authenticated: Policy,
    /// Of everybody else.
    pub anonymous: Policy,
}

impl Lifetimes {
    /// The policy for a kind of shopper.
    pub const fn of(&self, authenticated: bool) -> &Policy {
        if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        }
    }
}

/// Our cookies, as they leave by either kind of listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Cookies {
    /// With `Secure`.
    pub secure: CookieSettings,
    /// Without it, for listeners that say so.
    pub insecure: CookieSettings,
    /// Whether the backends get the true segment under its cookie's name.
    pub send_segment_upstream: bool,
}

impl Cookies {
    /// The settings for cookies that leave by a listener.
    pub fn leaving_by(&self, listener: &super::Listener) -> &CookieSettings {
        self.of(listener.insecure_cookies)
    }

    /// The same by the kind of listener.
    pub const fn of(&self, insecure: bool) -> &CookieSettings {
        if insecure {
            &self.insecure
        } else {
            &self.secure
        }
    }
}

/// The shop's login cookies, as they must be deleted when a login ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCookie {
    /// Their `Domain`.
    pub domain: Option<String>,
    /// Their `Path`.
    pub path: String,
}

/// Public keys that outlive a session: whole names, and beginnings of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarryOver {
    pub(in crate::config) names: Vec<String>,
    pub(in crate::config) beginnings: Vec<String>,
}

impl CarryOver {
    /// Whether a field goes over into the next session.
    pub fn takes(&self, field: &Field) -> bool {
        let key = field.key();
        field.namespace() == "public"
            && (self.names.iter().any(|name| name == key)
                || self.beginnings.iter().any(|start| key.starts_with(start)))
    }
}

/// The Session API (contract §10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Whether it is answered here.
    pub enabled: bool,
    /// Other origins that may call it.
    pub origins: AllowedOrigins,
    /// Whether reads show the captured cookies of the very request.
    pub show_cookies: bool,
}

/// The signed context for backends (contract §9, `x-session-context`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionContext {
    /// The namespaces that it tells.
    pub namespaces: Vec<String>,
    /// For whom it is meant.
    pub audience: String,
    /// How long it holds.
    pub lifetime: Duration,
}

/// What the built-in apps let clients do (contract §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Whether `public.storeUserEmail` alone loads price tables.
    pub profile_by_email: bool,
    /// Whether a region that the client names counts.
    pub client_region_id: bool,
}
