//! An exchange that is over: counted, traced, and told to the logs.

use std::time::Duration;

use pingora::prelude::Error;
use pingora::proxy::Session as Exchange;

use super::pace::Pace;
use super::{Edge, Passage};
use crate::config::values::AccessLog;
use crate::domain::request::mask_path;
use crate::telemetry::{About, AccessLine, Took, Went, pseudonym};

/// Methods that are logged by name.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];

impl Edge {
    pub(super) fn record(&self, exchange: &Exchange, error: Option<&Error>, passage: &mut Passage) {
        let telemetry = &self.shared.telemetry;
        if let Some(pace) = Pace::of(exchange) {
            pace.over(passage.owes, exchange.response_written().is_none());
            passage.owes = false;
        }
        let took = passage.started.elapsed();
        telemetry.took(took);
        self.watched(exchange, passage, took);
        match &passage.placed {
            Some(placed) => placed.account.traffic.answered(passage.status),
            None => telemetry.answered(passage.status),
        }
        if let Some(reason) = passage.refused {
            telemetry.refused(reason);
        }
        if let Some(decision) = &passage.decision {
            telemetry.judged(decision.trace.lookup, &decision.verdict);
            if !decision.events.is_empty() {
                let [request_id, _] = self.names(exchange, passage);
                let about = About {
                    account: &decision.account.name,
                    key: decision.account.keys.hash_key(),
                    session: decision.trace.session,
                    request_id,
                    operator: None,
                };
                for event in &decision.events {
                    telemetry.happened(about, event);
                }
            }
        }
        if self.is_logged(exchange, error, passage) {
            self.access_line(exchange, passage, took, error.is_some());
        }
    }

    /// Whether the request gets a line. What went wrong always does, where any does.
    fn is_logged(&self, exchange: &Exchange, error: Option<&Error>, passage: &Passage) -> bool {
        // Who is turned away is counted: a flood of requests is no flood of lines.
        if passage.shed.is_some() || !AccessLine::wanted() {
            return false;
        }
        let sampling = match passage.running.access {
            AccessLog::All => return true,
            AccessLog::Off => return false,
            AccessLog::Sampled(sampling) => sampling,
        };
        let wrong = error.is_some() || passage.status >= 500 || passage.refused.is_some();
        // A request that is traced has its line beside its trace.
        let traced = passage.placed.as_ref().and_then(|one| one.trace.get());
        wrong
            || traced.is_some_and(|trace| trace.watch.is_some())
            || sampling.takes(self.chance(exchange, passage))
    }

    fn chance(&self, exchange: &Exchange, passage: &Passage) -> u64 {
        let own = || u64::try_from(self.shared.flow.random() >> 64).unwrap_or(0);
        let Some(placed) = &passage.placed else {
            return own();
        };
        // The id of the request's own span is as good as chance, and nobody else's to choose.
        let random = || self.shared.flow.random();
        let ids = placed.trace(&exchange.req_header().headers, random).ids();
        ids.map_or_else(own, |(_, span)| span.get())
    }

    /// The request's id and its trace's.
    fn names<'a>(&self, exchange: &Exchange, passage: &'a Passage) -> [&'a str; 2] {
        let Some(placed) = &passage.placed else {
            return [""; 2];
        };
        let random = || self.shared.flow.random();
        let trace = placed.trace(&exchange.req_header().headers, random);
        [&trace.request_id, trace.trace_id()]
    }

    fn access_line(&self, exchange: &Exchange, passage: &Passage, took: Duration, failed: bool) {
        let head = exchange.req_header();
        let said = head.method.as_str();
        let method = METHODS.iter().find(|known| **known == said);
        let (placed, decision) = (passage.placed.as_ref(), passage.decision.as_ref());
        let deciding = (passage.decided > Duration::ZERO).then_some(passage.decided);
        let route = placed.map(|placed| {
            let routes = &placed.account.routes;
            &*routes.find(&placed.admitted.path).pattern
        });
        let session = decision.and_then(|one| {
            let key = one.account.keys.hash_key();
            Some(pseudonym(key, one.trace.session?))
        });
        let went = placed.and_then(|placed| {
            Some(Went {
                upstream: placed.upstream.name(),
                server: placed.tries.server()?,
                tries: placed.tries.count(),
            })
        });
        let body = &exchange.downstream_session;
        let line = AccessLine {
            method: method.copied().unwrap_or("other"),
            path: &mask_path(head.uri.path()),
            route: passage.resource.or(route),
            status: passage.status,
            account: placed.map_or("", |placed| &*placed.account.name),
            decided: decision.map(|one| [one.verdict.label(), one.trace.lookup.label()]),
            refused: passage.refused,
            session,
            names: self.names(exchange, passage),
            took: Took {
                whole: took,
                deciding,
                upstream: passage
                    .head
                    .map(|head| head.saturating_sub(passage.decided)),
            },
            bytes: [body.body_bytes_read(), body.body_bytes_sent()],
            went,
            failed,
        };
        line.write();
    }
}
