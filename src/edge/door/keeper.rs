//! Who may come in: so many connections in all, by this listener, and of one client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use pingora::listeners::{ConnectionFilter, PreTlsProcess};
use pingora::protocols::GetSocketDigest as _;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::upstreams::peer::{Tracer, Tracing};

use crate::config::values::WITHOUT_ADDRESS;
use crate::edge::Shared;
use crate::edge::load::{Count, OfClient, Within};
use crate::edge::running::Running;
use crate::telemetry::Cause;

/// Counts connections.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    here: Count,
    most_here: Option<usize>,
}

/// A connection that came in, for as long as it is there.
#[derive(Debug)]
pub struct Inside {
    _whole: Within,
    _here: Within,
    _of_client: Option<OfClient>,
}

impl Keeper {
    /// Nobody is inside.
    pub fn new(shared: Arc<Shared>, most_here: Option<usize>) -> Self {
        Self {
            shared,
            here: Count::default(),
            most_here,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Counts a connection, if there is room for it.
    pub fn let_in(&self, peer: Option<&SocketAddr>) -> Result<Inside, Cause> {
        let running = self.shared.running.load();
        let entered = self.enter(&running, peer);
        entered.inspect_err(|cause| self.refuse(&running, *cause))
    }

    fn enter(&self, running: &Running, peer: Option<&SocketAddr>) -> Result<Inside, Cause> {
        let (load, limits) = (&running.load, &running.limits);
        let whole = load.connections.enter(limits.connections);
        let whole = whole.ok_or(Cause::Connections)?;
        let here = self.here.enter(self.most_here);
        let here = here.ok_or(Cause::ListenerConnections)?;
        let of_client = match client(running, peer).zip(limits.connections_per_client) {
            Some((client, most)) => {
                let entered = load.client(client, most);
                Some(entered.ok_or(Cause::ClientConnections)?)
            }
            None => None,
        };
        Ok(Inside {
            _whole: whole,
            _here: here,
            _of_client: of_client,
        })
    }

    /// Why a connection could not come in now. It is not counted: that is done where it is known to
    /// be given up again.
    fn full(&self, running: &Running, peer: Option<&SocketAddr>) -> Option<Cause> {
        let (load, limits) = (&running.load, &running.limits);
        let over =
            |most: Option<usize>, count: &Count| most.is_some_and(|most| count.now() >= most);
        if over(limits.connections, &load.connections) {
            return Some(Cause::Connections);
        }
        if over(self.most_here, &self.here) {
            return Some(Cause::ListenerConnections);
        }
        let (client, most) = client(running, peer).zip(limits.connections_per_client)?;
        (load.of_client(client) >= most).then_some(Cause::ClientConnections)
    }

    fn refuse(&self, running: &Running, cause: Cause) {
        running.load.shed(cause, self.shared.flow.now());
    }
}

/// The client whose connections are counted; none for those who stand for many: proxies that are
/// trusted, and this machine.
fn client(running: &Running, peer: Option<&SocketAddr>) -> Option<IpAddr> {
    let client = peer?.ip().to_canonical();
    let many = client == WITHOUT_ADDRESS
        || client.is_loopback()
        || running.trusted.iter().any(|one| one.contains(&client));
    (!many).then_some(client)
}

/// Asked by pingora as soon as a connection is accepted, before it has cost anything. Where several
/// come at once, some more than there is room for may pass here.
#[async_trait]
impl ConnectionFilter for Keeper {
    async fn should_accept(&self, peer: Option<&SocketAddr>) -> bool {
        let running = self.shared.running.load();
        let full = self.full(&running, peer);
        if let Some(cause) = full {
            self.refuse(&running, cause);
        }
        full.is_none()
    }
}

/// With TLS, a connection is counted before the handshake: whoever never ends one is inside too. The
/// socket keeps its place, so that it is given up with it.
#[async_trait]
impl PreTlsProcess for Keeper {
    async fn process(&self, socket: &mut Socket) -> pingora::Result<()> {
        let digest = socket.get_socket_digest();
        let peer = digest
            .as_ref()
            .and_then(|digest| digest.peer_addr()?.as_inet());
        let running = self.shared.running.load();
        // Over the limits come those few that passed while others did not count yet; an error would
        // be a line in the log for each.
        let inside = self.enter(&running, peer);
        socket.tracer = Some(Tracer(Box::new(Place {
            _inside: inside.ok(),
        })));
        Ok(())
    }
}

/// A place that a socket keeps.
#[derive(Debug)]
struct Place {
    _inside: Option<Inside>,
}

impl Tracing for Place {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {}

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(Self { _inside: None })
    }
}
