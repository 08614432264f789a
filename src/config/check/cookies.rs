//! Our cookies and the shop's login cookies.

use super::Check;
use super::hosts::own_path;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{AuthCookie, Cookies};
use crate::domain::cookies::{CookieSettings, CookieSettingsError, SameSite};

/// Endings of hosts that set session cookies of their own, under the usual names.
const PLATFORM_HOSTS: [&str; 4] = [
    "vtexcommercestable.com.br",
    "vtexcommercebeta.com.br",
    "myvtex.com",
    "vtex.app",
];

impl Check<'_, '_, '_> {
    pub(super) fn cookies(
        &mut self,
        written: &raw::Cookies,
        root_path: &str,
        insecure_too: bool,
        at: &At,
    ) -> Option<Cookies> {
        let raw::Cookies {
            session,
            segment,
            domain,
            same_site,
            partitioned,
            send_segment_upstream,
        } = written;
        let secure = CookieSettings {
            session: session.clone(),
            segment: segment.clone(),
            path: root_path.to_owned(),
            domain: domain.clone(),
            secure: true,
            same_site: match same_site {
                raw::SameSite::Lax => SameSite::Lax,
                raw::SameSite::Strict => SameSite::Strict,
                raw::SameSite::None => SameSite::None,
            },
            partitioned: *partitioned,
        };
        let insecure = CookieSettings {
            secure: false,
            ..secure.clone()
        };
        let good = self.checked_cookies(&secure, at, "");
        // What is wrong either way was just said.
        let good = good && (!insecure_too
            || self.checked_cookies(
                &insecure,
                at,
                "a listener says `insecure_cookies = true`, so that cookies go out without Secure",
            ));
        good.then_some(Cookies {
            secure,
            insecure,
            send_segment_upstream: *send_segment_upstream,
        })
    }

    fn checked_cookies(&mut self, settings: &CookieSettings, at: &At, why: &str) -> bool {
        let Err(errors) = settings.check() else {
            return true;
        };
        for error in errors {
            let key = match error.key() {
                // An account's root path was looked at where it is written.
                "path" if matches!(error, CookieSettingsError::BadPath { .. }) => continue,
                "name" | "secure" | "path" if error.to_string().contains(&quoted(settings)) => {
                    "segment"
                }
                "name" | "secure" | "path" => "session",
                key => key,
            };
            let written = |key| self.say.is_written(&at.key(key));
            let key = match key {
                "segment" if written("session") && !written("segment") => "session",
                key => key,
            };
            let mut problem = Problem::new(error.to_string());
            if !why.is_empty() {
                problem = problem.hint(why);
            }
            self.say.wrong(&at.key(key), problem);
        }
        false
    }

    /// A store that sets cookies of the same names would fight with us over them.
    pub(super) fn same_names_as_the_store(
        &mut self,
        cookies: &raw::Cookies,
        upstreams: &[raw::Upstream],
        at: &At,
    ) {
        let usual = raw::Cookies::default();
        let addresses = upstreams.iter().flat_map(|upstream| &upstream.addresses);
        let platform = addresses
            .filter_map(|address| address.rsplit_once(':'))
            .find(|(host, _)| PLATFORM_HOSTS.iter().any(|end| host.ends_with(end)));
        let Some((host, _)) = platform else {
            return;
        };
        if cookies.session == usual.session || cookies.segment == usual.segment {
            let problem = Problem::new(format!(
                "`{host}` sets session cookies of the same names, which will not reach browsers"
            ));
            self.say.doubtful(
                at,
                problem.hint("give ours other names: `session`, `segment`"),
            );
        }
    }

    pub(super) fn auth_cookie(&mut self, written: &raw::AuthCookie, at: &At) -> Option<AuthCookie> {
        let raw::AuthCookie { domain, path } = written;
        let mut good = true;
        if domain.is_some() {
            // The rule for a domain is that of our own cookies.
            let as_ours = CookieSettings {
                domain: domain.clone(),
                ..CookieSettings::default()
            };
            for error in as_ours.check().err().unwrap_or_default() {
                good = false;
                self.say
                    .wrong(&at.key("domain"), Problem::new(error.to_string()));
            }
        }
        let allowed = "a path, usually /";
        let path_read = self.say.read(&at.key("path"), own_path(path), allowed);
        path_read.filter(|()| good)?;
        Some(AuthCookie {
            domain: domain.clone(),
            path: path.clone(),
        })
    }
}

fn quoted(settings: &CookieSettings) -> String {
    format!("{:?}", settings.segment)
}
