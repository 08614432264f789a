//! Lifetimes: defaults, the common table, the account's own, and what is different for the
//! anonymous; then the law's own checks.

use super::Check;
use crate::config::problems::Problem;
use crate::config::raw::{self, Span};
use crate::config::tree::At;
use crate::config::values::Lifetimes;
use crate::domain::lifetime::{
    CookieAge, Policy, PolicyError, PolicySettings, PolicyWarning, Profile,
};

/// Where lifetimes are written for one account, the weaker first.
struct Tables {
    common: At,
    own: At,
}

impl Check<'_, '_, '_> {
    pub(super) fn lifetimes(
        &mut self,
        common: &raw::Lifetime,
        own: &raw::Lifetime,
        at: &At,
    ) -> Option<Lifetimes> {
        let tables = Tables {
            common: At::default().key("lifetime"),
            own: at.key("lifetime"),
        };
        let all = lay_over(lay_over(PolicySettings::default(), common), own);
        // Each kind of shopper has one absolute limit; the other's is no business of its policy.
        let authenticated = PolicySettings {
            absolute_anonymous: all.absolute_authenticated,
            ..all.clone()
        };
        let anonymous = PolicySettings {
            absolute_authenticated: all.absolute_anonymous,
            ..all
        };
        let anonymous = differ(differ(anonymous, &common.anonymous), &own.anonymous);
        let authenticated = self.policy(&authenticated, true, &tables);
        let anonymous = self.policy(&anonymous, false, &tables);
        Some(Lifetimes {
            authenticated: authenticated?,
            anonymous: anonymous?,
        })
    }

    fn policy(
        &mut self,
        settings: &PolicySettings,
        authenticated: bool,
        tables: &Tables,
    ) -> Option<Policy> {
        match Policy::try_new(settings) {
            Ok((policy, warnings)) => {
                for warning in warnings {
                    if speaks_of(&warning) != Some(!authenticated) {
                        let at = self.key_of(warning.key(), authenticated, tables);
                        self.say.doubtful(&at, Problem::new(warning.to_string()));
                    }
                }
                Some(policy)
            }
            Err(errors) => {
                for error in errors {
                    if let PolicyError::AbsoluteWithinLifetime {
                        authenticated: other,
                        ..
                    } = error
                        && other != authenticated
                    {
                        continue;
                    }
                    let at = self.key_of(error.key(), authenticated, tables);
                    self.say.wrong(&at, Problem::new(error.to_string()));
                }
                None
            }
        }
    }

    /// Where the number behind an error is written; where it is a default, the number that it
    /// follows from.
    fn key_of(&self, key: &str, authenticated: bool, tables: &Tables) -> At {
        let key = match (key, authenticated) {
            ("absolute", true) => "absolute_authenticated",
            ("absolute", false) => "absolute_anonymous",
            (key, _) => key,
        };
        for key in [key, "lifetime", "idle", "profile"] {
            let of_anonymous = [&tables.own, &tables.common].map(|table| table.key("anonymous"));
            let strongest = if authenticated {
                &[][..]
            } else {
                &of_anonymous[..]
            };
            let weaker = [tables.own.clone(), tables.common.clone()];
            let mut places = strongest.iter().chain(&weaker).map(|table| table.key(key));
            if let Some(at) = places.find(|at| self.say.is_written(at)) {
                return at;
            }
        }
        tables.own.clone()
    }
}

/// Whose limit a warning is about, if it is about one kind of shopper.
const fn speaks_of(warning: &PolicyWarning) -> Option<bool> {
    match warning {
        PolicyWarning::IdleNotWithinAbsolute { authenticated, .. } => Some(*authenticated),
        PolicyWarning::NoRefreshWindow | PolicyWarning::CookieInEveryResponse => None,
    }
}

fn lay_over(base: PolicySettings, written: &raw::Lifetime) -> PolicySettings {
    let raw::Lifetime {
        profile,
        lifetime,
        refresh_before_end,
        idle,
        idle_grace,
        absolute_authenticated,
        absolute_anonymous,
        cookie_max_age,
        clock_skew,
        anonymous: _,
    } = *written;
    let mut settings = differ(
        base,
        &raw::Lifespan {
            profile,
            lifetime,
            refresh_before_end,
            idle,
            idle_grace,
            cookie_max_age,
            clock_skew,
        },
    );
    set(&mut settings.absolute_authenticated, absolute_authenticated);
    set(&mut settings.absolute_anonymous, absolute_anonymous);
    settings
}

fn differ(mut settings: PolicySettings, written: &raw::Lifespan) -> PolicySettings {
    let raw::Lifespan {
        profile,
        lifetime,
        refresh_before_end,
        idle,
        idle_grace,
        cookie_max_age,
        clock_skew,
    } = *written;
    if let Some(profile) = profile {
        settings.profile = match profile {
            raw::Profile::Window => Profile::Window,
            raw::Profile::Granular => Profile::Granular,
        };
    }
    set(&mut settings.lifetime, lifetime);
    set(&mut settings.refresh_before_end, refresh_before_end);
    settings.idle = idle.map(|span| span.0).or(settings.idle);
    set(&mut settings.idle_grace, idle_grace);
    let cookie_max_age = cookie_max_age.map(|age| match age {
        raw::CookieAge::For(span) => CookieAge::For(span.0),
        raw::CookieAge::None => CookieAge::BrowserSession,
    });
    settings.cookie_max_age = cookie_max_age.or(settings.cookie_max_age);
    set(&mut settings.clock_skew, clock_skew);
    settings
}

const fn set(target: &mut std::time::Duration, written: Option<Span>) {
    if let Some(span) = written {
        *target = span.0;
    }
}
