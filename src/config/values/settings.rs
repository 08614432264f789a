//! Checked names of inputs, headers and routes.

use http::HeaderName;

use crate::domain::session::Field;

/// What is read of every request.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSettings {
    /// Query parameters; `*` at the end stands for any ending.
    pub query: Vec<String>,
    /// Cookie names, as anchored regular expressions.
    pub cookies: Vec<String>,
    /// The session cookie's name.
    pub session_cookie: String,
    /// The segment cookie's name.
    pub segment_cookie: String,
}

/// Which fields go to the backends.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderSettings {
    /// Each header with its field: the usual ones as far as they were left in, then the others.
    pub map: Vec<(HeaderName, Field)>,
    /// Whether answers carry `x-session-segment-key`, for a CDN in front.
    pub echo_segment_key: bool,
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
