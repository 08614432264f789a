//! What is known of one request while it passes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora::proxy::Session as Exchange;
use tokio::time::Instant;

use super::kept::Kept;
use super::load::Within;
use super::pace::Pace;
use super::running::{Placed, Running};
use crate::config::values::WITHOUT_ADDRESS;
use crate::flow::Decision;
use crate::telemetry::Cause;

/// One request on its way through.
#[derive(Debug)]
pub struct Passage {
    pub(super) started: Instant,
    /// How long after that it was decided about, and the head of the store's answer came.
    pub(super) decided: Duration,
    pub(super) head: Option<Duration>,
    pub(super) running: Arc<Running>,
    pub(super) decision: Option<Decision>,
    pub(super) placed: Option<Placed>,
    pub(super) client: IpAddr,
    pub(super) secure: bool,
    /// Whether cookies have left: a response after an error page must not send them twice.
    pub(super) left: bool,
    pub(super) status: u16,
    /// What of the Session API was asked for.
    pub(super) resource: Option<&'static str>,
    pub(super) refused: Option<&'static str>,
    /// Why it was turned away to keep room.
    pub(super) shed: Option<Cause>,
    /// Where it is counted while it is under way: in all, and on its route.
    pub(super) within: [Option<Within>; 2],
    /// Whether its body has not come whole yet.
    pub(super) owes: bool,
    /// What the request before on this connection left.
    pub(super) before: Option<Kept>,
}

impl Passage {
    pub(super) fn new(running: Arc<Running>) -> Self {
        Self {
            started: Instant::now(),
            decided: Duration::ZERO,
            head: None,
            running,
            decision: None,
            placed: None,
            client: WITHOUT_ADDRESS,
            secure: false,
            left: false,
            status: 0,
            resource: None,
            refused: None,
            shed: None,
            within: [None, None],
            owes: false,
            before: None,
        }
    }

    /// The client owes nothing more of the body.
    pub(super) fn received(&mut self, exchange: &Exchange) {
        if std::mem::take(&mut self.owes)
            && let Some(pace) = Pace::of(exchange)
        {
            pace.received();
        }
    }
}
