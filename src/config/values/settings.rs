//! Checked numbers and names of lifetimes, cookies, inputs, headers and routes.

use std::time::Duration;

use http::HeaderName;

use crate::domain::session::Field;

/// The numbers of a session's life.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySettings {
    /// When the cookie is issued again.
    pub profile: Profile,
    /// L.
    pub lifetime: Duration,
    /// W.
    pub refresh_before_end: Duration,
    /// I; none: L - W.
    pub idle: Option<Duration>,
    /// Added to I.
    pub idle_grace: Duration,
    /// A, logged in.
    pub absolute_authenticated: Duration,
    /// A, everybody else.
    pub absolute_anonymous: Duration,
    /// The cookie's own life; none: the profile's.
    pub cookie_max_age: Option<CookieAge>,
    /// How far ahead an issue time may lie.
    pub clock_skew: Duration,
}

/// When the cookie is issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// When the formula says so.
    Window,
    /// When it is W old.
    Granular,
}

/// A cookie's life in the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieAge {
    /// So long.
    For(Duration),
    /// Until the browser is closed.
    BrowserSession,
}

/// Names and attributes of our cookies.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieSettings {
    /// The session cookie's name.
    pub session: String,
    /// The segment cookie's name.
    pub segment: String,
    /// `Path`.
    pub path: String,
    /// `Domain`.
    pub domain: Option<String>,
    /// `Secure`.
    pub secure: bool,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Partitioned`.
    pub partitioned: bool,
}

/// A cookie's `SameSite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on top-level navigations too.
    Lax,
    /// Sent on requests of the site itself alone.
    Strict,
    /// Sent always.
    None,
}

/// What is read of every request.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSettings {
    /// Query parameters; `*` at the end stands for any ending.
    pub query: Vec<String>,
    /// Cookie names, as anchored regular expressions.
    pub cookies: Vec<String>,
}

/// Which fields go into which headers.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderSettings {
    /// Header and field, in order.
    pub map: Vec<(HeaderName, Field)>,
}

/// What a route does.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    /// A path prefix or a glob.
    pub pattern: String,
    /// The upstream's name.
    pub upstream: String,
    /// Whether there is a session.
    pub session: SessionUse,
    /// Whether a request counts as activity.
    pub touch: bool,
    /// What an expired session does.
    pub on_expired: Option<OnExpired>,
    /// What a refused trade policy does.
    pub on_denied_channel: OnDeniedChannel,
    /// The login page of this route.
    pub login_page: Option<String>,
    /// Headers to set; none: all.
    pub inject: Option<Vec<String>>,
    /// Whether `x-vtex-session` is set.
    pub send_session_token: bool,
    /// Whether `x-session-context` is set.
    pub send_context: bool,
}

/// Whether a route has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// No.
    None,
    /// Yes, of anybody.
    Optional,
    /// Yes, of shoppers who are logged in.
    Required,
}

/// What an expired session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExpired {
    /// Sends to the login page.
    Login,
    /// Goes on as a new anonymous shopper.
    Anonymous,
}

/// What a refused trade policy does to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeniedChannel {
    /// 401 or 403.
    Refuse,
    /// Nothing.
    Ignore,
}
