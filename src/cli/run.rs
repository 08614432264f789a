//! `vestibule run`: the real thing.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{ConfigArgs, tell};
use crate::assemble::{DirectoriesOnDisk, NewKeys, Ports, assemble};
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::values::{ListenPlace, Log, LogFormat};
use crate::config::{self, Config, Layers, OnDisk};
use crate::outbound::names::SystemNames;
use crate::reload::{ReadLayers, Reloads};
use crate::serve::{Beside, serve};
use crate::telemetry::filter;

/// Bad configuration or usage.
const BAD: u8 = 1;
/// Could not start.
const NOT_STARTED: u8 = 2;

/// Loads, says what is wrong or starts.
pub fn run(
    args: &ConfigArgs,
    variables: impl IntoIterator<Item = (String, String)>,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (file, environment) = (args.config.clone(), args.env.clone());
    let variables: Vec<_> = variables.into_iter().collect();
    let read = move || Layers::read(&file, environment.as_deref(), variables.iter().cloned());
    start(Box::new(read), out, &|_| Ok(Vec::new()))
}

/// What is served beside the proxy, made of the checked configuration.
pub(super) type MakeBeside<'a> = dyn Fn(&Config) -> Result<Vec<Beside>, String> + 'a;

/// Starts what these layers describe; returns when it was told to stop.
pub(super) fn start(
    read: ReadLayers,
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
    let ports = system_ports();
    let shared = match assemble(config, &ports) {
        Ok(shared) => shared,
        Err(error) => return Ok(not_started(&error)),
    };
    let beside = match beside(config) {
        Ok(beside) => beside,
        Err(error) => return Ok(not_started(&error)),
    };
    for listener in &config.listeners {
        let scheme = match (&listener.address, &listener.tls) {
            (ListenPlace::Unix { .. }, _) => "",
            (ListenPlace::Tcp(_), Some(_)) => "https://",
            (ListenPlace::Tcp(_), None) => "http://",
        };
        writeln!(out, "proxy       {scheme}{}", listener.address)?;
    }
    // What was opened beforehand is for this process alone.
    for one in beside.iter().filter(|one| one.listener.is_none()) {
        writeln!(out, "{:<11} http://{}", one.name, one.address)?;
    }
    if let Some(admin) = &config.admin {
        writeln!(out, "admin       http://{}/metrics", admin.address)?;
    }
    out.flush()?;
    let reloads = Reloads::new(read, Arc::clone(&shared), ports, &loaded);
    match serve(config, &shared, beside, &reloads) {
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
