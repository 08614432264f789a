//! Starts a whole: listeners, admin, look-ups of names; stops when the system says so.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use thiserror::Error;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use crate::admin::{self, Access, Desk, Link, Secured};
use crate::config::Config;
use crate::config::values::ListenPlace;
use crate::edge::Shared;
use crate::edge::tls::CertificateError;
use crate::handover::{Giver, Home, Taken};
use crate::reload::{Reloads, Watch};
use crate::store::PassedStore;

mod arrival;
mod behind;
mod certificates;
mod departure;
mod files;
mod leaving;
mod place;
mod sockets;
mod street;

pub use place::{Place, PlaceError};

use arrival::{Arrival, Before, Said};
use behind::{Names, Remembering, Tending, Tracing, Web, until};
use departure::{Departure, Successor};
use leaving::Leaving;
use sockets::Sockets;

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
    /// The process whose place this one was to take stays.
    #[error("the process that runs has not made room; it goes on")]
    Unwanted,
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
    /// How it speaks TLS; none: it speaks plain HTTP.
    pub secured: Option<Arc<Secured>>,
    /// What it answers.
    pub router: axum::Router,
    /// Where it goes on until the very end, to say that the process drains.
    pub draining: Option<Arc<Shared>>,
}

/// What comes with the proxy: what is served beside it, and a link into the console.
#[derive(Debug, Default)]
pub struct Company {
    /// What is served on listeners of its own.
    pub beside: Vec<Beside>,
    /// By which somebody gets into the console once; none: by the token alone.
    pub link: Option<Link>,
}

/// Serves until the process is told to stop: `SIGTERM` drains, `SIGINT` ends at once, and a process
/// that takes over has this one leave. `store` is the one that can be passed on.
pub fn serve(
    config: &Config,
    shared: &Arc<Shared>,
    (company, reloads): (Company, &Arc<Reloads>),
    (place, store): (Place, Option<PassedStore>),
) -> Result<(), ServeError> {
    files::make_room(&config.limits);
    let Place { runtime, mut taken } = place;
    let (mut beside, desk) = with_admin(config, shared, (company, reloads))?;
    let given = taken
        .as_mut()
        .map(|taken| std::mem::take(&mut taken.sockets));
    let mut sockets = open_sockets(config, &mut beside, given.unwrap_or_default())?;
    let home = match &config.handover_socket {
        Some(path) => Some(home(
            path,
            config,
            shared,
            (&beside, &sockets),
            store.clone(),
        )?),
        None => None,
    };
    let leaving = Leaving::within(config.grace);
    let mut server = Server::new_with_opt_and_conf(None, server_conf(config));
    server.bootstrap();
    let fds = Arc::new(Mutex::new(sockets.take_fds()));
    let certificates = street::open(&mut server, config, shared, (&fds, &leaving))?;
    let certificates = certificates::Watch {
        certificates,
        admin: beside.iter().find_map(|one| one.secured.clone()),
        shared: Arc::clone(shared),
    };
    add_services(&mut server, &leaving, certificates, (config, reloads));
    if let Some(desk) = desk {
        server.add_service(until(&leaving, "history", Remembering(desk)));
    }
    for one in beside {
        server.add_service(until(&leaving, one.name, Web(one, Arc::clone(&leaving))));
    }
    let handle = runtime.as_ref().map(Runtime::handle);
    let ends = begin(&mut server, &leaving, home.zip(handle), (taken, store))?;
    let unwanted = ends.unwanted.clone();
    let departure = Departure {
        leaving,
        giver: ends.giver,
        unwanted: ends.unwanted,
        successor: Successor::of_this_process(),
        grace: config.grace,
    };
    server.run(RunArgs {
        shutdown_signal: Box::new(departure),
    });
    shared.flow.keep_everything();
    if let Some(runtime) = runtime {
        runtime.shutdown_background();
    }
    if *unwanted.borrow() {
        return Err(ServeError::Unwanted);
    }
    Ok(())
}

/// By what it is known that the process is to end.
struct Ends {
    giver: watch::Receiver<Option<Arc<Giver>>>,
    unwanted: watch::Receiver<bool>,
}

/// Has the beginning told when it is one, and what can be handed over offered.
fn begin(
    server: &mut Server,
    leaving: &Arc<Leaving>,
    home: Option<(Home, &Handle)>,
    (taken, store): (Option<Taken>, Option<PassedStore>),
) -> Result<Ends, ServeError> {
    let (giving, giver) = watch::channel(None);
    let (unwanted, not_wanted) = watch::channel(false);
    let ends = Ends {
        giver,
        unwanted: not_wanted,
    };
    let mut arrival = Arrival {
        leaving: Arc::clone(leaving),
        before: None,
        home: Mutex::new(None),
        giver: giving,
        unwanted,
    };
    match (home, taken) {
        (Some((home, runtime)), Some(taken)) => {
            let (telling, said) = watch::channel(Said::Nothing);
            runtime.spawn(arrival::listen(taken.frames, store.clone(), telling));
            let line = taken.line;
            arrival.before = Some(Before { line, said, store });
            arrival.home = Mutex::new(Some((home, runtime.clone())));
        }
        (Some((home, runtime)), None) => {
            let path = home.path.display().to_string();
            let opened = Giver::open(home, runtime);
            let opened = opened.map_err(|error| ServeError::Address {
                address: path,
                error,
            })?;
            arrival.giver.send_replace(Some(Arc::new(opened)));
        }
        (None, _) => {}
    }
    server.add_service(background_service("arrival", arrival));
    Ok(ends)
}

/// Whatever looks after something while this process serves.
fn add_services(
    server: &mut Server,
    leaving: &Arc<Leaving>,
    certificates: certificates::Watch,
    (config, reloads): (&Config, &Arc<Reloads>),
) {
    let shared = Arc::clone(&certificates.shared);
    if !certificates.is_idle() {
        server.add_service(until(leaving, "certificates", certificates));
    }
    server.add_service(until(leaving, "names", Names(Arc::clone(&shared))));
    let watch = Watch::new(Arc::clone(reloads), config.watch);
    server.add_service(until(leaving, "reload", watch));
    server.add_service(until(leaving, "sources", Tending(Arc::clone(&shared))));
    if shared.telemetry.traces().is_some() {
        let tracing = Tracing(Arc::clone(&shared), Arc::clone(leaving));
        server.add_service(background_service("traces", tracing));
    }
}

/// What a process has to hand over.
fn home(
    path: &Path,
    config: &Config,
    shared: &Arc<Shared>,
    (beside, sockets): (&[Beside], &Sockets),
    store: Option<PassedStore>,
) -> Result<Home, ServeError> {
    let copies = sockets.copies(beside);
    let copies = copies.map_err(|error| ServeError::Server(error.to_string()))?;
    let flow = Arc::clone(&shared.flow);
    Ok(Home {
        path: path.to_owned(),
        sockets: copies,
        like: place::request(config),
        store,
        owed: Box::new(move || flow.store_health().owed),
    })
}

/// Has all sockets open, and each service beside the proxy have its own.
fn open_sockets(
    config: &Config,
    beside: &mut [Beside],
    given: BTreeMap<String, OwnedFd>,
) -> Result<Sockets, ServeError> {
    let street = config.listeners.iter().map(|one| one.address.clone());
    let others = beside.iter().filter(|one| one.listener.is_none());
    let others = others.map(|one| ListenPlace::Tcp(one.address));
    let mut sockets = Sockets::open(street.chain(others), given)?;
    for one in beside.iter_mut().filter(|one| one.listener.is_none()) {
        one.listener = sockets.take_tcp(one.address);
    }
    Ok(sockets)
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
        upstream_keepalive_pool_size: kept.max(1),
        ..ServerConf::default()
    }
}

/// Adds the admin listener, where there is one, and what it works with.
fn with_admin(
    config: &Config,
    shared: &Arc<Shared>,
    (company, reloads): (Company, &Arc<Reloads>),
) -> Result<(Vec<Beside>, Option<Desk>), ServeError> {
    let Company { mut beside, link } = company;
    let Some(settings) = &config.admin else {
        return Ok((beside, None));
    };
    let access = match &settings.token_file {
        None if settings.takes_certificates() => Access::Certificate,
        None => Access::Loopback,
        Some(path) => {
            let token = std::fs::read_to_string(path).map_err(|error| ServeError::AdminToken {
                path: path.display().to_string(),
                error,
            })?;
            Access::Token(token.trim().into())
        }
    };
    let around = admin::Beside {
        reloads: Some(Arc::clone(reloads)),
        link,
        secure: settings.tls.is_some() || !admin::is_loopback(settings.address),
    };
    let secured = settings.tls.as_ref().map(|tls| Secured::read(tls, shared));
    let secured = secured
        .transpose()
        .map_err(|error| ServeError::Certificate {
            listener: "admin".to_owned(),
            error,
        })?;
    let desk = Desk::with(Arc::clone(shared), access, around);
    beside.push(Beside {
        name: "admin",
        address: settings.address,
        listener: None,
        secured: secured.map(Arc::new),
        router: admin::router_of(desk.clone()),
        draining: Some(Arc::clone(shared)),
    });
    Ok((beside, Some(desk)))
}
