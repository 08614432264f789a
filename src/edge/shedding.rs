//! Whether there is room for one more request.

use std::time::Duration;

use http::Method;
use http::header::COOKIE;
use pingora::proxy::Session as Exchange;

use super::load::{Count, Within};
use super::running::Placed;
use super::session_api;
use super::{Answer, Edge, Passage};
use crate::domain::api::{ApiError, ApiRoute};
use crate::telemetry::Cause;

/// Of so many places one is kept for shoppers who have a session.
const KEPT: usize = 10;
/// How long whoever is turned away is asked to wait, in seconds.
const RETRY_AFTER: u64 = 1;

impl Edge {
    /// Makes a place for a request; the answer to one for which there is none.
    pub(super) fn turn_away(
        &self,
        exchange: &Exchange,
        passage: &mut Passage,
        placed: &Placed,
    ) -> Option<Answer> {
        let refused = match self.enter(exchange, passage, placed) {
            Ok(within) => {
                passage.within = within;
                return None;
            }
            Err(refused) => refused,
        };
        let (cause, error) = refused;
        passage.shed = Some(cause);
        passage.running.load.shed(cause, self.shared.flow.now());
        if session_api::route(&placed.admitted, &placed.account).is_some() {
            return Some(Answer::refused_call(&error));
        }
        let request = self.view(exchange.req_header(), passage, &placed.admitted);
        Some(Answer::busy(&request, RETRY_AFTER))
    }

    fn enter(
        &self,
        exchange: &Exchange,
        passage: &Passage,
        placed: &Placed,
    ) -> Result<[Option<Within>; 2], (Cause, ApiError)> {
        let running = &passage.running;
        let busy = |cause| move || (cause, ApiError::Busy);
        // Looked at only when there is little room left.
        let known = || self.has_session(exchange, placed);
        let most = running.limits.requests;
        let enter = |count: &Count, most: Option<usize>| {
            let open = most.map(|most| most - most / KEPT);
            let entered = count.enter(open);
            entered.or_else(|| known().then(|| count.enter(most)).flatten())
        };
        let whole = enter(&running.load.requests, most);
        let whole = whole.ok_or_else(busy(Cause::Requests))?;
        let of_route = match &placed.room {
            Some((count, most)) => {
                let entered = enter(count, Some(*most));
                Some(entered.ok_or_else(busy(Cause::RouteRequests))?)
            }
            None => None,
        };
        self.check_writes(exchange, passage, placed)?;
        Ok([Some(whole), of_route])
    }

    /// Whether a client may write by the Session API once more. Ending a session is not counted:
    /// nobody is kept from logging out.
    fn check_writes(
        &self,
        exchange: &Exchange,
        passage: &Passage,
        placed: &Placed,
    ) -> Result<(), (Cause, ApiError)> {
        let method = &exchange.req_header().method;
        if !matches!(*method, Method::POST | Method::PATCH) {
            return Ok(());
        }
        let route = session_api::route(&placed.admitted, &placed.account);
        if !matches!(route, Some(ApiRoute::Session | ApiRoute::SessionOf(_))) {
            return Ok(());
        }
        let writes = &passage.running.quotas.writes;
        let taken = writes.take(placed.admitted.client, self.shared.flow.now());
        // Whole seconds are what `Retry-After` can say (RFC 9110 §10.2.3).
        taken.map_err(|wait| {
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let wait = Duration::from_secs(secs);
            (Cause::ApiWrites, ApiError::WritesLimited { wait })
        })
    }

    /// Whether a request carries a cookie with the name of the account's session. It is not asked
    /// whether the session lives: that costs what there is too little of.
    fn has_session(&self, exchange: &Exchange, placed: &Placed) -> bool {
        let name = &placed
            .account
            .cookies
            .of(self.entrance.insecure_cookies)
            .session;
        let lines = exchange.req_header().headers.get_all(COOKIE).iter();
        let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        pairs.any(|pair| {
            let value = pair.trim_ascii_start().strip_prefix(name.as_bytes());
            value.is_some_and(|value| value.starts_with(b"="))
        })
    }
}
