//! The place of this process between one before it and one after it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

use super::street::check_socket;
use crate::assemble::{StoreFrom, described};
use crate::config::Config;
use crate::handover::{Request, TakeError, Taken, take};
use crate::store::passed::RECORDS;

/// Threads of the hand-over: one may be writing to a store.
const THREADS: usize = 2;

/// Why there is no place.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// Nobody can be asked.
    #[error(
        "--upgrade needs server.handover_socket, the socket at which the running process hands over"
    )]
    NoSocket,
    /// There is a process, and this one was not told to take over from it.
    #[error("{path}: a process that hands over is running; --upgrade takes over from it")]
    Occupied {
        /// The socket.
        path: PathBuf,
    },
    /// The private socket cannot be opened there.
    #[error("server.handover_socket {path}: {error}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The process that runs does not make room.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The system gives no thread.
    #[error("the hand-over cannot start: {0}")]
    Runtime(io::Error),
}

/// Where this process stands.
#[derive(Debug)]
pub struct Place {
    /// Where all that goes on with other processes does so; none: nothing does.
    pub(super) runtime: Option<Runtime>,
    /// The place of another one, where it is being taken.
    pub(super) taken: Option<Taken>,
}

impl Place {
    /// A process that has none before it and none after it.
    pub const fn alone() -> Self {
        Self {
            runtime: None,
            taken: None,
        }
    }

    /// Finds the place that a configuration gives; `upgrade`: another process's.
    pub fn seek(config: &Config, upgrade: bool) -> Result<Self, PlaceError> {
        let Some(path) = &config.handover_socket else {
            return if upgrade {
                Err(PlaceError::NoSocket)
            } else {
                Ok(Self::alone())
            };
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("handover")
            .enable_all()
            .build()
            .map_err(PlaceError::Runtime)?;
        let taken = if upgrade {
            Some(runtime.block_on(take(path, &request(config)))?)
        } else {
            make_folder(path)
                .and_then(|()| check_socket(path))
                .map_err(|error| {
                    let path = path.clone();
                    if error.kind() == io::ErrorKind::AddrInUse {
                        PlaceError::Occupied { path }
                    } else {
                        PlaceError::Socket { path, error }
                    }
                })?;
            None
        };
        Ok(Self {
            runtime: Some(runtime),
            taken,
        })
    }

    /// Where the store of sessions comes from.
    pub fn store(&self) -> StoreFrom {
        let handle = self.runtime.as_ref().map(|one| one.handle().clone());
        match (handle, &self.taken) {
            (None, _) => StoreFrom::Alone,
            (Some(runtime), None) => StoreFrom::Own(runtime),
            (Some(runtime), Some(taken)) => StoreFrom::Before(runtime, taken.line.clone()),
        }
    }
}

/// The folder of the private socket is nobody else's either, where it is made here.
fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)
        }
        _ => Ok(()),
    }
}

/// What two processes have to agree in.
pub(super) fn request(config: &Config) -> Request {
    Request {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        store: described(&config.store.kind),
        records: RECORDS,
    }
}
