//! A checked lifetime policy: its numbers, and what follows from them.

use std::time::Duration;

use super::check;
use super::settings::{CookieAge, PolicySettings, Profile};
use super::{Millis, PolicyError, PolicyWarning, refresh_timeout, span_millis};

const SECOND: Duration = Duration::from_secs(1);
const TOUCH_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Lifetimes that passed every load-time check. All numbers are whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    profile: Profile,
    lifetime: Duration,
    refresh_before_end: Duration,
    idle: Duration,
    idle_grace: Duration,
    absolute_authenticated: Duration,
    absolute_anonymous: Duration,
    cookie_max_age: CookieAge,
    clock_skew: Duration,
}

impl Policy {
    /// Checks the settings; on failure gives every error at once.
    pub fn try_new(
        settings: &PolicySettings,
    ) -> Result<(Self, Vec<PolicyWarning>), Vec<PolicyError>> {
        let policy = Self::assume(settings);
        let errors = check::find_errors(&policy, settings);
        if errors.is_empty() {
            Ok((policy, check::find_warnings(&policy)))
        } else {
            Err(errors)
        }
    }

    /// The settings with every default filled in, not yet checked.
    fn assume(settings: &PolicySettings) -> Self {
        let &PolicySettings {
            profile,
            lifetime,
            refresh_before_end,
            idle,
            idle_grace,
            absolute_authenticated,
            absolute_anonymous,
            cookie_max_age,
            clock_skew,
        } = settings;
        let (lifetime, before_end) = (in_millis(lifetime), in_millis(refresh_before_end));
        Self {
            profile,
            lifetime,
            refresh_before_end: before_end,
            idle: idle.map_or(lifetime.saturating_sub(before_end), in_millis),
            idle_grace: in_millis(idle_grace),
            absolute_authenticated: in_millis(absolute_authenticated),
            absolute_anonymous: in_millis(absolute_anonymous),
            cookie_max_age: match cookie_max_age {
                // Browsers count seconds: what a fraction promises would not be kept.
                Some(CookieAge::For(span)) => CookieAge::For(Duration::from_secs(span.as_secs())),
                Some(CookieAge::BrowserSession) => CookieAge::BrowserSession,
                None => CookieAge::For(default_cookie_age(profile, lifetime)),
            },
            clock_skew: in_millis(clock_skew),
        }
    }

    /// The profile.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// L.
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// W.
    pub const fn refresh_before_end(&self) -> Duration {
        self.refresh_before_end
    }

    /// I, without the grace.
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// What the idle limit is widened by.
    pub const fn idle_grace(&self) -> Duration {
        self.idle_grace
    }

    /// The pause that ends a session when exceeded: I and the grace.
    pub const fn idle_limit(&self) -> Duration {
        self.idle.saturating_add(self.idle_grace)
    }

    /// A, by kind of shopper.
    pub const fn absolute(&self, authenticated: bool) -> Duration {
        if authenticated {
            self.absolute_authenticated
        } else {
            self.absolute_anonymous
        }
    }

    /// The cookie's age in the browser, before the absolute end caps it.
    pub const fn cookie_max_age(&self) -> CookieAge {
        self.cookie_max_age
    }

    /// How far ahead an issue time may lie.
    pub const fn clock_skew(&self) -> Duration {
        self.clock_skew
    }

    /// The cookie age from which it is issued again: L - W under `window`, W under `granular`.
    pub const fn reissue_threshold(&self) -> Duration {
        match self.profile {
            Profile::Window => self.lifetime.saturating_sub(self.refresh_before_end),
            Profile::Granular => self.refresh_before_end,
        }
    }

    /// Whether a cookie issued at `iat` is due; an issue time ahead counts as age zero.
    pub(super) fn reissue_due(&self, iat: Millis, now: Millis) -> bool {
        match self.profile {
            Profile::Window => {
                refresh_timeout(now, iat, self.lifetime, self.refresh_before_end) <= 0
            }
            Profile::Granular => now.since(iat) >= self.refresh_before_end,
        }
    }

    /// Whether a due cookie of this age may wait for a later response.
    ///
    /// Only while it outlives the longest pause that the shopper may make from here on.
    pub fn may_defer(&self, cookie_age: Duration) -> bool {
        match self.cookie_max_age {
            CookieAge::For(max_age) => max_age.saturating_sub(cookie_age) > self.idle,
            CookieAge::BrowserSession => true,
        }
    }

    /// `Max-Age` for a cookie issued now: whole seconds, never past the session's absolute end;
    /// `None` for a cookie that goes with the browser.
    ///
    /// In a session's last second this is zero: the browser drops what is over anyway.
    pub fn max_age(
        &self,
        created_at: Millis,
        authenticated: bool,
        now: Millis,
    ) -> Option<Duration> {
        let CookieAge::For(max_age) = self.cookie_max_age else {
            return None;
        };
        let left = self
            .absolute(authenticated)
            .saturating_sub(now.since(created_at));
        Some(Duration::from_secs(max_age.min(left).as_secs()))
    }

    /// How long after `last_seen` a store keeps the record: past the idle limit by a band in which
    /// it still says why the session ended. Garbage collection only, never the expiry decision.
    pub fn record_ttl(&self, authenticated: bool) -> Duration {
        // Without a band (W = 0) or under a wide grace, a lagging `last_seen` still has to be found.
        let needed = self
            .idle_limit()
            .saturating_add(self.touch_interval())
            .saturating_add(SECOND);
        self.lifetime
            .max(self.idle.saturating_add(self.refresh_before_end))
            .max(needed)
            .min(self.absolute(authenticated))
    }

    /// How often at most `last_seen` is written to the far store.
    pub fn touch_interval(&self) -> Duration {
        let share = if self.refresh_before_end.is_zero() {
            // A quarter of nothing would be a write per request.
            self.lifetime / 100
        } else {
            self.refresh_before_end / 4
        };
        in_millis(share).min(TOUCH_INTERVAL_MAX)
    }
}

fn default_cookie_age(profile: Profile, lifetime: Duration) -> Duration {
    let span = match profile {
        Profile::Window => lifetime.saturating_mul(2),
        Profile::Granular => lifetime,
    };
    let up = u64::from(span.subsec_nanos() > 0);
    Duration::from_secs(span.as_secs().saturating_add(up)).min(check::COOKIE_MAX_AGE_MAX)
}

fn in_millis(span: Duration) -> Duration {
    Duration::from_millis(span_millis(span).unsigned_abs())
}
