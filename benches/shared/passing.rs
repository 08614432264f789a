//! A proxy of pingora that passes every request on and knows nothing of sessions: what any proxy here
//! costs at the least.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora::prelude::HttpPeer;
use pingora::proxy::{ProxyHttp, Session as Exchange};

/// Passes everything on to one server.
pub(crate) struct Passing(pub(crate) SocketAddr);

#[async_trait]
impl ProxyHttp for Passing {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Exchange, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}
