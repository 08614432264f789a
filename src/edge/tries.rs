//! The tries of one request: which server it goes to, and what follows when it fails there.

use std::net::SocketAddr;

use http::StatusCode;
use pingora::prelude::{Error, ErrorType, HttpPeer};
use pingora::proxy::Session as Exchange;
use pingora::{ErrorSource, Result};

use super::Passage;
use super::running::Placed;
use super::upstream::{Taken, Wish};
use crate::domain::request::watch::{Part, Watched};

/// What was tried for a request.
#[derive(Debug)]
pub(super) struct Tries {
    /// The turn of the first try.
    turn: usize,
    /// Servers that would not take it.
    met: Vec<SocketAddr>,
    /// How often it was repeated because of an answer.
    repeated: u8,
    /// Where it is now.
    taken: Option<Taken>,
    /// How often a server was chosen.
    count: u32,
    /// The try that is under way, where the request is watched.
    watched: Option<Watched>,
}

impl Tries {
    pub(super) const fn new(turn: usize) -> Self {
        Self {
            turn,
            met: Vec::new(),
            repeated: 0,
            taken: None,
            count: 0,
            watched: None,
        }
    }

    /// How many there were.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// The one that is under way, where the request is watched.
    pub(super) const fn watched(&self) -> Option<&Watched> {
        self.watched.as_ref()
    }

    /// Where the request is, or was last.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.taken.as_ref().map(Taken::address)
    }

    /// The request is over, whatever is under way.
    pub(super) fn give_up(&mut self) {
        self.watched = None;
    }

    fn ended(&mut self, outcome: &'static str) {
        if let Some(watched) = self.watched.take() {
            watched.end(outcome);
        }
    }
}

/// Chooses a server for the next try.
pub(super) fn next_peer(exchange: &Exchange, passage: &mut Passage) -> Option<HttpPeer> {
    let session = passage.decision.as_ref();
    let session = session.and_then(|decision| decision.cookies.session.as_ref());
    let placed = passage.placed.as_mut()?;
    let tries = &mut placed.tries;
    let wish = Wish {
        turn: tries.turn.wrapping_add(tries.met.len()),
        session: session.map(|resident| resident.session().id.as_u128()),
        met: &tries.met,
    };
    // The one before is given back first: it is not under way there any more.
    tries.taken = None;
    let taken = placed.upstream.choose(&wish)?;
    let peer = taken.peer(exchange.is_upgrade_req());
    let address = taken.address();
    tries.taken = Some(taken);
    tries.count += 1;
    if placed.recording.is_some() {
        let upstream = placed.upstream.name().into();
        placed.tries.watched = placed.begin(Part::Upstream(upstream, address));
    }
    Some(peer)
}

/// Nothing was sent yet: another server of the upstream may take it.
pub(super) fn unconnected(passage: &mut Passage, error: &mut Error) {
    let Some(placed) = &mut passage.placed else {
        return;
    };
    let tries = &mut placed.tries;
    tries.ended("unconnected");
    if let Some(taken) = &tries.taken {
        let (upstream, server) = (placed.upstream.name(), taken.address());
        tracing::warn!(upstream, %server, error = %error, "A server cannot be reached.");
        placed.upstream.failed(taken);
        tries.met.push(taken.address());
    }
    error.set_retry(tries.met.len() < placed.upstream.known());
}

/// A server answered, well or not. An error is the way to another server: nothing of the answer has
/// left yet.
pub(super) fn answered(
    exchange: &mut Exchange,
    passage: &mut Passage,
    status: StatusCode,
) -> Result<()> {
    judge(passage, status);
    if let Some(error) = repeat(exchange, passage, status) {
        return Err(error);
    }
    if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
        let took = passage.started.elapsed();
        passage.head = Some(took);
        if let Some(placed) = &mut passage.placed {
            placed.tries.ended("answered");
            placed
                .upstream
                .answered(took.saturating_sub(passage.decided));
        }
    }
    Ok(())
}

/// The way to another server, where an answer asks for it and the request may take it.
fn repeat(
    exchange: &mut Exchange,
    passage: &mut Passage,
    status: StatusCode,
) -> Option<Box<Error>> {
    let away = matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    if !away || !exchange.req_header().method.is_safe() || !repeatable(exchange) {
        return None;
    }
    let Placed {
        upstream, tries, ..
    } = passage.placed.as_mut()?;
    tries.met.extend(tries.taken.as_ref().map(Taken::address));
    if !upstream.may_repeat(tries.repeated, &tries.met) {
        return None;
    }
    tries.repeated += 1;
    tries.ended("repeated");
    let mut error = Error::explain(
        ErrorType::HTTPStatus(status.as_u16()),
        "another server of the upstream is asked",
    );
    error.as_up();
    error.set_retry(true);
    Some(error)
}

fn judge(passage: &Passage, status: StatusCode) {
    let Some((placed, taken)) = current(passage) else {
        return;
    };
    if status.is_server_error() {
        placed.upstream.failed(taken);
    } else if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
        placed.upstream.succeeded(taken);
    }
}

/// A server took a request and did not answer it to the end. It is tried again only where that can
/// change nothing: an idempotent method (RFC 9110, section 9.2.2) without a body, over a kept
/// connection that its server had closed before any byte of an answer came.
pub(super) fn broken_off(
    exchange: &mut Exchange,
    passage: &mut Passage,
    error: &mut Error,
    reused: bool,
) {
    let told = matches!(error.etype(), ErrorType::HTTPStatus(_));
    // What happens to a kept connection says nothing about its server.
    if let Some((placed, taken)) = current(passage)
        && *error.esource() == ErrorSource::Upstream
        && !reused
        && !told
    {
        placed.upstream.failed(taken);
    }
    if let Some(placed) = &mut passage.placed {
        placed.tries.ended("broken_off");
    }
    if repeatable(exchange) {
        error.retry.decide_reuse(reused);
    } else {
        error.set_retry(false);
    }
}

/// Whether a request may be sent once more after it was received perhaps.
fn repeatable(exchange: &mut Exchange) -> bool {
    exchange.req_header().method.is_idempotent()
        && exchange.response_written().is_none()
        && !exchange.is_upgrade_req()
        && exchange.downstream_session.is_body_empty()
}

fn current(passage: &Passage) -> Option<(&Placed, &Taken)> {
    let placed = passage.placed.as_ref()?;
    Some((placed, placed.tries.taken.as_ref()?))
}
