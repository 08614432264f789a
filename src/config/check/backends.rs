//! Routes.

use super::Check;
use super::hosts::own_path;
use super::inputs::canonical;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::settings::{OnDeniedChannel, OnExpired, RouteSettings, SessionUse};
use crate::domain::access::Routes;
use crate::domain::headers::{DEFAULT_MAP, fixed_names};

const ROUTE: &str = "a path prefix such as /account, or a glob such as /*/checkout/**";

impl Check<'_, '_, '_> {
    pub(super) fn routes(&mut self, account: &raw::Account, at: &At) -> Option<Vec<RouteSettings>> {
        let at = at.key("route");
        let paths = account.route.iter().enumerate();
        let paths = paths.map(|(index, one)| (at.index(index).key("path"), one.path.as_str()));
        self.distinct(paths, "route");
        let mut routes: Vec<Option<RouteSettings>> = account
            .route
            .iter()
            .enumerate()
            .map(|(index, route)| self.route(route, account, &at.index(index)))
            .collect();
        if !account.route.iter().any(|route| route.path == "/") {
            let default = raw::Route {
                path: "/".to_owned(),
                ..raw::Route::default()
            };
            routes.push(settings(&default, account));
        }
        self.login_pages_are_open(account, &at);
        let routes: Vec<RouteSettings> = routes.into_iter().collect::<Option<_>>()?;
        // Said already, where it is written; every route has it.
        own_path(&account.login_page).ok()?;
        // Who finds routes by these settings has the last word about them.
        match Routes::try_new(routes.clone()) {
            Ok(_) => Some(routes),
            Err(errors) => {
                for error in errors {
                    self.say.unmatched(&at, Problem::new(error.to_string()));
                }
                None
            }
        }
    }

    fn route(
        &mut self,
        written: &raw::Route,
        account: &raw::Account,
        at: &At,
    ) -> Option<RouteSettings> {
        let mut good = true;
        if let Err(why) = check_pattern(&written.path) {
            let problem = Problem::new(format!("`path`: {why}")).allowed(ROUTE);
            self.say.wrong(&at.key("path"), problem);
            good = false;
        }
        let known: Vec<&str> = account
            .upstream
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        if let Some(name) = &written.upstream
            && !known.contains(&name.as_str())
        {
            good = false;
            // An upstream whose name is broken may well be the one.
            if !known.contains(&"") {
                let problem = Problem::new(format!("no upstream is called `{name}`"))
                    .allowed(known.join(", "))
                    .did_you_mean(name, &known);
                self.say.unmatched(&at.key("upstream"), problem);
            }
        }
        if let Some(page) = &written.login_page {
            good &= self.login_page(page, &at.key("login_page"));
        }
        for (index, name) in written.inject.iter().flatten().enumerate() {
            let at = at.key("inject").index(index);
            good &= self.injected(name, account, &at);
        }
        let silent = written.session == raw::SessionUse::None;
        if silent && (written.send_session_token || written.send_context) {
            let problem = Problem::new("a route without sessions has nothing to send");
            self.say.doubtful(&at.key("session"), problem);
        }
        if silent && written.on_expired.is_some() {
            let problem = Problem::new("a route without sessions never sees one expire");
            self.say.doubtful(&at.key("on_expired"), problem);
        }
        settings(written, account).filter(|_| good)
    }

    fn injected(&mut self, name: &str, account: &raw::Account, at: &At) -> bool {
        let plain = canonical(name);
        let written = account.headers.map.keys().map(String::as_str);
        let usual = DEFAULT_MAP.iter().map(|(name, _)| *name);
        let mut known: Vec<&str> = fixed_names().chain(usual).collect();
        known.extend(written);
        if known.iter().any(|header| canonical(header) == plain) {
            return true;
        }
        known.sort_unstable();
        known.dedup();
        let problem = Problem::new(format!("no session header is called `{name}`"))
            .allowed(known.join(", "))
            .did_you_mean(name, &known);
        self.say.unmatched(at, problem);
        false
    }

    /// A login page that itself needs a login would send shoppers in circles.
    fn login_pages_are_open(&mut self, account: &raw::Account, at: &At) {
        for (index, route) in account.route.iter().enumerate() {
            if route.session != raw::SessionUse::Required {
                continue;
            }
            let page = route.login_page.as_ref().unwrap_or(&account.login_page);
            let serving = account
                .route
                .iter()
                .filter(|other| is_below(page, &other.path))
                .max_by_key(|other| other.path.len());
            if serving.is_some_and(|other| other.session == raw::SessionUse::Required) {
                let problem = Problem::new(format!(
                    "the login page `{page}` lies on a route that requires a login itself"
                ));
                let problem = problem.allowed("a login page on a route that anybody may see");
                self.say.unmatched(&at.index(index).key("session"), problem);
            }
        }
    }
}

fn settings(written: &raw::Route, account: &raw::Account) -> Option<RouteSettings> {
    let raw::Route {
        path,
        upstream,
        session,
        touch,
        on_expired,
        on_denied_channel,
        login_page,
        inject,
        send_session_token,
        send_context,
        requests,
    } = written;
    let first = account.upstream.first().map(|first| &first.name);
    Some(RouteSettings {
        pattern: path.clone(),
        upstream: upstream.as_ref().or(first)?.clone(),
        session: match session {
            raw::SessionUse::None => SessionUse::None,
            raw::SessionUse::Optional => SessionUse::Optional,
            raw::SessionUse::Required => SessionUse::Required,
        },
        touch: *touch,
        on_expired: on_expired.map(|expired| match expired {
            raw::OnExpired::Login => OnExpired::Login,
            raw::OnExpired::Anonymous => OnExpired::Anonymous,
        }),
        on_denied_channel: match on_denied_channel {
            raw::OnDeniedChannel::Refuse => OnDeniedChannel::Refuse,
            raw::OnDeniedChannel::Ignore => OnDeniedChannel::Ignore,
        },
        login_page: Some(login_page.as_ref().unwrap_or(&account.login_page).clone()),
        inject: inject.clone(),
        send_session_token: *send_session_token,
        send_context: *send_context,
        requests: requests.and_then(|most| usize::try_from(most).ok()),
    })
}

fn check_pattern(path: &str) -> Result<(), &'static str> {
    own_path(path)?;
    if path.contains(['?', '#', '%']) {
        return Err("a route is a plain path, without query and escapes");
    }
    for segment in path.split('/') {
        if matches!(segment, "." | "..") {
            return Err("`.` and `..` are never part of a path that is served");
        }
        if segment.contains("**") && segment != "**" {
            return Err("`**` stands for whole segments");
        }
    }
    Ok(())
}

fn is_below(page: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    let rest = page.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}
