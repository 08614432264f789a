//! The last words to a client whose head never came to its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Alarm;

/// How long a client may take to hear them.
const LONGEST: Duration = Duration::from_secs(2);
/// What a client may still send before it hears them, in bytes: with unread bytes left, closing
/// would take back what was written (RFC 9112 §9.6).
const LINGERED: usize = 4 << 20;

const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n";
const LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n";

/// What is said, and what is left to do.
#[derive(Debug)]
pub(super) struct Parting {
    words: &'static [u8],
    closed: bool,
    linger: usize,
    until: Instant,
    alarm: Alarm,
}

impl Parting {
    /// To a client whose head took too long.
    pub(super) fn late() -> Self {
        Self::of(LATE, 0)
    }

    /// To a client whose head is too large. It may be sending still.
    pub(super) fn large() -> Self {
        Self::of(LARGE, LINGERED)
    }

    fn of(words: &'static [u8], linger: usize) -> Self {
        Self {
            words,
            closed: false,
            linger,
            until: Instant::now() + LONGEST,
            alarm: Alarm::default(),
        }
    }

    /// Ready when the connection may be closed, heard or not.
    pub(super) fn poll(&mut self, stream: &mut Stream, context: &mut Context<'_>) -> Poll<()> {
        let said = self.say(stream, context);
        if said.is_ready() {
            return Poll::Ready(());
        }
        self.alarm.poll(context, self.until)
    }

    fn say(&mut self, stream: &mut Stream, context: &mut Context<'_>) -> Poll<()> {
        while !self.words.is_empty() {
            let sent = ready!(Pin::new(&mut *stream).poll_write(context, self.words));
            match sent.ok().and_then(|sent| self.words.get(sent..)) {
                Some(left) if left.len() < self.words.len() => self.words = left,
                _ => return Poll::Ready(()),
            }
        }
        if !self.closed {
            // Flushes too.
            if ready!(Pin::new(&mut *stream).poll_shutdown(context)).is_err() {
                return Poll::Ready(());
            }
            self.closed = true;
        }
        let mut thrown = [0; 4096];
        while self.linger > 0 {
            let mut thrown = ReadBuf::new(&mut thrown);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut thrown));
            let count = thrown.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            self.linger = self.linger.saturating_sub(count);
        }
        Poll::Ready(())
    }
}
