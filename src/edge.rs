//! The edge: pingora's phases on one side, the flow on the other. Nothing is decided here.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::proxy::{FailToProxy, ProxyHttp, Session as Exchange};

use crate::domain::cookies::CookieSettings;
use crate::domain::request::{RequestView, mask_path};
use crate::flow::{Decision, Flow};
use crate::telemetry::{Cause, Telemetry};

mod answer;
pub mod door;
mod entrance;
mod ingress;
mod kept;
mod line;
pub mod load;
mod outgoing;
mod pace;
mod passage;
mod passing;
pub mod quotas;
mod record;
mod response;
pub mod running;
pub mod session_api;
mod shedding;
pub mod tls;
mod tries;
pub mod upstream;
mod watching;

pub use answer::Answer;
pub use entrance::Entrance;
pub use ingress::{Admitted, IngressError, Peer, Reading, read};
pub use passage::Passage;
pub use running::{Hosts, Running};
pub use watching::Tracing;

use pace::Pace;

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
    /// Whether clients are to come by another connection, because this process ends.
    leaving: Arc<AtomicBool>,
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
    pub fn at(shared: Arc<Shared>, entrance: Entrance) -> Self {
        Self {
            shared,
            entrance,
            leaving: Arc::default(),
        }
    }

    /// The same, for a process that tells by this when it ends.
    #[must_use]
    pub fn leaving(self, leaving: Arc<AtomicBool>) -> Self {
        Self { leaving, ..self }
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
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
    // Boxed, because pingora moves it from one future to the next, which each hold room for it.
    type CTX = Box<Passage>;

    fn new_ctx(&self) -> Box<Passage> {
        Box::new(Passage::new(self.shared.running.load_full()))
    }

    fn on_connection_reuse(
        &self,
        _: &mut Exchange,
        passage: &mut Box<Passage>,
        before: Box<dyn Any + Send + Sync>,
    ) {
        passage.before = before.downcast().ok().map(|kept| *kept);
    }

    fn persist_connection_context(
        &self,
        exchange: &Exchange,
        passage: &Box<Passage>,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        let kept = self.keep(exchange.req_header(), passage)?;
        Some(Box::new(kept))
    }

    async fn early_request_filter(
        &self,
        exchange: &mut Exchange,
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        // pingora keeps idle HTTP/1.1 clients for ever unless told otherwise.
        let patience = &passage.running.limits.patience;
        let idle = patience.idle.as_secs().max(1);
        exchange.set_keepalive((!self.is_leaving()).then_some(idle));
        if exchange.is_http2() {
            // Whoever opens no window for an answer (RFC 9113 §5.2) is not seen at the socket.
            exchange.set_write_timeout(Some(patience.answer));
        }
        passage.owes = !exchange.downstream_session.is_body_done();
        if let Some(pace) = Pace::of(exchange) {
            pace.begun(passage.owes);
        }
        Ok(())
    }

    /// Reads the request strictly, decides, and answers what does not go on.
    async fn request_filter(
        &self,
        exchange: &mut Exchange,
        passage: &mut Box<Passage>,
    ) -> Result<bool> {
        match self.admit(exchange, passage) {
            Ok(mut placed) => {
                if let Some(answer) = self.turn_away(exchange, passage, &placed) {
                    self.send(exchange, passage, answer).await?;
                    return Ok(true);
                }
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
        passage: &mut Box<Passage>,
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
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        let random = || self.shared.flow.random();
        outgoing::prepare(exchange.req_header(), upstream, passage, random)
    }

    async fn request_body_filter(
        &self,
        exchange: &mut Exchange,
        _: &mut Option<Bytes>,
        ends: bool,
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        if ends {
            passage.received(exchange);
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        exchange: &mut Exchange,
        response: &mut ResponseHeader,
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            // From here on it is a connection, and counted as one.
            passage.within = [None, None];
        }
        tries::answered(exchange, passage, response.status)
    }

    async fn response_filter(
        &self,
        exchange: &mut Exchange,
        response: &mut ResponseHeader,
        passage: &mut Box<Passage>,
    ) -> Result<()> {
        if self.is_leaving() && response.status != StatusCode::SWITCHING_PROTOCOLS {
            exchange.set_keepalive(None);
        }
        self.strip_response(response, passage);
        passing::echo_segment_key(response, passage)?;
        self.leave(response, passage).await
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Exchange,
        trailers: &mut http::HeaderMap,
        passage: &mut Box<Passage>,
    ) -> Result<Option<Bytes>> {
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
        passage: &mut Box<Passage>,
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
        passage: &mut Box<Passage>,
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
        passage: &mut Box<Passage>,
    ) -> FailToProxy {
        let status = match Pace::of(exchange).and_then(Pace::fault) {
            Some(Cause::SlowBody) => 408,
            _ => response::failure_status(error),
        };
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
    fn request_summary(&self, exchange: &Exchange, _: &Box<Passage>) -> String {
        let head = exchange.req_header();
        format!("{} {}", head.method, mask_path(head.uri.path()))
    }

    /// What is counted as shed is not told of once more, line by line.
    fn suppress_error_log(&self, exchange: &Exchange, _: &Box<Passage>, _: &Error) -> bool {
        Pace::of(exchange).and_then(Pace::fault).is_some()
    }

    async fn logging(
        &self,
        exchange: &mut Exchange,
        error: Option<&Error>,
        passage: &mut Box<Passage>,
    ) {
        self.record(exchange, error, passage);
    }
}
