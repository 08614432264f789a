//! Where the servers of an upstream are: names are looked up beside the requests.

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Upstream;
use crate::config::values::UpstreamAddress;

/// How long one look-up may take.
const RESOLVE_WITHIN: Duration = Duration::from_secs(5);

/// One configured address, and where it leads.
#[derive(Debug)]
pub(super) struct Place {
    /// The name and the port; none for a literal address.
    name: Option<(String, u16)>,
    /// As last resolved.
    pub(super) found: Vec<SocketAddr>,
}

impl Place {
    /// A literal address is known at once; a name waits for its first look-up.
    pub(super) fn new(address: &UpstreamAddress) -> Self {
        let literal: Option<SocketAddr> = address.text.parse().ok();
        let split = address.text.rsplit_once(':');
        let name = split.and_then(|(name, port)| Some((name.to_owned(), port.parse().ok()?)));
        Self {
            name: name.filter(|_| literal.is_none()),
            found: literal.into_iter().collect(),
        }
    }
}

impl Upstream {
    /// Whether any of its addresses is a name.
    pub fn has_names(&self) -> bool {
        self.places.lock().iter().any(|place| place.name.is_some())
    }

    /// Whether there is anything to do beside the requests.
    pub fn needs_tending(&self) -> bool {
        self.has_names() || self.settings.health.is_some()
    }

    /// Looks its names up. A name that does not resolve leads where it led before.
    pub async fn resolve(&self) {
        let names: Vec<_> = self
            .places
            .lock()
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let mut changed = false;
        for (at, name) in names.into_iter().enumerate() {
            let Some((name, port)) = name else { continue };
            let Some(found) = self.look_up(&name, port).await else {
                continue;
            };
            if let Some(place) = self.places.lock().get_mut(at)
                && place.found != found
            {
                place.found = found;
                changed = true;
            }
        }
        if changed {
            self.settle();
        }
    }

    /// The addresses of a name, in an order that does not change with each answer.
    async fn look_up(&self, name: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let upstream = self.name();
        let mut found = match timeout(RESOLVE_WITHIN, self.names.find(name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(upstream, name, %error, "An upstream's name does not resolve.");
                return None;
            }
            Err(_) => {
                tracing::warn!(
                    upstream,
                    name,
                    "An upstream's name takes too long to resolve."
                );
                return None;
            }
        };
        for address in &mut found {
            address.set_port(port);
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            tracing::warn!(upstream, name, "An upstream's name resolves to nothing.");
            return None;
        }
        Some(found)
    }

    /// Looks names up and checks servers, again and again, until nobody has the upstream any more.
    pub async fn tend(upstream: Weak<Self>) {
        tokio::join!(
            Self::keep_resolved(Weak::clone(&upstream)),
            Self::keep_checked(upstream)
        );
    }

    async fn keep_resolved(upstream: Weak<Self>) {
        while let Some(here) = upstream.upgrade().filter(|here| here.has_names()) {
            here.resolve().await;
            let pause = here.settings.resolve_every;
            drop(here);
            sleep(pause).await;
        }
    }

    async fn keep_checked(upstream: Weak<Self>) {
        while let Some(here) = upstream.upgrade() {
            let Some(pause) = here.settings.health.as_ref().map(|health| health.interval) else {
                return;
            };
            here.check().await;
            drop(here);
            sleep(pause).await;
        }
    }
}
