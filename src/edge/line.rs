//! A client's connection that is not waited for without end: for a head, for a body, for a client to
//! take its answer.
//!
//! pingora 0.9 sets a limit to each read, which a client that sends a byte now and then never meets;
//! it reads a head of up to a megabyte; and it sets none to writes of heads. Here, below it, every
//! byte passes. Nothing is measured while nobody waits: a request that comes whole costs no look at
//! the clock. See `docs/decisions/0027-limits-and-load.md`.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::pace::{Pace, Stage};
use crate::domain::patience::Patience;
use crate::telemetry::Cause;

mod parting;

use parting::Parting;

/// How a connection of HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long it is waited for.
    pub(super) patience: Patience,
    /// Bytes of a head.
    pub(super) head_bytes: usize,
}

/// A client's connection with an end to all waiting.
pub(super) struct Line {
    stream: Stream,
    pace: Arc<Pace>,
    digest: Arc<ProxyDigest>,
    bounds: Bounds,
    opened: Instant,
    coming: Coming,
    reading: Alarm,
    /// Since when an answer lies ready that nobody takes.
    untaken: Option<Instant>,
    writing: Alarm,
    parting: Option<Parting>,
}

/// What came in the stage that a connection is in.
#[derive(Debug, Default)]
struct Coming {
    turn: u32,
    bytes: usize,
    /// How long it was waited in all, the wait under way left out.
    waited: Duration,
    /// Since when it is waited now.
    since: Option<Instant>,
}

impl Coming {
    fn came(&mut self, bytes: usize) {
        self.bytes += bytes;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = f.debug_struct("Line");
        line.field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Line {
    /// A connection that has just begun, and what is told about it.
    pub(super) fn over(stream: Stream, bounds: Bounds) -> pingora::Result<(Self, Arc<Pace>)> {
        let pace = Arc::new(Pace::default());
        if matches!(stream.selected_alpn_proto(), Some(ALPN::H2)) {
            pace.share();
        }
        let told = Box::new(Arc::clone(&pace));
        // Nobody asked a proxy on the way; it is what pingora takes along to the requests.
        let unasked = Box::new(ResponseHeader::build(200, Some(0))?);
        let line = Self {
            stream,
            pace: Arc::clone(&pace),
            digest: Arc::new(ProxyDigest::new(unasked, Some(told))),
            bounds,
            opened: Instant::now(),
            coming: Coming::default(),
            reading: Alarm::default(),
            untaken: None,
            writing: Alarm::default(),
            parting: None,
        };
        Ok((line, pace))
    }

    /// Nothing came: whether it is waited on.
    fn wait(&mut self, stage: Stage, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some((until, cause)) = self.until(stage) else {
                return Poll::Pending;
            };
            ready!(self.reading.poll(context, until));
            // An HTTP/2 client that owes nothing may be silent for as long as pingora lets it idle.
            if cause == Some(Cause::SlowBody) && self.pace.is_shared() && !self.pace.owes() {
                self.coming.since = None;
                continue;
            }
            return self.give_up(cause, context);
        }
    }

    /// Until when more is waited for, and what it is called if it does not come.
    fn until(&mut self, stage: Stage) -> Option<(Instant, Option<Cause>)> {
        let patience = &self.bounds.patience;
        if self.pace.is_shared() {
            if self.coming.bytes < PREFACE.len() {
                return Some((self.opened + patience.head, Some(Cause::SlowHead)));
            }
            let since = *self.coming.since.get_or_insert_with(Instant::now);
            return Some((since + patience.body, Some(Cause::SlowBody)));
        }
        let Coming {
            turn,
            bytes,
            waited,
            since,
        } = &mut self.coming;
        match stage {
            Stage::Nothing => None,
            // Between two requests pingora waits no longer than it was told to.
            Stage::Head if *bytes == 0 => {
                (*turn == 0).then_some((self.opened + patience.idle, None))
            }
            Stage::Head => {
                let since = *since.get_or_insert_with(Instant::now);
                let left = patience.head.saturating_sub(*waited);
                Some((since + left, Some(Cause::SlowHead)))
            }
            Stage::Body => {
                let since = *since.get_or_insert_with(Instant::now);
                let bytes = u64::try_from(*bytes).unwrap_or(u64::MAX);
                let left = patience.body_left(bytes, *waited, Duration::ZERO);
                Some((since + left, Some(Cause::SlowBody)))
            }
        }
    }

    /// Nobody waits any more.
    fn give_up(&mut self, cause: Option<Cause>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(cause) = cause {
            self.pace.fail(cause);
        }
        match cause {
            // A request is under way, and whoever has it is to hear of it.
            Some(Cause::SlowBody) if !self.pace.is_shared() => {
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
            Some(Cause::SlowHead) if !self.pace.is_shared() => self.part(Parting::late(), context),
            _ => {
                self.pace.end();
                Poll::Pending
            }
        }
    }

    /// The last words on a connection without a request: from here on nothing is read for anybody.
    fn part(&mut self, parting: Parting, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.parting = Some(parting);
        self.go_on_parting(context)
    }

    fn go_on_parting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(parting) = &mut self.parting {
            ready!(parting.poll(&mut self.stream, context));
            self.pace.end();
        }
        Poll::Pending
    }

    /// An answer waits for its client: whether it is waited on.
    fn hold<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let since = *self.untaken.get_or_insert_with(Instant::now);
        let until = since + self.bounds.patience.answer;
        ready!(self.writing.poll(context, until));
        self.pace.fail(Cause::SlowAnswer);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    fn sent<T>(
        &mut self,
        sent: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            return self.hold(context);
        }
        self.untaken = None;
        sent
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        if line.parting.is_some() {
            return line.go_on_parting(context);
        }
        let (turn, stage) = line.pace.stage();
        if turn != line.coming.turn {
            line.coming = Coming {
                turn,
                ..Coming::default()
            };
        }
        // Whoever asks for more has no whole head yet.
        let large = stage == Stage::Head && line.coming.bytes > line.bounds.head_bytes;
        if large && !line.pace.is_shared() {
            line.pace.fail(Cause::LargeHead);
            return line.part(Parting::large(), context);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut line.stream).poll_read(context, buffer) {
            Poll::Pending => line.wait(stage, context),
            Poll::Ready(read) => {
                line.coming.came(buffer.filled().len() - before);
                Poll::Ready(read)
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        let sent = Pin::new(&mut line.stream).poll_write(context, bytes);
        line.sent(sent, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        let sent = Pin::new(&mut line.stream).poll_write_vectored(context, slices);
        line.sent(sent, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        let sent = Pin::new(&mut line.stream).poll_flush(context);
        line.sent(sent, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        let sent = Pin::new(&mut line.stream).poll_shutdown(context);
        line.sent(sent, context)
    }
}

#[async_trait]
impl Shutdown for Line {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Line {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Line {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Line {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Line {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

impl GetSocketDigest for Line {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Line {
    /// Waits for as many bytes as there is room for; a client that sends fewer is left after a while.
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let idle = self.bounds.patience.idle;
        let peeked = tokio::time::timeout(idle, self.stream.try_peek(buffer)).await;
        let peeked = peeked.map_err(|_| ErrorKind::TimedOut)??;
        // pingora takes it for HTTP/2 too where it cannot look.
        if !peeked || buffer == PREFACE {
            self.pace.share();
        }
        Ok(peeked)
    }
}

/// A clock that rings where somebody waits for too long. It is made for who waits, and set as seldom
/// as can be: one that rings too early is set anew.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    fn poll(&mut self, context: &mut Context<'_>, until: Instant) -> Poll<()> {
        let new = || Box::pin(tokio::time::sleep_until(until));
        let sleep = self.0.get_or_insert_with(new);
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(context));
        if sleep.deadline() < until {
            sleep.as_mut().reset(until);
            return sleep.as_mut().poll(context);
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
