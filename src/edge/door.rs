//! The door of a listener: how many may be inside at once, and that nobody is waited for without end.
//! Behind it is the proxy.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;

use super::line::{Bounds, Line};
use super::pace::Pace;
use super::{Edge, Entrance, Shared};
use crate::config::values::Limits;

mod keeper;

pub use keeper::Keeper;

/// Streams that an HTTP/2 client may reset before we have seen them (CVE-2023-44487, rapid reset), and
/// those that it may have us reset (CVE-2025-8671, made you reset): past it the connection ends.
const RESETS: usize = 20;
const OWN_RESETS: usize = 100;
/// Streams that we have reset are remembered, so that what is still on its way to them is no error: so
/// many for so long.
const REMEMBERED: usize = 50;
const REMEMBERED_FOR: Duration = Duration::from_secs(1);
/// What of an answer may lie ready in memory, in bytes of each stream.
const SEND_BUFFER: usize = 128 << 10;

/// What listeners are that share a door: they differ in address and certificates alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What holds for all who come in.
    pub entrance: Entrance,
    /// Whether HTTP/2 is spoken without TLS.
    pub h2c: bool,
    /// Connections at once; none: no limit of its own.
    pub connections: Option<usize>,
}

/// The door of a listener, or of some that are alike.
pub struct Door {
    keeper: Arc<Keeper>,
    proxy: Arc<HttpProxy<Edge>>,
    tls: bool,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut door = f.debug_struct("Door");
        door.field("keeper", &self.keeper).finish_non_exhaustive()
    }
}

impl Door {
    /// A door with the proxy behind it. What is agreed on with HTTP/2 clients is that of now, whatever
    /// a reload brings. `leaving` becomes true when clients are to come by another connection.
    pub fn new(
        conf: &Arc<ServerConf>,
        shared: &Arc<Shared>,
        way: Way,
        leaving: Arc<AtomicBool>,
    ) -> Self {
        let limits = shared.running.load().limits;
        let mut options = HttpServerOptions::default();
        options.h2c = way.h2c;
        options.h2_idle_timeout = Some(limits.patience.idle);
        let tls = way.entrance.tls;
        let edge = Edge::at(Arc::clone(shared), way.entrance).leaving(leaving);
        let mut proxy = http_proxy(conf, edge);
        proxy.server_options = Some(options);
        proxy.h2_options = Some(http2_options(&limits));
        Self {
            keeper: Arc::new(Keeper::new(Arc::clone(shared), way.connections)),
            proxy: Arc::new(proxy),
            tls,
        }
    }

    /// Who says whether a connection may come in.
    pub fn keeper(&self) -> Arc<Keeper> {
        Arc::clone(&self.keeper)
    }

    /// Serves a connection until it ends, or has to be ended.
    async fn serve(&self, stream: Stream, shutdown: &ShutdownWatch) {
        let shared = self.keeper.shared();
        let limits = shared.running.load().limits;
        let bounds = Bounds {
            patience: limits.patience,
            head_bytes: limits.head_bytes,
        };
        let Ok((line, pace)) = Line::over(stream, bounds) else {
            return;
        };
        let mut served = self.proxy.process_new(Box::new(line), shutdown);
        poll_fn(|context| match served.as_mut().poll(context) {
            Poll::Pending if !pace.has_ended() => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        drop(served);
        if let Some(cause) = Pace::fault(&pace) {
            shared.running.load().load.shed(cause, shared.flow.now());
        }
    }
}

#[async_trait]
impl ServerApp for Door {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // Who comes by TLS is counted from before the handshake on.
        let _inside = if self.tls {
            None
        } else {
            let digest = stream.get_socket_digest();
            let peer = digest
                .as_ref()
                .and_then(|digest| digest.peer_addr()?.as_inet());
            Some(self.keeper.let_in(peer).ok()?)
        };
        self.serve(stream, shutdown).await;
        None
    }

    async fn cleanup(&self) {
        self.proxy.cleanup().await;
    }
}

/// Everything that bounds an HTTP/2 client, set here whatever the libraries' defaults are. Heads within
/// our limits are read, so that the same answer is given over both versions: there each line counts
/// 32 bytes more (RFC 9113 §10.5.1), and each cookie may be a line. It bounds CONTINUATION frames too
/// (CVE-2024-27316).
fn http2_options(limits: &Limits) -> H2Options {
    let bytes = limits.head_bytes * 2 + limits.header_count * 32;
    let mut options = default_h2_options();
    options
        .max_header_list_size(u32::try_from(bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(OWN_RESETS))
        .max_concurrent_reset_streams(REMEMBERED)
        .reset_stream_duration(REMEMBERED_FOR)
        .max_send_buffer_size(SEND_BUFFER);
    options
}
