//! The explanation itself, for people and for machines. Tokens are never shown.

use std::fmt;

use serde::Serialize;

use super::line::{Line, line};
use super::words::{self, masked, or_nothing, said_of, without_tokens};
use crate::account::Account;
use crate::api::Answered;
use crate::domain::access::SessionUse;
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
    pub(super) summary: Vec<Line>,
    request: Vec<Line>,
    inputs: Vec<Line>,
    pub(super) lookup: Vec<Line>,
    lifetime: Vec<Line>,
    cycle: Vec<Line>,
    lookups: Vec<Line>,
    changed: Vec<Line>,
    verdict: Vec<Line>,
    upstream_headers: Vec<Line>,
    set_cookies: Vec<Line>,
    events: Vec<Line>,
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
            let apps: Vec<&str> = looped.apps.iter().map(|app| &**app).collect();
            let (apps, fields) = (apps.join(", "), fields.join(", "));
            let said = format!("{apps} kept changing {fields}: back to what was before the cycle");
            self.cycle.push(line("would not settle", said));
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
        self.verdict.push(words::verdict(&decision.verdict));
        let planned = decision
            .injection
            .plans
            .headers
            .iter()
            .chain(&decision.injection.own);
        self.upstream_headers
            .extend(planned.map(|(name, value)| words::header(name, value)));
        self.upstream_headers.sort();
        self.set_cookies
            .extend(leaving.set_cookies.iter().map(masked));
        self.set_cookies.extend(
            leaving
                .cache_control
                .iter()
                .map(|value| line("cache-control", value)),
        );
        self.events.extend(decision.events.iter().map(words::event));
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
        let absolute = policy.absolute(decision.authenticated);
        for (name, long, after) in [
            ("lifetime of a cookie", policy.lifetime(), ""),
            ("renewed in its last", policy.refresh_before_end(), ""),
            ("idle limit", policy.idle(), " after the last request"),
            ("absolute limit", absolute, " after the beginning"),
        ] {
            let millis = u64::try_from(long.as_millis()).unwrap_or(u64::MAX);
            let said = format!("{}{after}", words::span(millis));
            self.lifetime
                .push(line(name, said).raw(format!("{millis} ms")));
        }
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
        let said = if left.timeout_ms > 0 {
            format!(
                "not before {} from now",
                words::span(left.timeout_ms.unsigned_abs())
            )
        } else {
            format!("with this answer: due {}", words::away(left.timeout_ms))
        };
        let formula = format!(
            "({} - {}) - {age} = {} ms",
            policy.lifetime().as_millis(),
            policy.refresh_before_end().as_millis(),
            left.timeout_ms
        );
        self.lifetime
            .push(line("cookie renewed", said).raw(formula));
        for (name, millis) in [
            ("idle limit reached", left.idle_ms),
            ("absolute limit reached", left.absolute_ms),
        ] {
            let said = line(name, words::away(millis));
            self.lifetime.push(said.raw(format!("{millis} ms")));
        }
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
            for Line { name, said, raw } in lines {
                write!(f, "  {name:<28} {said}")?;
                match raw {
                    Some(raw) => writeln!(f, " [{raw}]")?,
                    None => writeln!(f)?,
                }
            }
        }
        Ok(())
    }
}
