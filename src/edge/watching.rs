//! Watching sampled requests: from when one is admitted until it is recorded.

use std::sync::Arc;
use std::time::Duration;

use pingora::http::RequestHeader;
use pingora::proxy::Session as Exchange;

use super::running::Placed;
use super::{Edge, Passage};
use crate::domain::request::trace::{RequestTrace, Sampling};
use crate::domain::request::watch::{Part, Watch, Watched};
use crate::telemetry::{Recording, Whole, label, pseudonym};

/// Which requests are traced, and whose word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracing {
    /// The share of those about which nobody decided whose word counts.
    pub sampling: Sampling,
    /// Whether only trusted proxies' word counts.
    pub trusted_alone: bool,
}

impl Edge {
    /// Decides whether a request is traced, where any are.
    pub(super) fn watch(&self, head: &RequestHeader, passage: &Passage, placed: &mut Placed) {
        let Some(tracing) = passage.running.tracing else {
            return;
        };
        let flow = &self.shared.flow;
        let believes = !tracing.trusted_alone || placed.claims.trusted();
        let sampling = tracing.sampling;
        let sampling = sampling.believing(sampling.believes && believes);
        let trace = RequestTrace::read_sampled(&head.headers, || flow.random(), sampling);
        let mut trace = trace.by(placed.admitted.client);
        if trace.is_sampled() {
            let recording = Arc::new(Recording::new(passage.started, flow.entropy()));
            trace.watch = Some(Watch::of(Arc::<Recording>::clone(&recording)));
            placed.recording = Some(recording);
        }
        // Nobody has asked for its name before.
        drop(placed.trace.set(trace));
    }

    /// A request is over that took so long: what was noted of it goes to the collector.
    pub(super) fn watched(&self, exchange: &Exchange, passage: &mut Passage, took: Duration) {
        let Some(traces) = self.shared.telemetry.traces() else {
            return;
        };
        let Some(placed) = &mut passage.placed else {
            return;
        };
        let Some(recording) = placed.recording.take() else {
            return;
        };
        placed.tries.give_up();
        let Some(trace) = placed.trace.get() else {
            return;
        };
        let route = placed.account.routes.find(&placed.admitted.path);
        let decision = passage.decision.as_ref();
        let key = placed.account.keys.hash_key();
        let whole = Whole {
            method: exchange.req_header().method.as_str(),
            route: passage.resource.unwrap_or(&route.pattern),
            account: &placed.account.name,
            status: passage.status,
            decided: decision.map(|one| [one.verdict.label(), one.trace.lookup.label()]),
            session: decision
                .and_then(|one| one.trace.session)
                .map(|id| pseudonym(key, id).to_string()),
            events: decision.map_or_else(Vec::new, |one| one.events.iter().map(label).collect()),
            tries: placed.tries.count(),
        };
        let when = (self.shared.flow.now(), took);
        traces.over(&recording, trace, &whole, when);
    }
}

impl Placed {
    /// A part of the request begins, where it is watched.
    pub(super) fn begin(&self, part: Part) -> Option<Watched> {
        self.recording.as_ref()?;
        let watch = self.trace.get()?.watch.as_ref()?;
        Some(watch.begin(part))
    }

    /// How the request is named towards whoever works in a part of it.
    pub(super) fn named_within(&self, part: Option<&Watched>) -> Option<RequestTrace> {
        Some(self.trace.get()?.within(part?))
    }
}
