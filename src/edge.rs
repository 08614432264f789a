//! The edge: pingora's phases on one side, the flow on the other. Nothing is decided here.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::proxy::{FailToProxy, ProxyHttp, Session as Exchange};
use pingora::{ErrorSource, Result};
use tokio::time::Instant;

use crate::config::values::WITHOUT_ADDRESS;
use crate::domain::cookies::CookieSettings;
use crate::domain::request::{RequestView, mask_path};
use crate::flow::{Decision, Flow};
use crate::telemetry::Telemetry;

mod answer;
mod entrance;
mod ingress;
mod kept;
mod outgoing;
mod passing;
mod record;
mod response;
pub mod running;
pub mod session_api;
pub mod tls;
mod tries;
pub mod upstream;
pub mod visitors;
mod watching;

pub use answer::Answer;
pub use entrance::Entrance;
pub use ingress::{Admitted, IngressError, Peer, Reading, read};
pub use running::{Hosts, Running};
pub use watching::Tracing;

use kept::Kept;
use running::Placed;

/// What all listeners share.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force.
    pub running: ArcSwap<Running>,
    /// The way of a request.
    pub flow: Arc<Flow>,
    /// Metrics and logs.
    pub telemetry: Arc<Telemetry>,
}

/// The proxy on the listeners of one kind.
#[derive(Debug)]
pub struct Edge {
    shared: Arc<Shared>,
    entrance: Entrance,
}

/// One request on its way through.
#[derive(Debug)]
pub struct Passage {
    started: Instant,
    /// How long after that it was decided about, and the head of the store's answer came.
    decided: Duration,
    head: Option<Duration>,
    running: Arc<Running>,
    decision: Option<Decision>,
    placed: Option<Placed>,
    client: IpAddr,
    secure: bool,
    /// Whether cookies have left: a response after an error page must not send them twice.
    left: bool,
    status: u16,
    /// What of the Session API was asked for.
    resource: Option<&'static str>,
    refused: Option<&'static str>,
    /// What the request before on this connection left.
    before: Option<Kept>,
}

impl Edge {
    /// A proxy over the shared state, on plain HTTP.
    pub fn new(shared: Arc<Shared>, insecure_cookies: bool) -> Self {
        let entrance = Entrance {
            insecure_cookies,
            ..Entrance::default()
        };
        Self::at(shared, entrance)
    }

    /// A proxy over the shared state, on listeners of this kind.
    pub const fn at(shared: Arc<Shared>, entrance: Entrance) -> Self {
        Self { shared, entrance }
    }

    /// The request as the flow sees it.
    fn view<'a>(
        &self,
        head: &'a RequestHeader,
        passage: &Passage,
        admitted: &'a Admitted,
    ) -> RequestView<'a> {
        admitted.view(head, passage.secure, self.entrance.insecure_cookies)
    }

    fn cookies<'a>(&self, decision: &'a Decision) -> &'a CookieSettings {
        decision.account.cookies.of(self.entrance.insecure_cookies)
    }
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Passage;

    fn new_ctx(&self) -> Passage {
        Passage {
            started: Instant::now(),
            decided: Duration::ZERO,
            head: None,
            running: self.shared.running.load_full(),
            decision: None,
            placed: None,
            client: WITHOUT_ADDRESS,
            secure: false,
            left: false,
            status: 0,
            resource: None,
            refused: None,
            before: None,
        }
    }

    fn on_connection_reuse(
        &self,
        _: &mut Exchange,
        passage: &mut Passage,
        before: Box<dyn Any + Send + Sync>,
    ) {
        passage.before = before.downcast().ok().map(|kept| *kept);
    }

    fn persist_connection_context(
        &self,
        exchange: &Exchange,
        passage: &Passage,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        let kept = self.keep(exchange.req_header(), passage)?;
        Some(Box::new(kept))
    }

    async fn early_request_filter(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
    ) -> Result<()> {
        // pingora keeps idle HTTP/1.1 clients for ever unless told otherwise.
        let idle = passage.running.limits.idle_timeout.as_secs().max(1);
        exchange.set_keepalive(Some(idle));
        Ok(())
    }

    /// Reads the request strictly, decides, and answers what does not go on.
    async fn request_filter(&self, exchange: &mut Exchange, passage: &mut Passage) -> Result<bool> {
        match self.admit(exchange, passage) {
            Ok(mut placed) => {
                if let Some(answer) = self.entrance.elsewhere(exchange.req_header(), &placed) {
                    passage.placed = Some(placed);
                    self.send(exchange, passage, answer).await?;
                    return Ok(true);
                }
                self.watch(exchange.req_header(), passage, &mut placed);
                if let Some(route) = session_api::route(&placed.admitted, &placed.account) {
                    let called = self.call(exchange, passage, (route, &placed)).await;
                    passage.placed = Some(placed);
                    return called.map(|()| true);
                }
                if let Some(answer) = passing::own_resource(exchange, &placed) {
                    passage.placed = Some(placed);
                    self.send(exchange, passage, answer).await?;
                    return Ok(true);
                }
                self.decide(exchange, passage, placed).await
            }
            Err(error) => {
                passage.refused = Some(error.label());
                // What could not be read whole may hide another request behind it.
                exchange.set_keepalive(None);
                self.send(exchange, passage, Answer::refusal(&error))
                    .await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(
        &self,
        exchange: &mut Exchange,
        passage: &mut Passage,
    ) -> Result<Box<HttpPeer>> {
        let peer = tries::next_peer(exchange, passage);
        peer.map(Box::new).ok_or_else(|| {
            Error::explain(
                ErrorType::HTTPStatus(502),
                "no address of the upstream is known",
            )
        })
    }

    /// Runs once a try, on a copy: everything is set, nothing is added.
    async fn upstream_request_filter(
        &self,
        exchange: &mut Exchange,
        upstream: &mut RequestHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        let random = || self.shared.flow.random();
        outgoing::prepare(exchange.req_header(), upstream, passage, random)
    }

    async fn upstream_response_filter(
        &self,
        exchange: &mut Exchange,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        tries::answered(exchange, passage, response.status)
    }

    async fn response_filter(
        &self,
        _: &mut Exchange,
        response: &mut ResponseHeader,
        passage: &mut Passage,
    ) -> Result<()> {
        self.strip_response(response, passage);
        passing::echo_segment_key(response, passage)?;
        self.leave(response, passage).await
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Exchange,
        trailers: &mut http::HeaderMap,
        passage: &mut Passage,
    ) -> Result<Option<bytes::Bytes>> {
        let owned = &passage.running.owned;
        let ours: Vec<_> = trailers
            .keys()
            .filter(|name| owned.owns(name.as_str()))
            .cloned()
            .collect();
        for name in ours {
            trailers.remove(name);
        }
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _: &mut Exchange,
        _: &HttpPeer,
        passage: &mut Passage,
        mut error: Box<Error>,
    ) -> Box<Error> {
        tries::unconnected(passage, &mut error);
        error
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        exchange: &mut Exchange,
        error: Box<Error>,
        passage: &mut Passage,
        reused: bool,
    ) -> Box<Error> {
        let mut error = error.more_context(format!("Peer: {peer}"));
        tries::broken_off(exchange, passage, &mut error, reused);
        error
    }

    async fn fail_to_proxy(
        &self,
        exchange: &mut Exchange,
        error: &Error,
        passage: &mut Passage,
    ) -> FailToProxy {
        let status = failure_status(error);
        // A response that has begun, or a client that is gone, can be told nothing.
        if status > 0 && exchange.response_written().is_none() {
            exchange.set_keepalive(None);
            let answer = Answer::failure(status);
            if let Err(error) = self.send(exchange, passage, answer).await {
                tracing::debug!(%error, "An error page could not be sent.");
            }
        }
        FailToProxy {
            error_code: status,
            can_reuse_downstream: false,
        }
    }

    /// pingora's own words about a request: never its query, in which e-mails and tokens may stand.
    fn request_summary(&self, exchange: &Exchange, _: &Passage) -> String {
        let head = exchange.req_header();
        format!("{} {}", head.method, mask_path(head.uri.path()))
    }

    async fn logging(&self, exchange: &mut Exchange, error: Option<&Error>, passage: &mut Passage) {
        self.record(exchange, error, passage);
    }
}

/// The status that a failure is answered with; 0 where nobody is left to answer.
fn failure_status(error: &Error) -> u16 {
    match error.etype() {
        ErrorType::HTTPStatus(status) => *status,
        ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout
            if *error.esource() == ErrorSource::Upstream =>
        {
            504
        }
        ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed
            if *error.esource() == ErrorSource::Downstream =>
        {
            0
        }
        _ => match error.esource() {
            ErrorSource::Upstream => 502,
            ErrorSource::Downstream => 400,
            ErrorSource::Internal | ErrorSource::Unset => 500,
        },
    }
}
