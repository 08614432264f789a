//! Names of machines that tests own and move.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use parking_lot::Mutex;
use vestibule::outbound::names::SystemNames;
use vestibule::ports::Names;

/// The test's own names; all others are the system's.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Option<SocketAddr>>>);

impl Known {
    /// From now on a name leads there; `None`: nobody knows it.
    pub(crate) fn set(&self, name: &str, place: Option<SocketAddr>) {
        self.0.lock().insert(name.to_owned(), place);
    }
}

#[async_trait::async_trait]
impl Names for Known {
    async fn find(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let own = self.0.lock().get(name).copied();
        match own {
            Some(Some(place)) => Ok(vec![place]),
            Some(None) => Err(io::Error::other("failed to lookup address information")),
            None => SystemNames.find(name).await,
        }
    }
}
