//! Whether a response carries our cookies, and what it may say about caching if it does.

use std::time::Duration;

use super::cache_control::{CacheGuard, shared_cacheable};
use crate::domain::lifetime::{Decision, Policy, Presented};
use crate::domain::time::Millis;

/// What of a response bears on cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFacts<'a> {
    /// Status code.
    pub status: u16,
    /// All `Cache-Control` lines, joined by commas.
    pub cache_control: Option<&'a str>,
}

impl ResponseFacts<'_> {
    /// Whether shared caches may keep the response (contract §9).
    pub fn shared_cacheable(&self) -> bool {
        self.cache_control.is_some_and(shared_cacheable)
    }

    /// 101 is the last response of its exchange; every other 1xx announces another.
    fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// What the request made necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The browser's cookies are right as they are.
    Nothing,
    /// The cookie has reached the age at which it is issued again.
    Reissue {
        /// Its age at this request.
        cookie_age: Duration,
    },
    /// New, rotated or deleted session, changed segment, stepped clock: no response is spared.
    Must,
}

impl Due {
    /// What the decision over a live session makes due.
    ///
    /// Where the request is no `activity`, a re-issue is left to one that is. What a new or an
    /// ended session makes due depends on more than time, and is for the caller to say.
    pub fn of_live_session(
        decision: Decision,
        presented: Presented,
        activity: bool,
        now: Millis,
    ) -> Self {
        match decision {
            Decision::Alive {
                reissue: true,
                clock_step,
            } if activity => {
                if clock_step {
                    Self::Must
                } else {
                    Self::Reissue {
                        cookie_age: now.since(presented.iat),
                    }
                }
            }
            Decision::Alive { .. } | Decision::New | Decision::Expired(_) => Self::Nothing,
        }
    }
}

/// What is done with cookies on one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emission {
    /// Cookies go out, and caching is guarded.
    Send {
        /// How.
        cache: CacheGuard,
    },
    /// They were due, and wait for a response that is no cache's business.
    Defer,
    /// None go out.
    Nothing,
}

/// Plans the cookies of one response. A re-issue spares responses that shared caches may keep, and
/// 304, for as long as the browser's cookie outlives any pause that the session survives.
pub fn plan_emission(
    due: Due,
    facts: &ResponseFacts<'_>,
    authenticated: bool,
    policy: &Policy,
) -> Emission {
    if due == Due::Nothing || facts.is_interim() {
        return Emission::Nothing;
    }
    if let Due::Reissue { cookie_age } = due
        && (facts.status == 304 || facts.shared_cacheable())
        && policy.may_defer(cookie_age)
    {
        return Emission::Defer;
    }
    Emission::Send {
        cache: CacheGuard::of(authenticated),
    }
}
