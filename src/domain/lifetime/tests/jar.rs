//! A model browser and a model server: the jar honours `Max-Age`, the server only the pure core.

use std::time::Duration;

use crate::domain::cookies::{
    CookieSettings, Due, Emission, ResponseFacts, plan_emission, set_cookie,
};
use crate::domain::lifetime::{Decision, Policy, Presented, Times, decide, refresh_timeout};
use crate::domain::time::Millis;

/// One request of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) at: Millis,
    /// Whether the shopper did it, rather than a poller.
    pub(super) activity: bool,
    /// The response that the upstream gives.
    pub(super) response: Response,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Response {
    Page,
    SharedPage,
    NotModified,
}

impl Response {
    fn facts(self) -> ResponseFacts<'static> {
        let (status, cache_control) = match self {
            Self::Page => (200, None),
            Self::SharedPage => (200, Some("public, max-age=600")),
            Self::NotModified => (304, None),
        };
        ResponseFacts {
            status,
            cache_control,
        }
    }
}

/// How the server goes about cookies. The last two are compared with, and never built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Law,
    /// A cookie in every response.
    Sliding,
    /// The seed's formula and a cookie that lives for the lifetime; no idle limit.
    FormulaOnly,
}

/// A cookie as a browser keeps it: its value is its issue time.
#[derive(Default)]
struct Jar {
    cookie: Option<(Millis, Option<Millis>)>,
}

impl Jar {
    fn store(&mut self, line: &str, now: Millis) {
        let mut parts = line.split("; ");
        let (_, value) = parts.next().unwrap().split_once('=').unwrap();
        let iat = Millis::from_millis(value.parse().unwrap());
        let max_age = parts.find_map(|part| part.strip_prefix("Max-Age="));
        let end = max_age.map(|age| now.plus(Duration::from_secs(age.parse().unwrap())));
        self.cookie = Some((iat, end));
    }

    fn send(&self, now: Millis) -> Option<Presented> {
        let (iat, end) = self.cookie?;
        end.is_none_or(|end| now < end).then_some(Presented { iat })
    }

    /// Cuts the cookie's life short.
    fn end_after(&mut self, max_age: Duration) {
        if let Some((iat, end)) = &mut self.cookie {
            *end = Some(iat.plus(max_age));
        }
    }
}

/// Sends the requests, the first of which begins the session; gives the place of the first that
/// no longer finds it.
pub(super) fn first_lost(requests: &[Request], policy: &Policy, rule: Rule) -> Option<usize> {
    first_lost_within(requests, policy, rule, None)
}

/// As [`first_lost`], with every cookie living for `max_age`, to the millisecond.
pub(super) fn first_lost_within(
    requests: &[Request],
    policy: &Policy,
    rule: Rule,
    max_age: Option<Duration>,
) -> Option<usize> {
    let mut jar = Jar::default();
    let mut times = Times::starting(requests[0].at);
    for (place, request) in requests.iter().enumerate() {
        let now = request.at;
        let due = match jar.send(now) {
            None if place == 0 => Due::Must,
            presented => match judge(rule, &times, presented, now, policy) {
                Decision::New | Decision::Expired(_) => return Some(place),
                Decision::Alive { .. } if rule == Rule::Sliding && request.activity => Due::Must,
                alive @ Decision::Alive { .. } => {
                    Due::of_live_session(alive, presented.unwrap(), request.activity, now)
                }
            },
        };
        if request.activity {
            times = times.touched(now);
        }
        let emission = plan_emission(due, &request.response.facts(), true, policy);
        if let Emission::Send { .. } = emission {
            jar.store(&write_cookie(rule, &times, now, policy), now);
            if let Some(max_age) = max_age {
                jar.end_after(max_age);
            }
        }
    }
    None
}

fn write_cookie(rule: Rule, times: &Times, now: Millis, policy: &Policy) -> String {
    let max_age = match rule {
        Rule::FormulaOnly => Some(policy.lifetime()),
        Rule::Law | Rule::Sliding => policy.max_age(times.created_at, true, now),
    };
    let value = now.as_millis().to_string();
    let line = set_cookie(&CookieSettings::default(), "vtex_session", &value, max_age);
    line.to_str().unwrap().to_owned()
}

fn judge(
    rule: Rule,
    times: &Times,
    presented: Option<Presented>,
    now: Millis,
    policy: &Policy,
) -> Decision {
    let (Rule::FormulaOnly, Some(Presented { iat })) = (rule, presented) else {
        return decide(Some(times), presented, true, now, policy);
    };
    if now.since(iat) > policy.lifetime() {
        return Decision::New;
    }
    let timeout = refresh_timeout(now, iat, policy.lifetime(), policy.refresh_before_end());
    Decision::Alive {
        reissue: timeout <= 0,
        clock_step: false,
    }
}
