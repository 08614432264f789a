//! Starts a whole: listeners, admin, look-ups of names; stops when the system says so.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server, ShutdownWatch};
use pingora::services::background::{BackgroundService, background_service};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::admin::{self, Access};
use crate::config::Config;
use crate::config::values::ListenPlace;
use crate::edge::Shared;
use crate::edge::tls::CertificateError;
use crate::edge::upstream::Upstream;
use crate::reload::{Reloads, Watch};

mod certificates;
mod street;

/// How often it is looked whether a reload has brought new upstreams.
const LOOKS: Duration = Duration::from_secs(1);
/// How often sources are looked after. What is due, and when, they know themselves.
const TENDING: Duration = Duration::from_secs(5);
/// How long running requests are waited for beyond the grace, in seconds.
const LAST_SECONDS: u64 = 5;

/// Why nothing was started.
#[derive(Debug, Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// The address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// A listener has no certificate to show.
    #[error("listener {listener}: {error}")]
    Certificate {
        /// The listener's name.
        listener: String,
        /// Why.
        error: CertificateError,
    },
    /// The admin token cannot be read.
    #[error("admin token {path}: {error}")]
    AdminToken {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// pingora would not start.
    #[error("the server cannot start: {0}")]
    Server(String),
}

/// Something that is served beside the proxy, on a listener of its own.
#[derive(Debug)]
pub struct Beside {
    /// What it is, for logs.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The listener itself, where it was opened before anything else.
    pub listener: Option<TcpListener>,
    /// What it answers.
    pub router: axum::Router,
    /// Where it goes on until the very end, to say that the process drains.
    pub draining: Option<Arc<Shared>>,
}

/// Serves until the process is told to stop: `SIGTERM` drains, `SIGINT` ends at once.
pub fn serve(
    config: &Config,
    shared: &Arc<Shared>,
    beside: Vec<Beside>,
    reloads: &Arc<Reloads>,
) -> Result<(), ServeError> {
    let beside = with_admin(config, shared, beside)?;
    check_addresses(config, &beside)?;
    let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
    server.bootstrap();
    let certificates = street::open(&mut server, config, shared)?;
    if !certificates.is_empty() {
        let watch = certificates::Watch {
            certificates,
            shared: Arc::clone(shared),
        };
        server.add_service(background_service("certificates", watch));
    }
    server.add_service(background_service("names", Names(Arc::clone(shared))));
    let watch = Watch::new(Arc::clone(reloads), config.watch);
    server.add_service(background_service("reload", watch));
    server.add_service(background_service("sources", Tending(Arc::clone(shared))));
    if shared.telemetry.traces().is_some() {
        server.add_service(background_service("traces", Tracing(Arc::clone(shared))));
    }
    for one in beside {
        server.add_service(background_service(one.name, Web(one)));
    }
    server.run(RunArgs::default());
    shared.flow.keep_everything();
    Ok(())
}

fn server_conf(config: &Config) -> ServerConf {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kept: usize = config
        .accounts
        .iter()
        .flat_map(|account| &account.upstreams)
        .map(|upstream| upstream.keep_alive)
        .sum();
    ServerConf {
        threads: config.threads.map_or(cores, std::num::NonZero::get),
        // pingora's own five minutes would outlast any orchestrator's patience.
        grace_period_seconds: Some(config.grace.as_secs()),
        graceful_shutdown_timeout_seconds: Some(LAST_SECONDS),
        upstream_keepalive_pool_size: kept.max(1),
        ..ServerConf::default()
    }
}

fn with_admin(
    config: &Config,
    shared: &Arc<Shared>,
    mut beside: Vec<Beside>,
) -> Result<Vec<Beside>, ServeError> {
    let Some(settings) = &config.admin else {
        return Ok(beside);
    };
    let access = match &settings.token_file {
        None => Access::Loopback,
        Some(path) => {
            let token = std::fs::read_to_string(path).map_err(|error| ServeError::AdminToken {
                path: path.display().to_string(),
                error,
            })?;
            Access::Token(token.trim().into())
        }
    };
    let router = admin::router(Arc::clone(shared), access);
    beside.push(Beside {
        name: "admin",
        address: settings.address,
        listener: None,
        router,
        draining: Some(Arc::clone(shared)),
    });
    Ok(beside)
}

/// Every address is tried first, so that a taken port is a clear message and no half start.
fn check_addresses(config: &Config, beside: &[Beside]) -> Result<(), ServeError> {
    for listener in &config.listeners {
        let tried = match &listener.address {
            ListenPlace::Tcp(address) => TcpListener::bind(address).map(drop),
            ListenPlace::Unix { path, mode: _ } => street::check_socket(path),
        };
        let address = listener.address.to_string();
        tried.map_err(|error| ServeError::Address { address, error })?;
    }
    for one in beside.iter().filter(|one| one.listener.is_none()) {
        let address = one.address.to_string();
        TcpListener::bind(one.address).map_err(|error| ServeError::Address { address, error })?;
    }
    Ok(())
}

/// Has the servers of upstreams looked after, those of the configuration in force: their names and
/// their health. Each upstream's own task ends with it.
#[derive(Debug)]
struct Names(Arc<Shared>);

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
struct Tending(Arc<Shared>);

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

/// Sends traces to the collector, and what is left of them when the process ends.
#[derive(Debug)]
struct Tracing(Arc<Shared>);

#[async_trait]
impl BackgroundService for Tracing {
    async fn start(&self, stop: ShutdownWatch) {
        if let Some(traces) = self.0.telemetry.traces() {
            traces.send(stop).await;
        }
    }
}

#[derive(Debug)]
struct Web(Beside);

#[async_trait]
impl BackgroundService for Web {
    async fn start(&self, stop: ShutdownWatch) {
        let Beside {
            name,
            address,
            listener,
            router,
            draining,
        } = &self.0;
        let listener = match listener {
            Some(listener) => adopt(listener),
            None => tokio::net::TcpListener::bind(address).await,
        };
        let served = match listener {
            Ok(listener) => match draining {
                Some(shared) => {
                    let shared = Arc::clone(shared);
                    admin::serve_to_the_end(listener, router.clone(), shared, stop).await
                }
                None => admin::serve(listener, router.clone(), stop).await,
            },
            Err(error) => Err(error),
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
