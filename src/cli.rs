//! The commands. Exit codes: 0 done, 1 bad configuration or usage, 2 could not start.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{FileChecks, OnDisk, Unseen};

pub mod check;
pub mod demo;
pub mod explain;
pub mod health;
pub mod keys;
pub mod manual;
pub mod moment;
pub mod run;
pub mod schema;
pub mod secret_file;
pub mod store;
pub mod token;

/// A reverse proxy that stands in front of an online store and knows every shopper.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A store in a box: proxy, storefront and admin on this machine
    Demo(demo::DemoArgs),
    /// Run with a configuration
    Run(run::RunArgs),
    /// Say everything that is wrong with a configuration
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// Tell it to a machine
        #[arg(long)]
        json: bool,
        /// Print the effective configuration too, secrets hidden
        #[arg(long)]
        show: bool,
        /// Check the text alone: key rings, key sets and directories need not be here
        #[arg(long)]
        without_files: bool,
        /// Try each source of truth once too, and say what answered, how fast, and what is wrong
        #[arg(long, conflicts_with = "without_files")]
        online: bool,
    },
    /// Print the configuration's JSON Schema
    Schema {
        /// Print the reference page instead
        #[arg(long)]
        markdown: bool,
    },
    /// Make, rotate and list keys
    Keys(keys::KeysArgs),
    /// Look into tokens, and make login tokens for tests
    Token(token::TokenArgs),
    /// Show what would be decided about one request, without doing it
    Explain(explain::ExplainArgs),
    /// Look into a store of sessions on disk
    Store(store::StoreArgs),
    /// Ask a process on this machine whether it lives, or is ready
    Health(health::HealthArgs),
    /// Print what completes these commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the pages of the manual, one for each command
    Man {
        /// The folder that they are written to
        #[arg(long)]
        out: PathBuf,
    },
}

/// Which configuration.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// The configuration's file
    #[arg(long)]
    pub config: PathBuf,
    /// The environment whose overlay is laid over it, `FILE` stem + `.NAME.toml`
    #[arg(long)]
    pub env: Option<String>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => return usage(&said),
    };
    let mut out = io::stdout().lock();
    match dispatch(cli.command, &mut out) {
        Ok(code) => code,
        // A reader that went away, as `head` does, is no failure of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("vestibule: {error}"));
            ExitCode::from(1)
        }
    }
}

/// Help is an answer; anything else is wrong usage.
fn usage(said: &clap::Error) -> ExitCode {
    let printed = said.print();
    if said.use_stderr() || printed.is_err() {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> io::Result<ExitCode> {
    let (clock, entropy) = (SystemClock::start(), SystemEntropy);
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    match command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Run(args) => run::run(&args, variables, out),
        Command::Check {
            config,
            json,
            show,
            without_files,
            online,
        } => {
            let check = check::Check {
                file: &config.config,
                environment: config.env.as_deref(),
                json,
                show,
                online,
            };
            let files: &dyn FileChecks = if without_files { &Unseen } else { &OnDisk };
            check::run(check, variables, files, out)
        }
        Command::Schema { markdown } => schema::run(markdown, out),
        Command::Keys(args) => Ok(done(keys::run_keys(&args, out, &clock, &entropy))),
        Command::Token(args) => Ok(done(token::run_token(
            &args,
            &mut io::stdin().lock(),
            out,
            &clock,
            &entropy,
        ))),
        Command::Explain(args) => explain::run(&args, variables, out),
        Command::Store(args) => Ok(store::run(&args, variables, out, &clock).unwrap_or_else(
            |error| {
                tell(&format!("vestibule: {error}"));
                ExitCode::from(1)
            },
        )),
        Command::Health(args) => Ok(done(health::run(&args, out))),
        Command::Completions { shell } => {
            manual::complete(Cli::command(), shell, out).map(|()| ExitCode::SUCCESS)
        }
        Command::Man { out } => Ok(done(manual::write_pages(Cli::command(), &out))),
    }
}

/// A command that says itself why it could not do what was asked.
fn done<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("vestibule: {error}"));
            ExitCode::from(1)
        }
    }
}

/// Says something to whoever started the program; where nobody listens, nothing is lost.
pub(crate) fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
