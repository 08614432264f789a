//! The sockets that this process listens on: taken over, passed by the service manager, or opened
//! here. All are there before anything serves, so that a taken address is a clear message.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use pingora::server::Fds;

use super::street::check_socket;
use super::{Beside, ServeError};
use crate::config::values::ListenPlace;

/// Connections that may wait to be accepted; the standard library's 128 are few for a rush, such as
/// that of a new process's connections to a service beside it.
const BACKLOG: i32 = 4096;

/// Listening sockets by address, as addresses are written.
#[derive(Debug)]
pub(super) struct Sockets(BTreeMap<String, (ListenPlace, OwnedFd)>);

impl Sockets {
    /// Opens what is wanted, unless it is there already: `taken` over from another process, or from
    /// the service manager. What nobody wants is closed.
    pub(super) fn open(
        wanted: impl IntoIterator<Item = ListenPlace>,
        mut taken: BTreeMap<String, OwnedFd>,
    ) -> Result<Self, ServeError> {
        let mut activated = Activated::from_environment();
        let mut sockets = BTreeMap::new();
        for place in wanted {
            // Each one of those is another port; pingora opens them.
            if matches!(place, ListenPlace::Tcp(address) if address.port() == 0) {
                continue;
            }
            let address = place.to_string();
            let there = taken.remove(&address).or_else(|| activated.take(&place));
            let socket = there.map_or_else(|| bind(&place), Ok);
            // Whoever accepts must never be held up by a client that has gone again.
            let socket = socket.and_then(|socket| {
                rustix::io::ioctl_fionbio(&socket, true)?;
                rustix::net::listen(&socket, BACKLOG)?;
                Ok(socket)
            });
            let socket = socket.map_err(|error| ServeError::Address {
                address: address.clone(),
                error,
            })?;
            sockets.insert(address, (place, socket));
        }
        activated.tell_unclaimed();
        for address in taken.keys() {
            tracing::info!(
                address,
                "A socket of the process before is listened on no more."
            );
        }
        Ok(Self(sockets))
    }

    /// The same sockets once more, to be passed on, and those of services `beside` the proxy.
    pub(super) fn copies(&self, beside: &[Beside]) -> io::Result<Vec<(String, OwnedFd)>> {
        let street = self.0.iter();
        let street = street.map(|(address, (_, socket))| (address.clone(), socket.try_clone()));
        let beside = beside.iter().filter_map(|one| {
            let listener = one.listener.as_ref()?;
            Some((
                one.address.to_string(),
                listener.try_clone().map(OwnedFd::from),
            ))
        });
        let copies = street.chain(beside);
        copies.map(|(address, copy)| Ok((address, copy?))).collect()
    }

    /// The listener of a service beside the proxy.
    pub(super) fn take_tcp(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let (_, socket) = self.0.remove(&address.to_string())?;
        Some(socket.into())
    }

    /// All that are left, as pingora wants them.
    pub(super) fn take_fds(&mut self) -> Fds {
        let mut fds = Fds::new();
        for (place, socket) in std::mem::take(&mut self.0).into_values() {
            let name = match place {
                ListenPlace::Tcp(address) => address.to_string(),
                ListenPlace::Unix { path, mode: _ } => path.display().to_string(),
            };
            fds.add(name, socket.into_raw_fd());
        }
        fds
    }
}

fn bind(place: &ListenPlace) -> io::Result<OwnedFd> {
    match place {
        ListenPlace::Tcp(address) => TcpListener::bind(address).map(OwnedFd::from),
        ListenPlace::Unix { path, mode } => {
            check_socket(path)?;
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(path)?;
            std::fs::set_permissions(path, Permissions::from_mode(*mode))?;
            Ok(listener.into())
        }
    }
}

/// Sockets that the service manager has opened (`LISTEN_FDS`).
struct Activated {
    tcp: Vec<(SocketAddr, TcpListener)>,
    unix: Vec<UnixListener>,
}

impl Activated {
    fn from_environment() -> Self {
        let mut passed = ListenFd::from_env();
        let (mut tcp, mut unix) = (Vec::new(), Vec::new());
        for index in 0..passed.len() {
            if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
                tcp.extend(listener.local_addr().map(|address| (address, listener)));
            } else if let Ok(Some(listener)) = passed.take_unix_listener(index) {
                unix.push(listener);
            } else {
                tracing::warn!(
                    index,
                    "A socket of the service manager is none to listen on."
                );
            }
        }
        Self { tcp, unix }
    }

    fn take(&mut self, place: &ListenPlace) -> Option<OwnedFd> {
        match place {
            ListenPlace::Tcp(wanted) => {
                let found = self
                    .tcp
                    .iter()
                    .position(|(there, _)| same(*there, *wanted))?;
                Some(self.tcp.swap_remove(found).1.into())
            }
            ListenPlace::Unix { path, mode: _ } => {
                let is_there = |one: &UnixListener| {
                    let address = one.local_addr();
                    address.is_ok_and(|there| there.as_pathname() == Some(Path::new(path)))
                };
                let found = self.unix.iter().position(is_there)?;
                Some(self.unix.swap_remove(found).into())
            }
        }
    }

    fn tell_unclaimed(&self) {
        for (address, _) in &self.tcp {
            tracing::warn!(%address, "A socket of the service manager is no listener's address; it is closed.");
        }
        for address in self.unix.iter().map(UnixListener::local_addr) {
            tracing::warn!(
                ?address,
                "A socket of the service manager is no listener's address; it is closed."
            );
        }
    }
}

/// Whether a socket is the wanted one; all addresses of both families are those of the one, too.
fn same(there: SocketAddr, wanted: SocketAddr) -> bool {
    let everywhere = there.ip().is_unspecified() && wanted.ip().is_unspecified();
    there == wanted || everywhere && there.port() == wanted.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_over_is_not_opened_again() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = there.local_addr().unwrap();
        let place = ListenPlace::Tcp(address);
        let refused = Sockets::open([place.clone()], BTreeMap::new()).unwrap_err();
        assert!(refused.to_string().starts_with("cannot listen on"));
        let taken = BTreeMap::from([(address.to_string(), OwnedFd::from(there))]);
        let mut sockets = Sockets::open([place], taken).unwrap();
        assert_eq!(sockets.copies(&[]).unwrap().len(), 1);
        let listener = sockets.take_tcp(address).unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        assert!(sockets.take_fds().is_empty());
    }

    #[test]
    fn a_socket_for_every_address_is_the_one_of_either_family() {
        let [both, four, one]: [SocketAddr; 3] =
            ["[::]:80", "0.0.0.0:80", "127.0.0.1:80"].map(|text| text.parse().unwrap());
        assert!(same(both, four) && same(both, both));
        assert!(!same(both, one) && !same(one, four));
        assert!(!same(both, "0.0.0.0:81".parse().unwrap()));
    }
}
