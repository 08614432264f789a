//! Load-time checks of a lifetime policy, in words that an operator can act on.

use std::fmt;
use std::time::Duration;

use humantime::format_duration;
use thiserror::Error;

use super::policy::Policy;
use super::settings::{CookieAge, PolicySettings, Profile};

/// Browsers cap `Max-Age` at 400 days (RFC 6265bis, section 5.5).
pub(super) const COOKIE_MAX_AGE_MAX: Duration = Duration::from_hours(400 * 24);

const MILLI: Duration = Duration::from_millis(1);

/// A reason to refuse a lifetime configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// L is zero.
    #[error("lifetime must be longer than zero")]
    ZeroLifetime,
    /// Not `W < L`.
    #[error(
        "refresh_before_end ({}) must be shorter than lifetime ({})",
        format_duration(*.refresh_before_end), format_duration(*.lifetime)
    )]
    RefreshNotWithinLifetime {
        /// W.
        refresh_before_end: Duration,
        /// L.
        lifetime: Duration,
    },
    /// I is zero.
    #[error("idle must be longer than zero: every second request would find its session expired")]
    ZeroIdle,
    /// Not `A > L`.
    #[error(
        "absolute limit of {} sessions ({}) must be longer than lifetime ({})",
        kind(*.authenticated), format_duration(*.absolute), format_duration(*.lifetime)
    )]
    AbsoluteWithinLifetime {
        /// Whose limit.
        authenticated: bool,
        /// A.
        absolute: Duration,
        /// L.
        lifetime: Duration,
    },
    /// The cookie law is broken.
    #[error(
        "cookie_max_age ({} s) must be at least {} s, the age at which the cookie is issued again \
         plus the idle limit: of requests at {trace} the last finds no cookie in the browser, \
         although no pause is longer than the idle limit",
        .cookie_max_age.as_secs_f64(), .needed.as_secs_f64()
    )]
    CookieTooShort {
        /// As browsers would count it.
        cookie_max_age: Duration,
        /// The least that keeps every live session's cookie.
        needed: Duration,
        /// Requests that would lose it.
        trace: Trace,
    },
    /// `Max-Age` beyond what browsers keep.
    #[error(
        "cookie_max_age ({}) must be at most 400 days; browsers keep no cookie longer",
        format_duration(*.cookie_max_age)
    )]
    CookieTooLong {
        /// As configured.
        cookie_max_age: Duration,
    },
}

impl PolicyError {
    /// The configuration key to change.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::ZeroLifetime => "lifetime",
            Self::RefreshNotWithinLifetime { .. } => "refresh_before_end",
            Self::ZeroIdle => "idle",
            Self::AbsoluteWithinLifetime { .. } => "absolute",
            Self::CookieTooShort { .. } | Self::CookieTooLong { .. } => "cookie_max_age",
        }
    }
}

/// A lifetime configuration that works, though perhaps not as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyWarning {
    /// W is zero under `window`.
    NoRefreshWindow,
    /// W is zero under `granular`.
    CookieInEveryResponse,
    /// I can never be reached.
    IdleNotWithinAbsolute {
        /// Whose limit.
        authenticated: bool,
        /// I.
        idle: Duration,
        /// A.
        absolute: Duration,
    },
}

impl PolicyWarning {
    /// The configuration key that it is about.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NoRefreshWindow | Self::CookieInEveryResponse => "refresh_before_end",
            Self::IdleNotWithinAbsolute { .. } => "idle",
        }
    }
}

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRefreshWindow => f.write_str(
                "refresh_before_end is zero: the cookie is due only at the very end of the \
                 lifetime, and an ended session leaves no trace of why it ended",
            ),
            Self::CookieInEveryResponse => f.write_str(
                "refresh_before_end is zero: under the profile granular every response then \
                 carries the cookie, and none can be cached",
            ),
            &Self::IdleNotWithinAbsolute {
                authenticated,
                idle,
                absolute,
            } => write!(
                f,
                "idle ({}) is not shorter than the absolute limit of {} sessions ({}), so it never \
                 takes effect",
                format_duration(idle),
                kind(authenticated),
                format_duration(absolute)
            ),
        }
    }
}

/// Requests, none further than the idle limit apart, of which the last finds its cookie gone: one
/// a millisecond before the cookie would be issued again, and one just within the limit after it.
///
/// With a lifetime of 30 minutes and a window of 5: `(0, 24:59.999, 49:59.998)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    threshold: Duration,
    idle: Duration,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unrefreshed = self.threshold.saturating_sub(MILLI);
        let last = unrefreshed.saturating_add(self.idle.saturating_sub(MILLI));
        f.write_str("(0, ")?;
        if unrefreshed > self.idle {
            f.write_str("..., ")?;
        }
        if !unrefreshed.is_zero() {
            write_clock(f, unrefreshed)?;
            f.write_str(", ")?;
        }
        write_clock(f, last)?;
        f.write_str(")")
    }
}

/// `mm:ss.mmm`, the way the law writes its traces.
fn write_clock(f: &mut fmt::Formatter<'_>, span: Duration) -> fmt::Result {
    let (minutes, seconds) = (span.as_secs() / 60, span.as_secs() % 60);
    write!(f, "{minutes}:{seconds:02}.{:03}", span.subsec_millis())
}

/// Everything that forbids the policy; `settings` tells what was configured and what defaulted.
pub(super) fn find_errors(policy: &Policy, settings: &PolicySettings) -> Vec<PolicyError> {
    let (lifetime, refresh_before_end) = (policy.lifetime(), policy.refresh_before_end());
    let mut errors = Vec::new();
    if lifetime.is_zero() {
        errors.push(PolicyError::ZeroLifetime);
    } else if refresh_before_end >= lifetime {
        errors.push(PolicyError::RefreshNotWithinLifetime {
            refresh_before_end,
            lifetime,
        });
    }
    for authenticated in [true, false] {
        let absolute = policy.absolute(authenticated);
        if absolute <= lifetime {
            errors.push(PolicyError::AbsoluteWithinLifetime {
                authenticated,
                absolute,
                lifetime,
            });
        }
    }
    if settings.idle.is_some() && policy.idle().is_zero() {
        errors.push(PolicyError::ZeroIdle);
    }
    if let Some(CookieAge::For(cookie_max_age)) = settings.cookie_max_age
        && cookie_max_age > COOKIE_MAX_AGE_MAX
    {
        errors.push(PolicyError::CookieTooLong { cookie_max_age });
    }
    // The cookie law is a law over the other numbers: it means nothing while they are wrong.
    if errors.is_empty() {
        errors.extend(find_cookie_law_error(policy));
    }
    errors
}

fn find_cookie_law_error(policy: &Policy) -> Option<PolicyError> {
    let CookieAge::For(cookie_max_age) = policy.cookie_max_age() else {
        return None;
    };
    let (threshold, idle) = (policy.reissue_threshold(), policy.idle());
    let needed = threshold.saturating_add(idle);
    (cookie_max_age < needed).then_some(PolicyError::CookieTooShort {
        cookie_max_age,
        needed,
        trace: Trace { threshold, idle },
    })
}

pub(super) fn find_warnings(policy: &Policy) -> Vec<PolicyWarning> {
    let mut warnings = Vec::new();
    if policy.refresh_before_end().is_zero() {
        warnings.push(match policy.profile() {
            Profile::Window => PolicyWarning::NoRefreshWindow,
            Profile::Granular => PolicyWarning::CookieInEveryResponse,
        });
    }
    for authenticated in [true, false] {
        let (idle, absolute) = (policy.idle(), policy.absolute(authenticated));
        if idle >= absolute {
            warnings.push(PolicyWarning::IdleNotWithinAbsolute {
                authenticated,
                idle,
                absolute,
            });
        }
    }
    warnings
}

const fn kind(authenticated: bool) -> &'static str {
    if authenticated {
        "authenticated"
    } else {
        "anonymous"
    }
}
