//! The Session API on pingora: bodies are read within their limit, answers are written as they are.

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session as Exchange;
use tokio::time::Instant;

use super::passing::write;
use super::running::Placed;
use super::{Admitted, Edge, Passage};
use crate::account::Account;
use crate::api::{Answered, Call, SessionApi};
use crate::domain::api::ApiRoute;
use crate::domain::request::RequestView;
use crate::domain::request::watch::Part;

/// The resource of the API that a request is for, where the account answers it.
pub fn route<'a>(admitted: &'a Admitted, account: &Account) -> Option<ApiRoute<'a>> {
    let below = admitted.path.below(&account.root_path)?;
    // Pages keep sessions alive whether or not anybody may read them.
    ApiRoute::read(below).filter(|route| account.api.enabled || *route == ApiRoute::KeepAlive)
}

impl Edge {
    /// Answers a call of the API.
    pub(super) async fn call(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        asked: (ApiRoute<'_>, &Placed),
    ) -> Result<()> {
        if let Some(response) = self.answer_again(exchange, passage, asked) {
            let began = passage.started;
            return self
                .answer(exchange, passage, (asked.0, began), response)
                .await;
        }
        // Boxed, so that pages do not carry its room.
        Box::pin(self.answer_call(exchange, passage, asked)).await
    }

    /// The answer to a page's script that asks again what it asked before.
    fn answer_again(
        &self,
        exchange: &Exchange,
        passage: &Passage,
        (route, placed): (ApiRoute<'_>, &Placed),
    ) -> Option<Response<Bytes>> {
        let said = passage.before.as_ref()?.said()?;
        let head = exchange.req_header();
        // A body would have to be read first.
        let bare = ![CONTENT_LENGTH, TRANSFER_ENCODING]
            .iter()
            .any(|name| head.headers.contains_key(name));
        let request = self.view(head, passage, &placed.admitted);
        bare.then(|| self.api(placed).answer_again(route, &request, said))?
    }

    async fn answer_call(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        (route, placed): (ApiRoute<'_>, &Placed),
    ) -> Result<()> {
        let began = Instant::now();
        let running = passage.running.clone();
        let body_limit = running.limits.api_body_bytes;
        let body = read_body(exchange, body_limit).await?;
        if body.is_some() {
            passage.received(exchange);
        }
        if body.is_none() {
            // The rest of the body is not waited for.
            exchange.set_keepalive(None);
        }
        let deciding = placed.begin(Part::Decide);
        let within = placed.named_within(deciding.as_ref());
        let head = exchange.req_header();
        let random = || self.shared.flow.random();
        let request = RequestView {
            trace: Some(match &within {
                Some(within) => within,
                None => placed.trace(&head.headers, random),
            }),
            ..self.view(head, passage, &placed.admitted)
        };
        let call = Call {
            route,
            request,
            body: body.as_ref(),
            body_limit,
        };
        let now = self.shared.flow.now();
        let admit = || running.quotas.visits.admits(placed.admitted.client, now);
        let Answered { response, decision } = self.api(placed).answer(call, &admit).await;
        if let Some(deciding) = deciding {
            let done = response.status().is_success();
            deciding.end(if done { "answered" } else { "refused" });
        }
        passage.decision = decision;
        self.answer(exchange, passage, (route, began), response)
            .await
    }

    fn api<'a>(&'a self, placed: &'a Placed) -> SessionApi<'a> {
        SessionApi {
            flow: &self.shared.flow,
            account: &placed.account,
        }
    }

    /// Tells of an answer, and writes it.
    async fn answer(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
        (route, began): (ApiRoute<'_>, Instant),
        response: Response<Bytes>,
    ) -> Result<()> {
        let status = response.status().as_u16();
        let method = exchange.req_header().method.as_str();
        let took = began.elapsed();
        self.shared.telemetry.decided(took);
        passage.decided = took;
        self.shared.telemetry.called(method, route.masked(), status);
        passage.resource = Some(route.masked());
        // The answer holds its cookies already.
        (passage.left, passage.status) = (true, status);
        let (head, body) = response.into_parts();
        let mut head = ResponseHeader::from(head);
        self.entrance.promise(&mut head)?;
        write(exchange, head, body).await
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
