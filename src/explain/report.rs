//! The explanation itself, for people and for machines. Tokens are never shown.

use std::fmt;

use serde::Serialize;

use crate::account::Account;
use crate::api::Answered;
use crate::domain::access::{SessionUse, Verdict};
use crate::domain::api::mask_tokens;
use crate::domain::inputs::Inputs;
use crate::domain::lifetime::{Presented, remaining};
use crate::domain::request::RequestView;
use crate::domain::session::Field;
use crate::domain::transform::{CallResult, RoundRecord};
use crate::flow::{Decision, Leaving, Lookup};
use crate::outbound::recent::Looked;

/// Everything that was decided about one request.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub(super) summary: Vec<(String, String)>,
    request: Vec<(String, String)>,
    inputs: Vec<(String, String)>,
    pub(super) lookup: Vec<(String, String)>,
    lifetime: Vec<(String, String)>,
    cycle: Vec<(String, String)>,
    lookups: Vec<(String, String)>,
    changed: Vec<(String, String)>,
    verdict: Vec<(String, String)>,
    upstream_headers: Vec<(String, String)>,
    set_cookies: Vec<(String, String)>,
    events: Vec<(String, String)>,
}

pub(super) fn line(name: impl Into<String>, value: impl Into<String>) -> (String, String) {
    (name.into(), value.into())
}

impl Report {
    /// What the request says, before anything is decided.
    pub(super) fn of_inputs(
        request: &RequestView<'_>,
        account: &Account,
        inputs: &Inputs<'_>,
        spoofed: usize,
    ) -> Self {
        let route = account.routes.find(request.path);
        let session = match route.session {
            SessionUse::None => "no session",
            SessionUse::Optional => "session optional",
            SessionUse::Required => "shopper required",
        };
        let mut read = vec![line("tokens", format!("{} presented", inputs.tokens.len()))];
        read.extend(inputs.captured.iter().map(|(name, value)| {
            line(
                format!("cookie.{name}"),
                format!("captured, {} bytes", value.len()),
            )
        }));
        read.extend(
            inputs
                .public
                .iter()
                .map(|(name, value)| line(format!("public.{name}"), value.as_ref())),
        );
        read.extend(inputs.order_form.map(|id| line("checkout.orderFormId", id)));
        for (name, count) in [
            ("malformed cookie pairs", inputs.dropped_pairs),
            ("parameters past a limit", inputs.ignored_parameters),
            ("headers of our names, removed", spoofed),
        ] {
            if count > 0 {
                read.push(line(name, count.to_string()));
            }
        }
        Self {
            request: vec![
                line(
                    "method and path",
                    format!("{} {}", request.method, mask_tokens(request.path.as_str())),
                ),
                line("account", &*account.name),
                line(
                    "route",
                    format!("{} ({session}, to {})", route.pattern, route.upstream),
                ),
            ],
            inputs: read,
            ..Self::default()
        }
    }

    /// What was decided, and what would leave.
    pub(super) fn add(&mut self, decision: &Decision, leaving: &Leaving) {
        let trace = &decision.trace;
        self.lookup.push(line("result", said_of(trace.lookup)));
        self.add_lifetime(decision);
        for round in trace.rounds.iter() {
            self.add_round(round);
        }
        if let Some(looped) = &trace.looped {
            let fields: Vec<&str> = looped.fields.iter().map(Field::as_str).collect();
            self.cycle.push(line(
                "loop",
                format!("{:?} keep changing {fields:?}", looped.apps),
            ));
        }
        let body = trace.body.as_ref().map(|body| body.fields());
        self.changed.extend(trace.changed.iter().map(|field| {
            let value = body.as_ref().and_then(|body| body.value(field.as_str()));
            let shown = match (field.namespace(), value) {
                ("cookie", Some(_)) => "(kept as a hash)".to_owned(),
                (_, Some(value)) => value.to_string(),
                (_, None) => "(removed)".to_owned(),
            };
            line(field.as_str(), shown)
        }));
        self.verdict
            .push(line("verdict", said_of_verdict(&decision.verdict)));
        let planned = decision
            .injection
            .plans
            .headers
            .iter()
            .chain(&decision.injection.own);
        self.upstream_headers.extend(
            planned.map(|(name, value)| {
                line(name.as_str(), String::from_utf8_lossy(value.as_bytes()))
            }),
        );
        self.upstream_headers.sort();
        self.set_cookies
            .extend(leaving.set_cookies.iter().map(masked));
        self.set_cookies.extend(
            leaving
                .cache_control
                .iter()
                .map(|value| line("cache-control", value)),
        );
        self.events.extend(
            decision
                .events
                .iter()
                .map(|event| line("event", format!("{event:?}"))),
        );
    }

    /// What a call of the Session API was answered with, and how that came about.
    pub(super) fn add_call(&mut self, answered: &Answered) {
        let Answered { response, decision } = answered;
        if let Some(decision) = decision {
            self.add(decision, &Leaving::default());
        }
        self.upstream_headers.clear();
        let body = String::from_utf8_lossy(response.body());
        self.verdict = vec![
            line("answered here", response.status().to_string()),
            line("body", without_tokens(&body)),
        ];
        let cookies = response.headers().get_all(http::header::SET_COOKIE);
        self.set_cookies.extend(cookies.iter().map(masked));
    }

    /// What was looked up where, how old the answers were, and how long that took.
    pub(super) fn add_lookups(&mut self, looked: &[Looked]) {
        let lines = looked.iter().map(|one| line(one.what, one.to_string()));
        self.lookups.extend(lines);
    }

    fn add_lifetime(&mut self, decision: &Decision) {
        let policy = decision.account.policies.of(decision.authenticated);
        self.lifetime.push(line(
            "law",
            format!(
                "L {} s, W {} s, idle {} s, absolute {} s",
                policy.lifetime().as_secs(),
                policy.refresh_before_end().as_secs(),
                policy.idle().as_secs(),
                policy.absolute(decision.authenticated).as_secs(),
            ),
        ));
        let (Lookup::Recognised { iat } | Lookup::Verified { iat, .. }) = decision.trace.lookup
        else {
            return;
        };
        let Some(resident) = &decision.cookies.session else {
            return;
        };
        let times = resident.session().times();
        let left = remaining(
            &times,
            Presented { iat },
            decision.authenticated,
            decision.now,
            policy,
        );
        let age = decision.now.as_millis() - iat.as_millis();
        self.lifetime.push(line(
            "timeout",
            format!(
                "({} - {}) - {age} = {} ms",
                policy.lifetime().as_millis(),
                policy.refresh_before_end().as_millis(),
                left.timeout_ms
            ),
        ));
        self.lifetime
            .push(line("idle ends in", format!("{} ms", left.idle_ms)));
        self.lifetime
            .push(line("absolute end in", format!("{} ms", left.absolute_ms)));
    }

    fn add_round(&mut self, round: &RoundRecord) {
        let name = match round.number {
            0 => "create call".to_owned(),
            number => format!("round {number}"),
        };
        for call in &round.calls {
            let because: Vec<&str> = call.because.iter().map(Field::as_str).collect();
            let why = match (round.number, because.is_empty()) {
                (0, _) => String::new(),
                (_, true) => " for its age".to_owned(),
                (_, false) => format!(" because of {}", because.join(", ")),
            };
            let what = match &call.result {
                CallResult::Answered { writes, undeclared } => {
                    let writes: Vec<&str> = writes.iter().map(Field::as_str).collect();
                    let dropped = match undeclared.len() {
                        0 => String::new(),
                        count => format!(", {count} undeclared dropped"),
                    };
                    format!("answers {}{dropped}", or_nothing(&writes.join(", ")))
                }
                CallResult::Refused { status } => format!("refuses with {status}"),
                CallResult::Failed(failure) => format!("fails: {failure}"),
                CallResult::Idle => "is not called: its condition does not hold".to_owned(),
            };
            self.cycle
                .push(line(&name, format!("{}{why} {what}", call.name)));
        }
        let changed: Vec<&str> = round.changed.iter().map(Field::as_str).collect();
        self.cycle.push(line(
            &name,
            format!("changed {}", or_nothing(&changed.join(", "))),
        ));
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn said_of(lookup: Lookup) -> String {
    match lookup {
        Lookup::NotLooked => "no session is looked up here".to_owned(),
        Lookup::NoToken => "no token: a new session".to_owned(),
        Lookup::Rejected(reason) => format!("the token is not accepted ({reason}): a new session"),
        Lookup::Gone => "the token is ours, the session is gone: a new session".to_owned(),
        Lookup::Recognised { .. } => "recognised by the cookie's hash".to_owned(),
        Lookup::Verified { primary: true, .. } => "found, signature checked".to_owned(),
        Lookup::Verified { primary: false, .. } => {
            "found, signature checked, under a key that no longer signs".to_owned()
        }
        Lookup::Moved => "the id was replaced a moment ago".to_owned(),
        Lookup::Ended(reason) => format!("the session has ended ({reason})"),
        Lookup::Ambiguous => "two live sessions were presented: none counts".to_owned(),
        Lookup::Unreadable => "the store cannot be asked".to_owned(),
    }
}

fn said_of_verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Forward => "forward".to_owned(),
        Verdict::Login { location } => format!("303 to {location}"),
        Verdict::Unauthorized => "401".to_owned(),
        Verdict::DeniedChannel { status, .. } => format!("{status}: trade policy refused"),
        Verdict::Unavailable { .. } => "503: the session cannot be read".to_owned(),
        Verdict::Failed { status, message } => format!("{status}: {message}"),
    }
}

/// An answer's body as it may be shown: tokens are not.
fn without_tokens(body: &str) -> String {
    if body.contains("\"sessionToken\"") {
        return "(the two tokens)".to_owned();
    }
    or_nothing(body).to_owned()
}

/// A `Set-Cookie` line without its value.
fn masked(cookie: &http::HeaderValue) -> (String, String) {
    let text = String::from_utf8_lossy(cookie.as_bytes());
    let (pair, attributes) = text.split_once("; ").unwrap_or((&text, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    line(
        format!("set-cookie {name}"),
        format!("({} bytes); {attributes}", value.len()),
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, lines) in [
            ("In short", &self.summary),
            ("Request", &self.request),
            ("Inputs", &self.inputs),
            ("Lookup", &self.lookup),
            ("Lifetime", &self.lifetime),
            ("Cycle", &self.cycle),
            ("Look-ups", &self.lookups),
            ("Changed", &self.changed),
            ("Verdict", &self.verdict),
            ("Headers for the upstream", &self.upstream_headers),
            ("Leaving with the response", &self.set_cookies),
            ("Events", &self.events),
        ] {
            // In front of files alone nothing is looked up; a call's answer speaks for itself.
            if matches!(title, "Look-ups" | "In short") && lines.is_empty() {
                continue;
            }
            writeln!(f, "{title}")?;
            if lines.is_empty() {
                writeln!(f, "  nothing")?;
            }
            for (name, value) in lines {
                writeln!(f, "  {name:<28} {value}")?;
            }
        }
        Ok(())
    }
}
