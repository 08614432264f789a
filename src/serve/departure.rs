//! What ends a process: signals, and a new process in its place.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use super::leaving::Leaving;
use crate::handover::{Giver, Handed};
use crate::systemd;

/// The option by which a new process takes over.
const UPGRADE: &str = "--upgrade";

/// Waits for the end and has everything leave in time.
pub(super) struct Departure {
    pub(super) leaving: Arc<Leaving>,
    /// Who hands over, as soon as anybody can.
    pub(super) giver: watch::Receiver<Option<Arc<Giver>>>,
    /// Becomes true where the process before has not made room.
    pub(super) unwanted: watch::Receiver<bool>,
    pub(super) successor: Successor,
    pub(super) grace: Duration,
}

enum End {
    AtOnce,
    Told,
    Handed(Handed),
    Unwanted,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }
}

#[async_trait]
impl ShutdownSignalWatch for Departure {
    /// Returns when nothing is left to wait for: what pingora does from there on is at once.
    async fn recv(&self) -> ShutdownSignal {
        match Signals::listen() {
            Ok(mut signals) => self.wait(&mut signals).await,
            Err(error) => tracing::error!(%error, "No signal can be heard: the process ends."),
        }
        ShutdownSignal::FastShutdown
    }
}

impl Departure {
    async fn wait(&self, signals: &mut Signals) {
        let handed = match self.end(signals).await {
            End::AtOnce => return,
            End::Told => {
                systemd::stopping();
                false
            }
            End::Handed(Handed { process }) => {
                systemd::succeeded_by(process);
                true
            }
            End::Unwanted => false,
        };
        if let Some(giver) = self.giver() {
            giver.leave();
        }
        self.leaving.begin(handed);
        tokio::select! {
            left = timeout(self.grace, self.leaving.done()) => self.tell_how(left.is_ok()),
            _ = signals.interrupt.recv() => return,
        }
        self.leaving.last_words().await;
    }

    fn tell_how(&self, in_time: bool) {
        if in_time {
            tracing::info!("Everything that was under way is done.");
            return;
        }
        let connections = self.leaving.connections();
        tracing::warn!(
            connections,
            "The grace is over: connections that are still used are cut off."
        );
    }

    async fn end(&self, signals: &mut Signals) -> End {
        let mut unwanted = self.unwanted.clone();
        loop {
            tokio::select! {
                _ = signals.interrupt.recv() => return End::AtOnce,
                _ = signals.terminate.recv() => return End::Told,
                handed = self.handed() => return End::Handed(handed),
                Ok(_) = unwanted.wait_for(|unwanted| *unwanted) => return End::Unwanted,
                _ = signals.quit.recv() => self.begin_successor(),
            }
        }
    }

    fn giver(&self) -> Option<Arc<Giver>> {
        self.giver.borrow().clone()
    }

    async fn handed(&self) -> Handed {
        let mut giver = self.giver.clone();
        let found = giver.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| found.clone());
        match found {
            Some(giver) => giver.handed().await,
            None => std::future::pending().await,
        }
    }

    /// At `SIGQUIT`: begins a new process that takes over, if none does already.
    fn begin_successor(&self) {
        let Some(giver) = self.giver() else {
            tracing::warn!(
                "SIGQUIT: nothing is handed over, since there is no server.handover_socket or this process is taking over itself."
            );
            return;
        };
        if giver.is_giving() {
            tracing::info!("SIGQUIT: a new process is taking over already.");
            return;
        }
        if let Err(error) = self.successor.begin() {
            let program = self.successor.program.display();
            tracing::error!(%error, %program, "SIGQUIT: the new process cannot be started; this one goes on.");
        }
    }
}

/// How this very process was started, and with it the next one.
#[derive(Debug)]
pub(super) struct Successor {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Successor {
    /// Whatever is at the program's place when its time comes is started.
    pub(super) fn of_this_process() -> Self {
        let mut arguments = std::env::args_os();
        let program = PathBuf::from(arguments.next().unwrap_or_default());
        let mut arguments: Vec<OsString> = arguments.collect();
        if !arguments.iter().any(|one| one == UPGRADE) {
            arguments.push(UPGRADE.into());
        }
        // The directory may be another one by then; a bare name is looked for in `PATH`.
        let is_path = program.components().count() > 1;
        let program = match std::path::absolute(&program) {
            Ok(absolute) if is_path => absolute,
            _ => program,
        };
        Self { program, arguments }
    }

    fn begin(&self) -> io::Result<()> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .kill_on_drop(false)
            .spawn()?;
        tracing::info!(process = child.id(), "SIGQUIT: a new process is started.");
        tokio::spawn(async move {
            // One that takes over outlives this process; any other is not to stay as a zombie.
            if let Ok(status) = child.wait().await {
                tracing::warn!(%status, "The new process has ended.");
            }
        });
        Ok(())
    }
}
