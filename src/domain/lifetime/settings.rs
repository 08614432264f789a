//! What a configuration may say about lifetimes, before it is checked.

use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// When a live session's cookie is issued again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// By the seed's formula: from the age `lifetime - refresh_before_end` on.
    #[default]
    Window,
    /// From the age `refresh_before_end` on, so that `Max-Age` can equal the lifetime.
    Granular,
}

/// How long a browser is told to keep the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CookieAge {
    /// `Max-Age`, sent in whole seconds.
    For(Duration),
    /// No `Max-Age`: the cookie goes when the browser is closed.
    BrowserSession,
}

/// The lifetime keys of a configuration. Parts of a millisecond do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// When the cookie is issued again.
    pub profile: Profile,
    /// L, the session's lifetime.
    pub lifetime: Duration,
    /// W, how long before its end it is refreshed.
    pub refresh_before_end: Duration,
    /// I, the longest pause that a session survives; unset: `lifetime - refresh_before_end`.
    pub idle: Option<Duration>,
    /// Added to the idle limit to absorb network jitter.
    pub idle_grace: Duration,
    /// A, the greatest age of an authenticated session, however busy.
    pub absolute_authenticated: Duration,
    /// A, the greatest age of an anonymous session.
    pub absolute_anonymous: Duration,
    /// Unset: twice the lifetime under `window`, the lifetime under `granular`.
    pub cookie_max_age: Option<CookieAge>,
    /// How far ahead a cookie's issue time may lie before it counts as a clock step.
    pub clock_skew: Duration,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            profile: Profile::Window,
            lifetime: 30 * MINUTE,
            refresh_before_end: 5 * MINUTE,
            idle: None,
            idle_grace: Duration::ZERO,
            absolute_authenticated: DAY / 2,
            absolute_anonymous: 30 * DAY,
            cookie_max_age: None,
            clock_skew: MINUTE,
        }
    }
}
