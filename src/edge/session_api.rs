//! The Session API on pingora: bodies are read within their limit, answers are written as they are.

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session as Exchange;
use tokio::time::Instant;

use super::running::Placed;
use super::{Admitted, Edge, Passage};
use crate::account::Account;
use crate::api::{Answered, Call, SessionApi};
use crate::domain::api::ApiRoute;
use crate::domain::request::RequestView;

/// The resource of the API that a request is for, where the account answers it.
pub fn route<'a>(admitted: &'a Admitted, account: &Account) -> Option<ApiRoute<'a>> {
    let below = admitted.path.below(&account.root_path)?;
    ApiRoute::read(below).filter(|_| account.api.enabled)
}

impl Edge {
    /// Answers a call of the API.
    pub(super) async fn answer_call(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        (admitted, route): (&Admitted, ApiRoute<'_>),
        placed: Placed,
    ) -> Result<()> {
        let began = Instant::now();
        let running = passage.running.clone();
        let body_limit = running.limits.api_body_bytes;
        let body = read_body(exchange, body_limit).await?;
        if body.is_none() {
            // The rest of the body is not waited for.
            exchange.set_keepalive(None);
        }
        let view = admitted.view(exchange.req_header(), passage.secure, self.insecure_cookies);
        let request = RequestView {
            trace: Some(&placed.trace),
            ..view
        };
        let api = SessionApi {
            flow: &self.shared.flow,
            account: &placed.account,
        };
        let call = Call {
            route,
            request,
            body: body.as_ref(),
            body_limit,
        };
        let admit = || running.visitors.admit(admitted.client);
        let Answered { response, decision } = api.answer(call, &admit).await;
        let status = response.status().as_u16();
        self.shared.telemetry.decided(began.elapsed());
        self.shared
            .telemetry
            .called(request.method, route.masked(), status);
        passage.placed = Some(placed);
        passage.decision = decision;
        // The answer holds its cookies already.
        (passage.left, passage.status) = (true, status);
        let head_only = exchange.req_header().method == Method::HEAD;
        let (head, body) = response.into_parts();
        let ends = head_only || body.is_empty();
        exchange
            .write_response_header(Box::new(ResponseHeader::from(head)), ends)
            .await?;
        if !ends {
            exchange.write_response_body(Some(body), true).await?;
        }
        Ok(())
    }
}

/// Reads a body to its end; `None` where it is larger than `limit`.
async fn read_body(exchange: &mut Exchange, limit: usize) -> Result<Option<Bytes>> {
    let head = exchange.req_header();
    let said = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > limit) {
        return Ok(None);
    }
    if head.headers.contains_key(EXPECT) {
        let go_on = ResponseHeader::build(100, None)?;
        exchange
            .write_response_header(Box::new(go_on), false)
            .await?;
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = exchange.downstream_session.read_request_body().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}
