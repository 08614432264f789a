//! One account, put together of its parts.

use std::sync::Arc;

use super::hosts::{HOST, host_pattern, own_path, root_path};
use super::{Around, Check};
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::settings::{HeaderSettings, RouteSettings};
use crate::config::values::{
    Account, AccountId, Api, App, AuthCookie, Authentication, Calls, CarryOver, Cookies,
    DirectorySource, HostPattern, Keys, Lifetimes, Memo, Place, SessionContext, Switches, Upstream,
};
use crate::domain::inputs::{Consent, InputSettings};
use crate::domain::transform::Graph;

/// What could be made of each part.
struct Parts {
    who: Option<(Arc<str>, AccountId)>,
    place: Option<Place>,
    carry_over: Option<CarryOver>,
    lifetimes: Option<Lifetimes>,
    cookies: Option<Cookies>,
    auth_cookie: Option<AuthCookie>,
    consent: Option<Consent>,
    inputs: Option<InputSettings>,
    headers: Option<HeaderSettings>,
    apps: Option<(Vec<App>, Graph)>,
    sources: Option<(DirectorySource, Authentication)>,
    calls: Option<Calls>,
    keys: Option<Keys>,
    api: Option<Api>,
    context: Option<SessionContext>,
    upstreams: Option<Vec<Arc<Upstream>>>,
    routes: Option<Vec<RouteSettings>>,
}

impl Check<'_, '_, '_> {
    pub(super) fn account(
        &mut self,
        written: &raw::Account,
        around: Around<'_>,
        at: &At,
    ) -> Option<Account> {
        let raw::Account {
            name,
            id,
            hosts,
            root_path,
            login_page,
            carry_over,
            silent_relogin,
            lifetime,
            cookies,
            auth_cookie,
            consent,
            inputs,
            headers,
            app,
            cycle,
            memo,
            directory,
            authentication,
            calls,
            keys,
            allow,
            api,
            context,
            upstream,
            route,
        } = written;
        self.same_names_as_the_store(cookies, upstream, &at.key("cookies"));
        self.login_page(login_page, &at.key("login_page"));
        let who = self.who(name, id, at);
        let memo = self.memo(memo, &at.key("memo"));
        let parts = Parts {
            auth_cookie: self.auth_cookie(auth_cookie, &at.key("auth_cookie")),
            who,
            place: self.place(hosts, root_path, at),
            carry_over: self.carry_over(carry_over, &at.key("carry_over")),
            lifetimes: self.lifetimes(around.lifetime, lifetime, at),
            cookies: self.cookies(cookies, root_path, around.insecure, &at.key("cookies")),
            consent: self.consent(consent.as_ref(), cookies, &at.key("consent")),
            inputs: self.inputs(inputs, cookies, around.cookie_bytes, &at.key("inputs")),
            headers: self.headers(headers, &at.key("headers")),
            apps: self.apps(app, cycle, memo.max_age, at),
            sources: self.sources(directory, authentication, (name, app), at),
            calls: self.calls(calls, &at.key("calls")),
            keys: self.keys(keys, route, &at.key("keys")),
            api: self.api(api, &at.key("api")),
            context: self.context(context, name, &at.key("context")),
            upstreams: self.upstreams(upstream, &at.key("upstream")),
            // Routes are read together with the upstreams and headers that they name.
            routes: self.routes(written, at),
        };
        parts.join(*silent_relogin, cycle, memo, *allow)
    }

    fn who(&mut self, name: &str, id: &str, at: &At) -> Option<(Arc<str>, AccountId)> {
        let name = self.name(&at.key("name"), name);
        let id = id.parse::<AccountId>().map_err(|_| "no GUID");
        let allowed = "a GUID such as 3f1c7f0e-6a0b-4c0e-9d55-0f2c8d1f7a11";
        let id = self.say.read(&at.key("id"), id, allowed);
        Some((name?, id?))
    }

    fn place(&mut self, hosts: &[String], path: &str, at: &At) -> Option<Place> {
        let hosts: Vec<Option<HostPattern>> = hosts
            .iter()
            .enumerate()
            .map(|(index, host)| {
                let at = at.key("hosts").index(index);
                self.say.read(&at, host_pattern(host), HOST)
            })
            .collect();
        let allowed = "`/`, or a path such as /br";
        let path = self
            .say
            .read(&at.key("root_path"), root_path(path), allowed);
        Some(Place {
            hosts: hosts.into_iter().collect::<Option<_>>()?,
            root_path: path?,
        })
    }

    pub(super) fn login_page(&mut self, page: &str, at: &At) -> bool {
        let allowed = "a path of the store, such as /login";
        self.say.read(at, own_path(page), allowed).is_some()
    }
}

impl Parts {
    fn join(
        self,
        silent_relogin: bool,
        cycle: &raw::Cycle,
        memo: Memo,
        allow: raw::Allow,
    ) -> Option<Account> {
        let raw::Allow {
            profile_by_email,
            client_region_id,
        } = allow;
        let (name, id) = self.who?;
        let (apps, graph) = self.apps?;
        let (directory, authentication) = self.sources?;
        Some(Account {
            name,
            id,
            place: self.place?,
            carry_over: self.carry_over?,
            lifetimes: self.lifetimes?,
            silent_relogin,
            cookies: self.cookies?,
            auth_cookie: self.auth_cookie?,
            consent: self.consent,
            inputs: self.inputs?,
            headers: self.headers?,
            routes: self.routes?,
            upstreams: self.upstreams?,
            apps,
            graph,
            cycle_deadline: cycle.deadline.0,
            memo,
            directory,
            authentication,
            calls: self.calls?,
            keys: self.keys?,
            switches: Switches {
                profile_by_email,
                client_region_id,
            },
            api: self.api?,
            context: self.context?,
        })
    }
}
