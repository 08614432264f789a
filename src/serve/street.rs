//! Opens the listeners for shoppers. Those that are alike share one proxy, and with it connections
//! to upstreams and threads.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::server::Server;
use pingora::services::listening::Service;
use rustix::fs::Access;

use super::ServeError;
use crate::config::Config;
use crate::config::values::{ListenPlace, Listener};
use crate::edge::door::{Door, Keeper, Way};
use crate::edge::tls::Certificates;
use crate::edge::{Entrance, Shared};

/// What is read of a connection at once, in bytes. It is held by those that are idle too: pingora's own
/// 64 KiB would be 320 MB for five thousand. Bodies are read past it.
const READ_BUFFER: usize = 8 << 10;

/// Listeners that differ in their addresses and certificates alone.
struct Alike<'c> {
    way: Way,
    listeners: Vec<&'c Listener>,
}

/// Adds the services of all listeners; returns the certificates that they show.
pub(super) fn open(
    server: &mut Server,
    config: &Config,
    shared: &Arc<Shared>,
) -> Result<Vec<Arc<Certificates>>, ServeError> {
    let mut all = Vec::new();
    for alike in sorted(&config.listeners) {
        let redirects = alike.way.entrance.redirect_https.is_some();
        let door = Door::new(&server.configuration, shared, alike.way);
        let keeper = door.keeper();
        let mut service = Service::new("street".to_owned(), door);
        service.set_connection_filter(Arc::<Keeper>::clone(&keeper));
        service.endpoints().set_pre_tls_callback(keeper);
        // Redirects are little work.
        service.threads = redirects.then_some(1);
        for listener in alike.listeners {
            let mut endpoint = endpoint(&listener.address);
            if let Some(certificates) = certificates(listener, shared)? {
                let http2 = listener.tls.as_ref().is_some_and(|tls| tls.http2);
                all.push(Arc::clone(&certificates));
                let settings = certificates.settings(http2);
                let settings = settings.map_err(|error| ServeError::Server(error.to_string()))?;
                endpoint = endpoint.tls(settings);
            }
            service.add_listener(endpoint.l4_buffer(L4BufferSettings::default().read(READ_BUFFER)));
        }
        server.add_service(service);
    }
    Ok(all)
}

fn sorted(listeners: &[Listener]) -> Vec<Alike<'_>> {
    let mut kinds: Vec<Alike<'_>> = Vec::new();
    for listener in listeners {
        let way = Way {
            entrance: Entrance::of(listener),
            h2c: listener.h2c,
            connections: listener.connections,
        };
        // Whoever has a limit of its own is counted alone.
        let mut alike = kinds.iter_mut();
        let known = alike.find(|kind| kind.way == way && way.connections.is_none());
        match known {
            Some(kind) => kind.listeners.push(listener),
            None => kinds.push(Alike {
                way,
                listeners: vec![listener],
            }),
        }
    }
    kinds
}

fn endpoint(place: &ListenPlace) -> ListenerConfig {
    match place {
        ListenPlace::Tcp(address) => ListenerConfig::tcp(address.to_string()),
        ListenPlace::Unix { path, mode } => {
            let permissions = Permissions::from_mode(*mode);
            ListenerConfig::uds(path.display().to_string()).permissions(permissions)
        }
    }
}

/// The certificates of a listener. Everything is read before pingora starts: it ends the process
/// where one is bad.
fn certificates(
    listener: &Listener,
    shared: &Arc<Shared>,
) -> Result<Option<Arc<Certificates>>, ServeError> {
    let Some(tls) = &listener.tls else {
        return Ok(None);
    };
    let metrics = shared.telemetry.certificates().clone();
    let read = Certificates::read(&listener.name, tls, shared.flow.now(), metrics);
    match read {
        Ok(certificates) => Ok(Some(Arc::new(certificates))),
        Err(error) => Err(ServeError::Certificate {
            listener: listener.name.clone(),
            error,
        }),
    }
}

/// Whether a socket can be opened here. pingora removes whatever has its name, so that one in use,
/// or a file that is none, has to be found before.
pub(super) fn check_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "the file is there and is no socket",
            ));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(ErrorKind::AddrInUse.into());
        }
        _ => {}
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("street.sock");
        check_socket(&socket).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        let taken = check_socket(&socket).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        drop(listener);
        check_socket(&socket).unwrap();

        let file = folder.path().join("orders.txt");
        std::fs::write(&file, "precious").unwrap();
        let other = check_socket(&file).unwrap_err();
        assert_eq!(other.to_string(), "the file is there and is no socket");
        let nowhere = check_socket(&folder.path().join("missing/street.sock"));
        assert_eq!(nowhere.unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn listeners_that_are_alike_share_a_proxy() {
        let listener = |port, h2c, redirect_https| Listener {
            name: format!("at-{port}"),
            address: ListenPlace::Tcp(([127, 0, 0, 1], port).into()),
            insecure_cookies: false,
            h2c,
            redirect_https,
            connections: None,
            tls: None,
        };
        let listeners = [
            listener(1, false, None),
            listener(2, false, Some(443)),
            listener(3, false, None),
            listener(4, true, None),
        ];
        let kinds = sorted(&listeners);
        let names = |kind: &Alike<'_>| {
            let names = kind.listeners.iter().map(|one| one.name.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        let kinds: Vec<_> = kinds.iter().map(names).collect();
        assert_eq!(kinds, ["at-1 at-3", "at-2", "at-4"]);
    }
}
