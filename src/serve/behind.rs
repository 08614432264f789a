//! What goes on beside the requests for as long as the process serves.

use std::net::TcpListener;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::{BackgroundService, GenBackgroundService, background_service};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Beside;
use super::leaving::Leaving;
use crate::admin::{self, Desk};
use crate::edge::Shared;
use crate::edge::upstream::Upstream;

/// How often it is looked whether a reload has brought new upstreams.
const LOOKS: Duration = Duration::from_secs(1);
/// How often sources are looked after. What is due, and when, they know themselves.
const TENDING: Duration = Duration::from_secs(5);

/// A service that is told to stop when the process leaves, not when pingora ends.
pub(super) fn until<T: BackgroundService>(
    leaving: &Leaving,
    name: &str,
    task: T,
) -> GenBackgroundService<Until<T>> {
    let stop = leaving.stop();
    background_service(name, Until { task, stop })
}

pub(super) struct Until<T> {
    task: T,
    stop: ShutdownWatch,
}

#[async_trait]
impl<T: BackgroundService + Send + Sync> BackgroundService for Until<T> {
    async fn start(&self, _: ShutdownWatch) {
        self.task.start(self.stop.clone()).await;
    }
}

/// Has the servers of upstreams looked after, those of the configuration in force: their names and
/// their health. Each upstream's own task ends with it.
#[derive(Debug)]
pub(super) struct Names(pub(super) Arc<Shared>);

#[async_trait]
impl BackgroundService for Names {
    async fn start(&self, mut stop: ShutdownWatch) {
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tended: Vec<Weak<Upstream>> = Vec::new();
        let mut tending = JoinSet::new();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = looks.tick() => {}
            }
            tended.retain(|one| one.strong_count() > 0);
            while tending.try_join_next().is_some() {}
            let running = self.0.running.load_full();
            for upstream in running.upstreams().filter(|one| one.needs_tending()) {
                let known = |one: &Weak<_>| Weak::as_ptr(one) == Arc::as_ptr(upstream);
                if !tended.iter().any(known) {
                    tended.push(Arc::downgrade(upstream));
                    tending.spawn(Upstream::tend(Arc::downgrade(upstream)));
                }
            }
        }
    }
}

/// Has the sources of accounts looked after: what is due is fetched without a shopper waiting for it.
#[derive(Debug)]
pub(super) struct Tending(pub(super) Arc<Shared>);

#[async_trait]
impl BackgroundService for Tending {
    async fn start(&self, mut stop: ShutdownWatch) {
        let mut turns = tokio::time::interval(TENDING);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = turns.tick() => {}
            }
            let running = self.0.running.load_full();
            let mut tending = JoinSet::new();
            for remote in running.hosts.remotes() {
                tending.spawn(async move { remote.tend().await });
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = tending.join_all() => {}
            }
        }
    }
}

/// Has the admin's history of the last hour written.
#[derive(Debug)]
pub(super) struct Remembering(pub(super) Desk);

#[async_trait]
impl BackgroundService for Remembering {
    async fn start(&self, mut stop: ShutdownWatch) {
        let mut turns = tokio::time::interval(admin::STEP);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = turns.tick() => self.0.measure(),
            }
        }
    }
}

/// Sends traces to the collector, and what is left of them when the process ends.
#[derive(Debug)]
pub(super) struct Tracing(pub(super) Arc<Shared>, pub(super) Arc<Leaving>);

#[async_trait]
impl BackgroundService for Tracing {
    async fn start(&self, _: ShutdownWatch) {
        let Self(shared, leaving) = self;
        let _telling = leaving.telling();
        if let Some(traces) = shared.telemetry.traces() {
            traces.send(leaving.over()).await;
        }
    }
}

/// Serves something beside the proxy.
#[derive(Debug)]
pub(super) struct Web(pub(super) Beside, pub(super) Arc<Leaving>);

#[async_trait]
impl BackgroundService for Web {
    async fn start(&self, stop: ShutdownWatch) {
        let Self(beside, leaving) = self;
        let Beside {
            name,
            address,
            listener,
            secured,
            router,
            draining,
        } = beside;
        let listener = match listener {
            Some(listener) => adopt(listener),
            None => tokio::net::TcpListener::bind(address).await,
        };
        let router = router.clone();
        let served = match (listener, draining) {
            (Ok(listener), Some(shared)) => {
                let (shared, leaving) = (Arc::clone(shared), Arc::clone(leaving));
                let end = (stop, move || leaving.is_handed());
                let listener = (listener, secured.clone());
                admin::serve_to_the_end(listener, router, shared, end).await
            }
            (Ok(listener), None) => admin::serve(listener, router, stop).await,
            (Err(error), _) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(service = name, %address, %error, "A service ended.");
        }
    }
}

fn adopt(listener: &TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    let listener = listener.try_clone()?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
