//! A request on its way: decided about, answered or let go on, and recorded.

use bytes::Bytes;
use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, IF_NONE_MATCH, ORIGIN,
    SET_COOKIE, VARY,
};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session as Exchange;

use super::kept::Kept;
use super::running::Placed;
use super::{Answer, Edge, Passage, response};
use crate::browser;
use crate::domain::headers::SEGMENT_KEY;
use crate::domain::request::RequestView;
use crate::domain::request::watch::Part;

/// Where backends find the keys of signed contexts (contract §9).
const JWKS_PATH: &str = "/_session/jwks.json";

impl Edge {
    pub(super) async fn decide(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        placed: Placed,
    ) -> Result<bool> {
        let flow = &self.shared.flow;
        let deciding = placed.begin(Part::Decide);
        let within = placed.named_within(deciding.as_ref());
        let head = exchange.req_header();
        let view = self.view(head, passage, &placed.admitted);
        let said = passage.before.as_ref().and_then(Kept::said);
        let again = said.and_then(|said| flow.again(&placed.account, &view, said));
        let decision = if let Some(decision) = again {
            decision
        } else {
            let request = RequestView {
                trace: Some(match &within {
                    Some(within) => within,
                    None => placed.trace(&head.headers, || flow.random()),
                }),
                ..view
            };
            let admit = || {
                let visits = &passage.running.quotas.visits;
                visits.admits(placed.admitted.client, flow.now())
            };
            flow.decide(&placed.account, &request, &admit).await
        };
        passage.decided = passage.started.elapsed();
        self.shared.telemetry.decided(passage.decided);
        if let Some(deciding) = deciding {
            deciding.end(decision.verdict.label());
        }
        let answer = Answer::of(&decision, &view);
        passage.placed = Some(placed);
        passage.decision = Some(decision);
        let Some(answer) = answer else {
            return Ok(false);
        };
        self.send(exchange, passage, answer).await?;
        Ok(true)
    }

    /// Sends an answer of our own; the session cookie leaves with it like with any other.
    pub(super) async fn send(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        answer: Answer,
    ) -> Result<()> {
        let (mut response, body) = answer.into_response()?;
        tell_origin(exchange, passage, &mut response)?;
        self.leave(&mut response, passage).await?;
        write(exchange, response, body).await
    }

    /// Cookies and cache rules of a final response.
    pub(super) async fn leave(
        &self,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        self.entrance.promise(response)?;
        passage.status = response.status.as_u16();
        let interim = response.status.is_informational() && response.status.as_u16() != 101;
        let Some(decision) = passage
            .decision
            .as_mut()
            .filter(|_| !passage.left && !interim)
        else {
            return Ok(());
        };
        passage.left = true;
        let settings = self.cookies(decision).clone();
        let required = passage
            .placed
            .as_ref()
            .is_some_and(|placed| placed.required);
        let placed = passage.placed.as_ref();
        let leaving = placed.and_then(|placed| placed.begin(Part::Leave));
        let plan = response::plan(&self.shared.flow, decision, &settings, response, required).await;
        if let Some(leaving) = leaving {
            let issued = plan.token.is_some();
            leaving.end(if issued { "issued" } else { "not_due" });
        }
        if let Some(value) = plan.cache_control {
            response::guard(response, &value)?;
        }
        for line in plan.set_cookies {
            response.append_header(SET_COOKIE, line)?;
        }
        Ok(())
    }

    /// Removes what an upstream may not say: names of ours, and cookies of ours.
    pub(super) fn strip_response(&self, response: &mut ResponseHeader, passage: &Passage) {
        let owned = &passage.running.owned;
        let ours: Vec<_> = response
            .headers
            .keys()
            .filter(|name| owned.owns(name.as_str()))
            .cloned()
            .collect();
        for name in ours {
            response.remove_header(&name);
        }
        if let Some(decision) = &passage.decision {
            let dropped = response::drop_own_cookies(response, self.cookies(decision));
            if dropped > 0 {
                self.shared.telemetry.own_cookie_dropped(dropped);
            }
        }
    }
}

/// Writes an answer of our own, whole.
pub(super) async fn write(
    exchange: &mut Exchange,
    head: ResponseHeader,
    body: Bytes,
) -> Result<()> {
    let ends = exchange.req_header().method == Method::HEAD || body.is_empty();
    exchange.write_response_header(Box::new(head), ends).await?;
    if !ends {
        exchange.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// Lets a page of an origin that the account names read an answer of ours: without that, its script
/// could not tell an ended session from a broken network (lifetime law, vector 31).
fn tell_origin(
    exchange: &Exchange,
    passage: &Passage,
    response: &mut ResponseHeader,
) -> Result<()> {
    let (Some(decision), Some(origin)) =
        (&passage.decision, exchange.req_header().headers.get(ORIGIN))
    else {
        return Ok(());
    };
    let named = origin.to_str().unwrap_or_default();
    if decision.account.api.origins.contains(named) {
        response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())?;
        response.insert_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")?;
        response.append_header(VARY, "Origin")?;
    }
    Ok(())
}

/// What we serve ourselves below an account's root path.
pub(super) fn own_resource(exchange: &Exchange, placed: &Placed) -> Option<Answer> {
    let below = placed.admitted.path.below(&placed.account.root_path)?;
    let head = exchange.req_header();
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    match below {
        JWKS_PATH => Some(Answer::jwks(&placed.account.keys.public_jwks())),
        browser::KEEPALIVE_PATH => {
            let script = browser::keepalive();
            let known = head.headers.get_all(IF_NONE_MATCH).iter();
            let known = known
                .filter_map(|line| line.to_str().ok())
                .any(|line| script.is_in(line));
            Some(Answer::script(script, known))
        }
        _ => None,
    }
}

/// Tells a CDN in front which segment an answer is for, where the account wants it.
pub(super) fn echo_segment_key(response: &mut ResponseHeader, passage: &Passage) -> Result<()> {
    let Some(decision) = passage
        .decision
        .as_ref()
        .filter(|one| one.account.echo_segment_key)
    else {
        return Ok(());
    };
    let mut headers = decision.injection.plans.headers.iter();
    match headers.find(|(name, _)| *name == SEGMENT_KEY) {
        Some((name, value)) => response.insert_header(name.clone(), value.clone()),
        None => Ok(()),
    }
}
