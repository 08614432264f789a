//! `vestibule run`: the real thing.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{ConfigArgs, tell};
use crate::assemble::{DirectoriesOnDisk, NewKeys, Ports, assemble_from};
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::values::{Log, LogFormat};
use crate::config::{self, Config, Layers, OnDisk};
use crate::outbound::names::SystemNames;
use crate::reload::{ReadLayers, Reloads};
use crate::serve::{Company, Place, PlaceError, serve};
use crate::telemetry::{filter, tell_panics};

mod summary;

use summary::Summary;

/// Bad configuration or usage.
const BAD: u8 = 1;
/// Could not start.
const NOT_STARTED: u8 = 2;

/// How to run.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Take over from the process that runs: its sockets and its sessions. It finishes what is
    /// under way and ends
    #[arg(long)]
    upgrade: bool,
}

/// Loads, says what is wrong or starts.
pub fn run(
    args: &RunArgs,
    variables: impl IntoIterator<Item = (String, String)>,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let RunArgs { config, upgrade } = args;
    let (file, environment) = (config.config.clone(), config.env.clone());
    let variables: Vec<_> = variables.into_iter().collect();
    let read = move || Layers::read(&file, environment.as_deref(), variables.iter().cloned());
    // What a service manager keeps of the output is the log: lines for people would only be in its way.
    let mut nowhere = io::sink();
    let out: &mut dyn Write = if io::stdout().is_terminal() {
        out
    } else {
        &mut nowhere
    };
    start((Box::new(read), *upgrade), out, &|_| Ok(Company::default()))
}

/// What is served beside the proxy, made of the checked configuration.
pub(super) type MakeBeside<'a> = dyn Fn(&Config) -> Result<Company, String> + 'a;

/// Starts what these layers describe, in the place of another process if `upgrade` says so; returns
/// when it was told to stop.
pub(super) fn start(
    (read, upgrade): (ReadLayers, bool),
    out: &mut dyn Write,
    beside: &MakeBeside<'_>,
) -> io::Result<ExitCode> {
    let loaded = match config::load(&read(), &OnDisk) {
        Ok(loaded) => loaded,
        Err(report) => {
            tell(&report.to_string());
            return Ok(ExitCode::from(BAD));
        }
    };
    if !loaded.warnings.findings().is_empty() {
        tell(&loaded.warnings.to_string());
    }
    let config = &loaded.config;
    begin_log(config.log);
    tell_panics();
    let ports = system_ports();
    let place = match Place::seek(config, upgrade) {
        Ok(place) => place,
        Err(error @ PlaceError::NoSocket) => {
            tell(&format!("vestibule: {error}"));
            return Ok(ExitCode::from(BAD));
        }
        Err(error) => return Ok(not_started(&error)),
    };
    let (shared, store) = match assemble_from(config, &ports, place.store()) {
        Ok(assembled) => assembled,
        Err(error) => return Ok(not_started(&error)),
    };
    let company = match beside(config) {
        Ok(company) => company,
        Err(error) => return Ok(not_started(&error)),
    };
    let keys = |account: &str| {
        let running = shared.running.load();
        let site = running.hosts.site_of(account);
        site.map_or(0, |site| site.account.keys.keys().len())
    };
    let summary = Summary::of(config, &company.beside, keys);
    summary.log();
    write!(out, "{summary}")?;
    out.flush()?;
    let reloads = Reloads::new(read, Arc::clone(&shared), ports, &loaded);
    match serve(config, &shared, (company, &reloads), (place, store)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Ok(not_started(&error)),
    }
}

/// The ports of a process of its own.
pub(super) fn system_ports() -> Ports {
    Ports {
        clock: Arc::new(SystemClock::start()),
        entropy: Arc::new(SystemEntropy),
        names: Arc::new(SystemNames),
        directories: Arc::new(DirectoriesOnDisk),
        new_keys: NewKeys::Kept,
    }
}

fn not_started(error: &dyn std::fmt::Display) -> ExitCode {
    tell(&format!("vestibule: {error}"));
    ExitCode::from(NOT_STARTED)
}

/// Logs go to standard error: standard output is for what the command was asked for.
fn begin_log(log: Log) {
    let targets = filter(log.level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry();
    let begun = match log.format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_filter(targets))
            .try_init(),
        LogFormat::Text => registry.with(lines.with_filter(targets)).try_init(),
    };
    if let Err(error) = begun {
        tell(&format!("vestibule: no log: {error}"));
    }
}
