//! Directory, verification of logins, and how they are called.

use std::time::Duration;

use super::{Check, Said};
use crate::config::builtin::BuiltIn;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw::{self, DirectoryKind};
use crate::config::tree::At;
use crate::config::values::{Authentication, Calls, DirectorySource, EmbeddedFile, Lookups};
use crate::domain::breaker::BreakerSettings;

const MOST_LEEWAY: Duration = Duration::from_secs(5);

impl Check<'_, '_, '_> {
    /// Where apps look things up; only what an installed app needs has to be there.
    pub(super) fn sources(
        &mut self,
        directory: &raw::Directory,
        authentication: &raw::Authentication,
        (name, apps): (&str, &[raw::App]),
        at: &At,
    ) -> Option<(DirectorySource, Authentication)> {
        let authenticates = apps.is_empty()
            || apps.iter().any(|app| {
                app.enabled && super::apps::kind_of(app) == Some(BuiltIn::Authentication)
            });
        let directory = self.directory(directory, name, &at.key("directory"));
        let at = at.key("authentication");
        let checked = self.authentication(authentication, &at);
        let none = authentication.jwks.is_empty()
            && authentication.jwks_url.is_none()
            && authentication.validate_url.is_none()
            && authentication.local_key.is_none();
        if authenticates && none {
            let problem = Problem::new("the authentication app has no key to verify a token with");
            let allowed = "a file in `jwks`, a `jwks_url`, a `validate_url`, or a `local_key`";
            self.say.unmatched(&at, problem.allowed(allowed));
            return None;
        }
        Some((directory?, checked?))
    }

    fn directory(
        &mut self,
        written: &raw::Directory,
        name: &str,
        at: &At,
    ) -> Option<DirectorySource> {
        let raw::Directory {
            kind,
            file,
            from,
            vtex,
        } = written;
        let lookups = remote(*kind, *from);
        let Lookups {
            channels,
            customers,
            campaigns,
            regions,
            permissions,
        } = lookups;
        let all = [channels, customers, campaigns, regions, permissions];
        let file = if all.iter().all(|remote| *remote) {
            None
        } else {
            let kind = if channels {
                FileKind::PartOfDirectory
            } else {
                FileKind::Directory
            };
            let path = self.file(&at.key("file"), file, kind)?;
            Some(EmbeddedFile {
                path,
                channels: !channels,
            })
        };
        let vtex = if all.contains(&true) {
            Some(Box::new(self.vtex(vtex, name, lookups, &at.key("vtex"))?))
        } else {
            None
        };
        Some(DirectorySource { file, vtex })
    }

    fn authentication(&mut self, written: &raw::Authentication, at: &At) -> Option<Authentication> {
        let raw::Authentication {
            jwks,
            jwks_url,
            validate_url,
            verify_ttl,
            validations_per_minute,
            local_key,
            issuer,
            leeway,
        } = written;
        let at_jwks = at.key("jwks");
        let jwks: Vec<_> = jwks
            .iter()
            .enumerate()
            .map(|(index, name)| self.file(&at_jwks.index(index), name, FileKind::Jwks))
            .collect();
        let mut address = |text: &Option<String>, key: &str| match text {
            Some(text) => self.address_of(text, &at.key(key)).map(Some).ok_or(Said),
            None => Ok(None),
        };
        let jwks_url = address(jwks_url, "jwks_url");
        let validate_url = address(validate_url, "validate_url");
        let local_key = match local_key {
            Some(name) => {
                let file = self.file(&at.key("local_key"), name, FileKind::LocalKey);
                file.map(Some).ok_or(Said)
            }
            None => Ok(None),
        };
        let mut good = true;
        if issuer.is_empty() {
            let problem = Problem::new("any issuer would do").allowed("the `iss` of the tokens");
            self.say.wrong(&at.key("issuer"), problem);
            good = false;
        }
        if leeway.0 > MOST_LEEWAY {
            let problem = Problem::new("an expired token would be taken for too long");
            self.say
                .wrong(&at.key("leeway"), problem.allowed("0s to 5s"));
            good = false;
        }
        good.then_some(())?;
        Some(Authentication {
            jwks: jwks.into_iter().collect::<Option<_>>()?,
            jwks_url: jwks_url.ok()?,
            validate_url: validate_url.ok()?,
            verify_ttl: verify_ttl.0,
            validations_per_minute: *validations_per_minute,
            local_key: local_key.ok()?,
            issuer: issuer.clone(),
            leeway: leeway.0,
        })
    }

    pub(super) fn calls(&mut self, written: &raw::Calls, at: &At) -> Option<Calls> {
        let raw::Calls {
            timeout,
            retries,
            concurrency,
            max_reply,
            breaker,
        } = written;
        let mut good = true;
        if timeout.0.is_zero() {
            let problem = Problem::new("no source could ever answer");
            self.say
                .wrong(&at.key("timeout"), problem.allowed("more than 0s"));
            good = false;
        }
        if max_reply.0 < 1024 {
            let problem = Problem::new("no answer is that short");
            self.say
                .wrong(&at.key("max_reply"), problem.allowed("1KiB or more"));
            good = false;
        }
        good.then_some(Calls {
            timeout: timeout.0,
            retries: (*retries).into(),
            concurrency: (*concurrency).into(),
            reply_bytes: max_reply.bytes(),
            breaker: BreakerSettings {
                failures: breaker.failures,
                cool_down: breaker.cool_down.0,
            },
        })
    }
}

/// What is looked up on the platform.
fn remote(kind: DirectoryKind, from: raw::LookupPlaces) -> Lookups {
    let raw::LookupPlaces {
        channels,
        customers,
        campaigns,
        regions,
        permissions,
    } = from;
    let there = |place: Option<DirectoryKind>| place.unwrap_or(kind) == DirectoryKind::Vtex;
    Lookups {
        channels: there(channels),
        customers: there(customers),
        campaigns: there(campaigns),
        regions: there(regions),
        permissions: there(permissions),
    }
}
