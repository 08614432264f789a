//! The process that runs: hears on its private socket of one that would take its place.

use std::fs::Permissions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::greeting::{self, GreetingError, Offer, Request};
use super::line::{Frames, Kind, Line};
use super::{PREPARING, VERSION};
use crate::store::PassedStore;

/// Between two tries to accept where that fails.
const PAUSE: Duration = Duration::from_millis(250);

/// What a process has to give, and what it says of itself.
pub struct Home {
    /// The private socket.
    pub path: PathBuf,
    /// The listening sockets, by address.
    pub sockets: Vec<(String, OwnedFd)>,
    /// What a new process has to agree in.
    pub like: Request,
    /// The store of sessions, where it is this machine's.
    pub store: Option<PassedStore>,
    /// How many changes wait for the store of sessions.
    pub owed: Box<dyn Fn() -> usize + Send + Sync>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The process that has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its number.
    pub process: u32,
}

/// Waits for a process that would take over.
#[derive(Debug)]
pub struct Giver {
    giving: Arc<Giving>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Giving {
    home: Mutex<Option<Arc<Home>>>,
    /// Held by the one that is taking over.
    taking: Arc<tokio::sync::Mutex<()>>,
    handed: watch::Sender<Option<Handed>>,
}

impl Giver {
    /// Listens on the private socket, in place of whatever listened there before.
    pub fn open(home: Home, runtime: &Handle) -> io::Result<Self> {
        let listener = {
            let _within = runtime.enter();
            bind(&home)?
        };
        let giving = Arc::new(Giving {
            home: Mutex::new(Some(Arc::new(home))),
            taking: Arc::default(),
            handed: watch::Sender::new(None),
        });
        let listening = runtime.spawn(Arc::clone(&giving).listen(listener));
        let listening = listening.abort_handle();
        Ok(Self { giving, listening })
    }

    /// Waits until a process has taken over.
    pub async fn handed(&self) -> Handed {
        let mut handed = self.giving.handed.subscribe();
        let found = handed.wait_for(Option::is_some).await.map(|found| *found);
        match found {
            Ok(Some(handed)) => handed,
            _ => std::future::pending().await,
        }
    }

    /// Whether somebody is taking over just now.
    pub fn is_giving(&self) -> bool {
        self.giving.taking.try_lock().is_err()
    }

    /// Hears no more of anybody else, and lets go of the listening sockets.
    pub fn leave(&self) {
        self.listening.abort();
        drop(self.giving.home.lock().take());
    }
}

fn bind(home: &Home) -> io::Result<UnixListener> {
    match std::fs::remove_file(&home.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&home.path)?;
    std::fs::set_permissions(&home.path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Giving {
    async fn listen(self: Arc<Self>, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(Arc::clone(&self).meet(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "A new process cannot be heard.");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn meet(self: Arc<Self>, mut stream: UnixStream) {
        if !of_this_user(&stream) {
            tracing::warn!("A process of another user asks for a hand-over; it gets no answer.");
            return;
        }
        let request = match greeting::hear(&mut stream).await {
            Ok(request) => request,
            Err(GreetingError::Version(version)) => {
                let why = format!(
                    "it speaks version {VERSION} of the hand-over, and the new one {version}; stop it and start the new one"
                );
                return refuse(stream, &why).await;
            }
            // Somebody looked whether anybody is there.
            Err(error) => {
                tracing::debug!(%error, "Somebody came and asked for nothing.");
                return;
            }
        };
        let Ok(_taking) = self.taking.clone().try_lock_owned() else {
            return refuse(stream, "another process is taking over already").await;
        };
        let Some(home) = self.home.lock().clone() else {
            return refuse(stream, "it has handed over, or is stopping, already").await;
        };
        if let Err(why) = agree(&home, &request).await {
            return refuse(stream, &why).await;
        }
        let process = request.process;
        tracing::info!(
            process,
            program = request.program,
            "A new process takes over."
        );
        if let Err(error) = offer(&mut stream, &home).await {
            tracing::warn!(%error, process, "The new process did not take the sockets; this one goes on.");
            return;
        }
        let (line, frames) = Line::open(stream);
        self.give(home, (line, frames), process).await;
    }

    /// Answers for the store until the other process is gone, or this one.
    async fn give(&self, home: Arc<Home>, (line, frames): (Line, Frames), process: u32) {
        if let Some(store) = &home.store {
            store.lend(line.clone());
        }
        let (ready, begun) = oneshot::channel();
        let hearing = tokio::spawn(hear(frames, home.store.clone(), ready));
        if !matches!(timeout(PREPARING, begun).await, Ok(Ok(()))) {
            tracing::warn!(
                process,
                "The new process did not come so far as to accept connections; this one goes on."
            );
            line.send(Kind::GivenUp, 0, Vec::new());
            hearing.abort();
            if let Some(store) = &home.store {
                store.lend_no_more();
            }
            return;
        }
        line.send(Kind::Leaving, 0, Vec::new());
        tracing::info!(
            process,
            "The new process accepts connections; this one leaves."
        );
        self.handed.send_replace(Some(Handed { process }));
        let store = home.store.clone();
        // The sockets are not to be held from here.
        drop(home);
        // It ends with this process, or when the other one has.
        drop(hearing.await);
        if let Some(store) = store {
            store.lend_no_more();
        }
    }
}

async fn hear(mut frames: Frames, store: Option<PassedStore>, ready: oneshot::Sender<()>) {
    let mut ready = Some(ready);
    while let Some(frame) = frames.next().await {
        match (frame.kind, &store) {
            (Kind::Ready, _) => {
                if ready.take().is_some_and(|ready| ready.send(()).is_err()) {
                    tracing::debug!("The new process is ready too late.");
                }
            }
            (_, Some(store)) => store.hear(frame),
            (kind, None) => tracing::debug!(?kind, "A frame is nobody's here."),
        }
    }
}

async fn offer(stream: &mut UnixStream, home: &Home) -> Result<(), GreetingError> {
    let (addresses, sockets): (Vec<_>, Vec<_>) =
        home.sockets.iter().map(|(a, b)| (a.clone(), b)).unzip();
    let sockets: io::Result<Vec<OwnedFd>> = sockets.into_iter().map(OwnedFd::try_clone).collect();
    let offered = Offer {
        program: home.like.program.clone(),
        process: home.like.process,
        sockets: addresses,
    };
    greeting::offer(stream, &offered, &sockets?).await
}

/// Whether a process may take over now, or why not.
async fn agree(home: &Home, request: &Request) -> Result<(), String> {
    let Request {
        program: _,
        process: _,
        store,
        records,
    } = &home.like;
    if request.records != *records {
        return Err(format!(
            "it writes records of version {records}, and the new one of version {}; stop it and start the new one",
            request.records
        ));
    }
    if request.store != *store {
        return Err(format!(
            "its sessions are in another store: {store}, and the new one's in {}; they would be lost",
            request.store
        ));
    }
    if let Some(store) = &home.store
        && timeout(PREPARING, store.owned()).await.is_err()
    {
        return Err("the process before it has not left yet".to_owned());
    }
    let owed = (home.owed)();
    if owed > 0 {
        return Err(format!(
            "{owed} changes still wait for the session store, and would be lost with it"
        ));
    }
    Ok(())
}

async fn refuse(mut stream: UnixStream, why: &str) {
    tracing::warn!(why, "A new process would take over and is refused.");
    if let Err(error) = greeting::refuse(&mut stream, why).await {
        tracing::debug!(%error, "It could not be told.");
    }
}

/// Whoever takes over gets sockets and sessions: nobody but this user, or root.
fn of_this_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}
