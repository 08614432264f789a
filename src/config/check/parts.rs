//! Memo, keys, API and context of an account.

use std::time::Duration;

use super::Check;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{Api, Keys, Memo, SessionContext};
use crate::domain::api::AllowedOrigins;
use crate::domain::inputs::Consent;
use crate::domain::session::Field;

const LEAST_CONTEXT: Duration = Duration::from_secs(10);

impl Check<'_, '_, '_> {
    pub(super) fn memo(&mut self, written: &raw::Memo, at: &At) -> Memo {
        let raw::Memo { max_size, max_age } = *written;
        if max_size.0 == 0 {
            let problem = Problem::new("nothing is remembered: every app asks the directory anew");
            self.say.doubtful(&at.key("max_size"), problem);
        }
        Memo {
            max_bytes: max_size.0,
            max_age: max_age.0,
        }
    }

    /// Whose answer is asked before anybody is remembered; none: nobody's, or what is written is
    /// wrong, which was said.
    pub(super) fn consent(
        &mut self,
        written: Option<&raw::Consent>,
        cookies: &raw::Cookies,
        at: &At,
    ) -> Option<Consent> {
        let raw::Consent { cookie, values } = written?;
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        if cookie.is_empty() || !cookie.bytes().all(token) {
            let problem = Problem::new("no name of a cookie");
            let allowed = "letters, digits and !#$%&'*+-.^_`|~";
            self.say.wrong(&at.key("cookie"), problem.allowed(allowed));
            return None;
        }
        if [&cookies.session, &cookies.segment].contains(&cookie) {
            let problem = Problem::new("this cookie is ours, and nobody's answer");
            let allowed = "the cookie of the store's consent banner";
            self.say.wrong(&at.key("cookie"), problem.allowed(allowed));
            return None;
        }
        if values.is_empty() {
            let problem = Problem::new("no value is a yes: nobody would ever be remembered");
            self.say
                .wrong(&at.key("values"), problem.allowed("one value or more"));
            return None;
        }
        for (index, value) in values.iter().enumerate() {
            if value.trim_end_matches('*').is_empty() {
                let problem = Problem::new("any value would be a yes");
                let at = at.key("values").index(index);
                self.say
                    .wrong(&at, problem.allowed("a value, or its beginning"));
                return None;
            }
        }
        Some(Consent::new(cookie, values))
    }

    /// The key ring. `routes` say whether it has to sign contexts too.
    pub(super) fn keys(
        &mut self,
        written: &raw::Keys,
        routes: &[raw::Route],
        at: &At,
    ) -> Option<Keys> {
        let raw::Keys {
            file,
            sign_after,
            create,
        } = written;
        let kind = FileKind::KeyRing {
            created: *create,
            contexts: routes.iter().any(|route| route.send_context),
        };
        let file = self.file(&at.key("file"), file, kind)?;
        Some(Keys {
            file,
            sign_after: sign_after.0,
            create: *create,
        })
    }

    pub(super) fn api(&mut self, written: &raw::Api, at: &At) -> Option<Api> {
        let raw::Api {
            enabled,
            allowed_origins,
            show_cookies,
        } = written;
        let (mut origins, mut good) = (AllowedOrigins::default(), true);
        for (index, origin) in allowed_origins.iter().enumerate() {
            let at = at.key("allowed_origins").index(index);
            let allowed = "scheme and host, and an unusual port: https://www.example.com";
            good &= self.say.read(&at, origins.add(origin), allowed).is_some();
        }
        if *show_cookies {
            let problem = Problem::new("scripts of the store's pages can read login cookies");
            let hint = "HttpOnly is there to prevent that";
            self.say
                .doubtful(&at.key("show_cookies"), problem.hint(hint));
        }
        good.then_some(Api {
            enabled: *enabled,
            origins,
            show_cookies: *show_cookies,
        })
    }

    pub(super) fn context(
        &mut self,
        written: &raw::Context,
        account: &str,
        at: &At,
    ) -> Option<SessionContext> {
        let raw::Context {
            namespaces,
            audience,
            lifetime,
        } = written;
        let mut good = true;
        for (index, namespace) in namespaces.iter().enumerate() {
            let at = at.key("namespaces").index(index);
            if Field::new(namespace, "x").is_err() || namespace == "cookie" {
                let problem = Problem::new("no namespace that may be told");
                let allowed = "a namespace such as \"profile\"; never \"cookie\"";
                self.say.wrong(&at, problem.allowed(allowed));
                good = false;
            }
        }
        if lifetime.0 < LEAST_CONTEXT {
            let problem = Problem::new("backends could hardly read it in time");
            self.say
                .wrong(&at.key("lifetime"), problem.allowed("10s or more"));
            good = false;
        }
        good.then(|| SessionContext {
            namespaces: namespaces.clone(),
            audience: audience.clone().unwrap_or_else(|| account.to_owned()),
            lifetime: lifetime.0,
        })
    }
}
