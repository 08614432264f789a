//! Routes, and what a shopper who may not pass is told.

use std::time::Duration;

use super::request::RequestView;

mod return_to;
mod routes;

pub use return_to::{login_location, read_return_to};
pub use routes::{
    OnDeniedChannel, OnExpired, Route, RouteError, RouteSettings, Routes, SessionUse,
};

/// How long a client is asked to wait while the store cannot be asked.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What access is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessFacts {
    /// A shopper is logged in, or staff acts as one.
    pub shopper: bool,
    /// The session ended with this request.
    pub expired: bool,
    /// The trade policy that this request asked for was refused: 401 or 403.
    pub denied: Option<u16>,
    /// The session could not be read.
    pub unreadable: bool,
}

/// Whether a request goes on, and what is answered where it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On to the upstream.
    Forward,
    /// 303 to the login page; the body is dropped, never replayed.
    Login {
        /// Where to.
        location: String,
    },
    /// 401 as `application/problem+json`: whoever asked cannot follow a redirect to a page.
    Unauthorized,
    /// A refused trade policy, as a small page or as JSON.
    DeniedChannel {
        /// 401 or 403.
        status: u16,
        /// Whether a person reads it.
        html: bool,
    },
    /// 503: the session cannot be read now, and the route needs it.
    Unavailable {
        /// `Retry-After`.
        retry_after: Duration,
    },
    /// An app that must not fail has failed, or a cycle would not settle.
    Failed {
        /// The status.
        status: u16,
        /// What is said.
        message: String,
    },
}

impl Verdict {
    /// Words of a closed set, for metrics and logs.
    pub const LABELS: [&'static str; 6] = [
        "forward",
        "login",
        "unauthorized",
        "denied_channel",
        "unavailable",
        "failed",
    ];

    /// Its place among them.
    pub const fn place(&self) -> usize {
        match self {
            Self::Forward => 0,
            Self::Login { .. } => 1,
            Self::Unauthorized => 2,
            Self::DeniedChannel { .. } => 3,
            Self::Unavailable { .. } => 4,
            Self::Failed { .. } => 5,
        }
    }

    /// Its word.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.place()).copied().unwrap_or_default()
    }
}

/// Judges a request by its route (contract §11).
pub fn plan_access(request: &RequestView<'_>, route: &Route, facts: &AccessFacts) -> Verdict {
    let required = route.session == SessionUse::Required;
    if facts.unreadable && required {
        return Verdict::Unavailable {
            retry_after: RETRY_AFTER,
        };
    }
    if let Some(status) = facts
        .denied
        .filter(|_| route.on_denied_channel == OnDeniedChannel::Refuse)
    {
        return Verdict::DeniedChannel {
            status,
            html: request.wants_html(),
        };
    }
    let must_log_in = required && !facts.shopper;
    let sent_to_login = facts.expired && !facts.shopper && route.on_expired() == OnExpired::Login;
    if !(must_log_in || sent_to_login) {
        return Verdict::Forward;
    }
    if request.navigation() {
        let location = login_location(&route.login_page, &return_path(request));
        return Verdict::Login { location };
    }
    Verdict::Unauthorized
}

/// Where a shopper finds themselves again after the login: this page, or the page on which an
/// unsafe request was begun.
fn return_path(request: &RequestView<'_>) -> String {
    if !request.safe_method() {
        return request.referer_path().unwrap_or("/").to_owned();
    }
    match request.query {
        Some(query) => format!("{}?{query}", request.path.escaped()),
        None => request.path.escaped().into_owned(),
    }
}

#[cfg(test)]
mod tests;
