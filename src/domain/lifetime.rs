//! The law of time: when a session lives, when its cookie is issued again, when it ends.
//!
//! Works on whole milliseconds, saturates at the ends of time, and never reads a clock.

mod check;
mod policy;
mod settings;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::check::{PolicyError, PolicyWarning, Trace};
pub use self::policy::Policy;
pub use self::settings::{CookieAge, PolicySettings, Profile};

use super::time::{Millis, span_millis};

/// The seed's formula, literally: `(lifetime - refresh_before_end) - (now - started)`.
///
/// In milliseconds; refresh is due at zero and below. It says nothing about who is logged out:
/// that is [`decide`], whose idle check comes first.
pub fn refresh_timeout(
    now: Millis,
    started: Millis,
    lifetime: Duration,
    refresh_before_end: Duration,
) -> i64 {
    let window = i128::from(span_millis(lifetime)) - i128::from(span_millis(refresh_before_end));
    let age = i128::from(now.as_millis()) - i128::from(started.as_millis());
    clamp(window - age)
}

/// The moments that the server keeps of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Start of the session, reset only when a login gives it a new id.
    pub created_at: Millis,
    /// Last issue of its cookie. For the record: decisions go by the cookie that was presented.
    pub issued_at: Millis,
    /// Last request that counted as activity.
    pub last_seen: Millis,
}

impl Times {
    /// The times of a session that begins now, or that a login begins anew.
    pub const fn starting(now: Millis) -> Self {
        Self {
            created_at: now,
            issued_at: now,
            last_seen: now,
        }
    }

    /// With activity at `moment`; never set back, so late requests and clock steps do no harm.
    #[must_use]
    pub fn touched(self, moment: Millis) -> Self {
        Self {
            last_seen: self.last_seen.max(moment),
            ..self
        }
    }

    /// The activity that a page tells of at `now`: its shopper last did something `ago`. `None`
    /// where that is no news, and where it is as old as a lifetime: no living session can have been
    /// used so long ago for the last time.
    ///
    /// A session is judged before, as it stands ([`decide`]): a report that comes too late finds it
    /// ended, and revives nothing.
    pub fn reported(self, ago: Duration, now: Millis, policy: &Policy) -> Option<Millis> {
        let moment = now.minus(ago);
        (moment > self.last_seen && ago < policy.lifetime()).then_some(moment)
    }

    /// As read from the far store, where `last_seen` may lag by [`Policy::touch_interval`].
    ///
    /// It then counts as that much younger: idle expiry comes late by at most that, never early.
    #[must_use]
    pub fn read_from_far_store(self, now: Millis, policy: &Policy) -> Self {
        let latest = self.last_seen.plus(policy.touch_interval()).min(now);
        self.touched(latest)
    }
}

/// What a valid cookie says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its issue time (`iat` and `ims`).
    pub iat: Millis,
}

/// What becomes of the presented session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No valid cookie, or none that the server knows: another session, never the presented id.
    New,
    /// The session goes on.
    Alive {
        /// Its cookie is to be issued again, under the same id.
        reissue: bool,
        /// The cookie was issued further ahead than the clock skew explains; to be counted.
        clock_step: bool,
    },
    /// The session is over.
    Expired(Expiry),
}

/// Which limit ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// No activity for longer than the idle limit.
    Idle,
    /// The session reached the age at which every session ends.
    Absolute,
}

impl Expiry {
    /// The word for metrics and audit lines.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Absolute => "absolute",
        }
    }
}

/// Decides over the session that a request presents; `cookie` is `None` unless it was verified.
///
/// Absolute limit, then idle limit, then refresh: the order settles where the seed's formula and
/// its scenarios contradict each other (at 26:00 the formula refreshes; the idle limit wins).
pub fn decide(
    state: Option<&Times>,
    cookie: Option<Presented>,
    authenticated: bool,
    now: Millis,
    policy: &Policy,
) -> Decision {
    let (Some(times), Some(presented)) = (state, cookie) else {
        return Decision::New;
    };
    if now.since(times.created_at) >= policy.absolute(authenticated) {
        return Decision::Expired(Expiry::Absolute);
    }
    if now.since(times.last_seen) > policy.idle_limit() {
        return Decision::Expired(Expiry::Idle);
    }
    let clock_step = presented.iat.since(now) > policy.clock_skew();
    Decision::Alive {
        reissue: clock_step || policy.reissue_due(presented.iat, now),
        clock_step,
    }
}

/// The law's numbers for one request, in milliseconds; negative where a limit lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// [`refresh_timeout`] of the presented cookie.
    pub timeout_ms: i64,
    /// Until the cookie is due to be issued again, by the policy's own threshold.
    pub reissue_ms: i64,
    /// Until idle expiry; at exactly zero the session still lives.
    pub idle_ms: i64,
    /// Until absolute expiry; at exactly zero the session is over.
    pub absolute_ms: i64,
}

impl Remaining {
    /// Until the first of the two limits, if nothing more happens.
    pub fn expires_in_ms(&self) -> i64 {
        self.idle_ms.min(self.absolute_ms)
    }
}

/// How far each limit is off, for `explain` and the keep-alive answer.
pub fn remaining(
    times: &Times,
    cookie: Presented,
    authenticated: bool,
    now: Millis,
    policy: &Policy,
) -> Remaining {
    let left = |limit: Duration, since: Millis| refresh_timeout(now, since, limit, Duration::ZERO);
    Remaining {
        timeout_ms: refresh_timeout(
            now,
            cookie.iat,
            policy.lifetime(),
            policy.refresh_before_end(),
        ),
        reissue_ms: left(policy.reissue_threshold(), cookie.iat),
        idle_ms: left(policy.idle_limit(), times.last_seen),
        absolute_ms: left(policy.absolute(authenticated), times.created_at),
    }
}

fn clamp(millis: i128) -> i64 {
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}
