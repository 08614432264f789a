//! Routes: which path goes where, with which session rules.

use regex::Regex;
use thiserror::Error;

use crate::domain::request::path::NormalPath;

/// Whether a route has sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionUse {
    /// None: default headers, nothing stored.
    None,
    /// A session, known shopper or not.
    #[default]
    Optional,
    /// A shopper who is logged in.
    Required,
}

/// What happens to a shopper whose session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExpired {
    /// They are sent to the login page.
    Login,
    /// They go on as nobody in particular.
    Anonymous,
}

/// What happens when the trade policy that a page asks for is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDeniedChannel {
    /// 401 or 403.
    #[default]
    Refuse,
    /// The page is shown under the old policy.
    Ignore,
}

/// A route as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// A path prefix (`/account`), or a glob (`/*/checkout/**`).
    pub pattern: String,
    /// Name of the upstream.
    pub upstream: String,
    /// Whether it has sessions.
    pub session: SessionUse,
    /// Whether its requests keep a session alive.
    pub touch: bool,
    /// What happens to a shopper whose session ended; by default `login` where a session is
    /// required and `anonymous` elsewhere.
    pub on_expired: Option<OnExpired>,
    /// What happens when a trade policy is refused.
    pub on_denied_channel: OnDeniedChannel,
    /// The login page.
    pub login_page: Option<String>,
    /// Headers to inject; none named: all.
    pub inject: Option<Vec<String>>,
    /// Whether the backend gets the session token.
    pub send_session_token: bool,
    /// Whether the backend gets the signed context.
    pub send_context: bool,
    /// Requests under way at once; none: no limit of its own.
    pub requests: Option<usize>,
}

/// A checked route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its pattern as it was written.
    pub pattern: String,
    /// Name of the upstream.
    pub upstream: String,
    /// Whether it has sessions.
    pub session: SessionUse,
    /// Whether its requests keep a session alive.
    pub touch: bool,
    /// What happens when a trade policy is refused.
    pub on_denied_channel: OnDeniedChannel,
    /// The login page, `/login` where none is set.
    pub login_page: String,
    /// Whether the backend gets the session token.
    pub send_session_token: bool,
    /// Whether the backend gets the signed context.
    pub send_context: bool,
    /// Requests under way at once; none: no limit of its own.
    pub requests: Option<usize>,
    on_expired: Option<OnExpired>,
    inject: Option<Vec<String>>,
    matches: Matches,
}

#[derive(Clone, Debug)]
enum Matches {
    Prefix(String),
    Glob { expression: Regex, literal: usize },
}

/// The routes of an account; there is always one that matches.
#[derive(Clone, Debug)]
pub struct Routes {
    ordered: Vec<Route>,
    fallback: Route,
}

/// Why routes cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// A pattern does not begin with `/`.
    #[error("route `{0}` must begin with /")]
    NotAbsolute(String),
    /// Two routes have one pattern.
    #[error("route `{0}` is there twice")]
    Twice(String),
    /// No route takes what the others leave.
    #[error("a route with path / is needed: it takes what the others leave")]
    NoFallback,
    /// The login page is on another site or no path.
    #[error("login page `{0}` must be a path of this host")]
    LoginPage(String),
    /// The glob cannot be used.
    #[error("route `{0}` is no usable glob")]
    Glob(String),
}

impl Route {
    fn try_new(settings: RouteSettings) -> Result<Self, RouteError> {
        let RouteSettings {
            pattern,
            upstream,
            session,
            touch,
            on_expired,
            on_denied_channel,
            login_page,
            inject,
            send_session_token,
            send_context,
            requests,
        } = settings;
        if !pattern.starts_with('/') {
            return Err(RouteError::NotAbsolute(pattern));
        }
        let login_page = login_page.unwrap_or_else(|| "/login".to_owned());
        if super::return_to::read_return_to(&login_page) != login_page {
            return Err(RouteError::LoginPage(login_page));
        }
        let inject =
            inject.map(|names| names.iter().map(|name| name.to_ascii_lowercase()).collect());
        Ok(Self {
            matches: Matches::read(&pattern)?,
            pattern,
            upstream,
            session,
            touch,
            on_denied_channel,
            login_page,
            send_session_token,
            send_context,
            requests,
            on_expired,
            inject,
        })
    }

    /// What happens to a shopper whose session ended.
    pub fn on_expired(&self) -> OnExpired {
        self.on_expired.unwrap_or(match self.session {
            SessionUse::Required => OnExpired::Login,
            SessionUse::None | SessionUse::Optional => OnExpired::Anonymous,
        })
    }

    /// Whether no session is looked up or stored.
    pub fn without_session(&self) -> bool {
        self.session == SessionUse::None
    }

    /// Whether a header is injected on this route.
    pub fn injects(&self, name: &str) -> bool {
        self.inject
            .as_ref()
            .is_none_or(|names| names.iter().any(|listed| listed == name))
    }
}

impl Matches {
    fn read(pattern: &str) -> Result<Self, RouteError> {
        let Some(literal) = pattern.find(['*', '?']) else {
            return Ok(Self::Prefix(pattern.to_owned()));
        };
        let mut expression = String::from("^");
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let (part, length) = match first {
                '*' if rest.starts_with("**") => (".*".to_owned(), 2),
                '*' => ("[^/]*".to_owned(), 1),
                '?' => ("[^/]".to_owned(), 1),
                other => (
                    regex::escape(other.encode_utf8(&mut [0; 4])),
                    other.len_utf8(),
                ),
            };
            expression.push_str(&part);
            rest = rest.get(length..).unwrap_or_default();
        }
        expression.push('$');
        Regex::new(&expression)
            .map(|expression| Self::Glob {
                expression,
                literal,
            })
            .map_err(|_| RouteError::Glob(pattern.to_owned()))
    }

    fn takes(&self, path: &NormalPath) -> bool {
        match self {
            Self::Prefix(prefix) => path.starts_with_segment(prefix),
            Self::Glob { expression, .. } => expression.is_match(path.as_str()),
        }
    }

    /// Longer prefixes first; a glob counts by what comes before its first wildcard, after a
    /// prefix of the same length.
    const fn rank(&self) -> (usize, bool) {
        match self {
            Self::Prefix(prefix) => (prefix.len(), true),
            Self::Glob { literal, .. } => (*literal, false),
        }
    }
}

impl Routes {
    /// Checks and orders routes; all errors at once.
    pub fn try_new(settings: Vec<RouteSettings>) -> Result<Self, Vec<RouteError>> {
        let mut errors = Vec::new();
        let mut ordered: Vec<Route> = Vec::with_capacity(settings.len());
        for one in settings {
            match Route::try_new(one) {
                Ok(route) if ordered.iter().any(|known| known.pattern == route.pattern) => {
                    errors.push(RouteError::Twice(route.pattern));
                }
                Ok(route) => ordered.push(route),
                Err(error) => errors.push(error),
            }
        }
        let fallback = ordered.iter().position(|route| route.pattern == "/");
        let fallback = fallback.map(|at| ordered.remove(at));
        match fallback {
            Some(fallback) if errors.is_empty() => {
                ordered.sort_by_key(|route| std::cmp::Reverse(route.matches.rank()));
                Ok(Self { ordered, fallback })
            }
            Some(_) => Err(errors),
            None => {
                errors.push(RouteError::NoFallback);
                Err(errors)
            }
        }
    }

    /// The route of a path.
    pub fn find(&self, path: &NormalPath) -> &Route {
        self.ordered
            .iter()
            .find(|route| route.matches.takes(path))
            .unwrap_or(&self.fallback)
    }

    /// Every route, the most particular first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.ordered.iter().chain(std::iter::once(&self.fallback))
    }
}
