//! A connection that a client keeps: one request after the other, answers told apart by their length.

use std::sync::Arc;

use pingora::apps::ServerApp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{Mutex, watch};

use super::{Reply, Shop};

/// A kept connection to a shop.
#[derive(Debug)]
pub(crate) struct Kept {
    wire: Mutex<DuplexStream>,
    _running: watch::Sender<bool>,
}

impl Kept {
    pub(crate) fn to(shop: &Shop) -> Arc<Self> {
        let (wire, server) = tokio::io::duplex(1 << 20);
        let (running, ends) = watch::channel(false);
        let proxy = shop.proxy();
        tokio::spawn(async move { proxy.process_new(Box::new(server), &ends).await });
        Arc::new(Self {
            wire: Mutex::new(wire),
            _running: running,
        })
    }

    pub(crate) async fn exchange(&self, request: &[u8]) -> Reply {
        let mut wire = self.wire.lock().await;
        exchange(&mut *wire, request).await
    }
}

/// Sends a request over a connection and reads the whole answer; the connection stays open.
pub(crate) async fn exchange(
    wire: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Reply {
    wire.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let read = wire.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "the connection was closed");
        if let Some(reply) = whole(&answer) {
            return reply;
        }
    }
}

/// A reply, if all of it is there.
pub(crate) fn whole(answer: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut reply = Reply::parse(answer);
    if head.contains("HTTP/1.1 204") || head.contains("HTTP/1.1 304") {
        return Some(reply);
    }
    if let Some(length) = reply.header("content-length") {
        return (body.len() == length.parse::<usize>().unwrap()).then_some(reply);
    }
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    let (mut rest, mut content) = (body, String::new());
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).unwrap();
        let (chunk, after) = (after.get(..size)?, after.get(size + 2..)?);
        if size == 0 {
            reply.body = content;
            return Some(reply);
        }
        content.push_str(chunk);
        rest = after;
    }
}
