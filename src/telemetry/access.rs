//! The access log: one line a request, of bounded fields.

use std::net::SocketAddr;
use std::time::Duration;

use super::Pseudonym;

/// One line of the access log. Nothing in it is as long as a client likes.
#[derive(Clone, Copy, Debug)]
pub struct AccessLine<'a> {
    /// The method; a rare one is `other`.
    pub method: &'static str,
    /// The path without its query, masked.
    pub path: &'a str,
    /// The route's pattern, or what of the Session API was asked for.
    pub route: Option<&'a str>,
    /// The status, 0 where nothing was answered.
    pub status: u16,
    /// The account, empty where none answers on the host.
    pub account: &'a str,
    /// What was decided, and how the session was found.
    pub decided: Option<[&'static str; 2]>,
    /// Why it was refused unread.
    pub refused: Option<&'static str>,
    /// The session.
    pub session: Option<Pseudonym>,
    /// The id under which the upstream knows the request, and its trace's.
    pub names: [&'a str; 2],
    /// How long it took.
    pub took: Took,
    /// Bytes of the body that came, and of the one that went.
    pub bytes: [usize; 2],
    /// Where it went.
    pub went: Option<Went<'a>>,
    /// Whether it ended with an error.
    pub failed: bool,
}

/// How long a request took, and parts of it.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// From its head to the end of its answer.
    pub whole: Duration,
    /// Up to the decision, where there was one.
    pub deciding: Option<Duration>,
    /// From there to the head of the store's answer, where that came.
    pub upstream: Option<Duration>,
}

/// Where a request went.
#[derive(Clone, Copy, Debug)]
pub struct Went<'a> {
    /// The upstream.
    pub upstream: &'a str,
    /// Its server, the last one where there were several.
    pub server: SocketAddr,
    /// How often a server was tried.
    pub tries: u32,
}

impl AccessLine<'_> {
    /// Whether anybody reads the log: a line that nobody reads is not made.
    pub fn wanted() -> bool {
        tracing::enabled!(target: "access", tracing::Level::INFO)
    }

    /// Writes it.
    pub fn write(&self) {
        let Self {
            method,
            path,
            route,
            status,
            account,
            decided,
            refused,
            session,
            names: [request_id, trace_id],
            took,
            bytes: [bytes_in, bytes_out],
            went,
            failed,
        } = *self;
        let (verdict, lookup) = decided.map_or((None, None), |[verdict, lookup]| {
            (Some(verdict), Some(lookup))
        });
        tracing::info!(
            target: "access",
            method,
            path,
            route,
            status,
            account,
            verdict,
            lookup,
            refused,
            session = session.map(tracing::field::display),
            request_id,
            trace_id,
            micros = micros(took.whole),
            decide_micros = took.deciding.map(micros),
            upstream_micros = took.upstream.map(micros),
            bytes_in,
            bytes_out,
            upstream = went.map(|went| went.upstream),
            server = went.map(|went| tracing::field::display(went.server)),
            tries = went.map(|went| went.tries),
            failed,
            "Request answered."
        );
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
