//! The new process: asks the one that runs for its place.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::UnixStream;

use super::greeting::{self, GreetingError, Request};
use super::line::{Frames, Line};
use super::{VERSION, greeting::Offer};

/// Why there is no place to take. The process that runs goes on.
#[derive(Debug, Error)]
pub enum TakeError {
    /// Nobody is there.
    #[error(
        "no process hands over at {path}: {error}; without --upgrade this one starts on its own"
    )]
    Nobody {
        /// The socket.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The process that runs does not agree.
    #[error("the running process does not hand over: {0}")]
    Refused(String),
    /// The two do not speak the same.
    #[error(
        "the running process speaks version {0} of the hand-over, and this one {VERSION}: stop it and start this one"
    )]
    Version(u16),
    /// Something went wrong between the two.
    #[error("the running process could not be asked to hand over: {0}")]
    Broken(io::Error),
}

/// A place that is being taken.
#[derive(Debug)]
pub struct Taken {
    /// The process that is to leave, and the version of its program.
    pub from: (u32, String),
    /// Its listening sockets, by address.
    pub sockets: BTreeMap<String, OwnedFd>,
    /// The connection to it.
    pub line: Line,
    /// What it says.
    pub frames: Frames,
}

/// Asks for the place of the process that listens on a socket.
pub async fn take(path: &Path, request: &Request) -> Result<Taken, TakeError> {
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|error| TakeError::Nobody {
            path: path.to_owned(),
            error,
        })?;
    let asked = greeting::ask(&mut stream, request).await;
    let (offer, sockets) = asked.map_err(|error| match error {
        GreetingError::Io(error) => TakeError::Broken(error),
        GreetingError::Version(version) => TakeError::Version(version),
        GreetingError::Refused(why) => TakeError::Refused(why),
    })?;
    let Offer {
        program,
        process,
        sockets: addresses,
    } = offer;
    let (line, frames) = Line::open(stream);
    Ok(Taken {
        from: (process, program),
        sockets: addresses.into_iter().zip(sockets).collect(),
        line,
        frames,
    })
}
