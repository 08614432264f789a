//! `vestibule explain`: the whole decision about one request, by the same code as the proxy.
//! Apps over HTTP and sources of truth are really asked: nobody else knows what they would say.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::run::system_ports;
use super::{ConfigArgs, tell};
use crate::account::Account;
use crate::api::{Answered, Call, SessionApi};
use crate::assemble::{NewKeys, Ports, assemble};
use crate::config::values::{Store, StoreKind};
use crate::config::{self, Config, Layers, OnDisk};
use crate::domain::cookies::ResponseFacts;
use crate::domain::inputs::read_inputs;
use crate::domain::time::Millis;
use crate::edge::{self, Peer, Shared, session_api};
use crate::ports::Clock;

mod kept;
mod report;
mod request;

use report::Report;

/// What is explained.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// A file with one HTTP/1.1 request: request line, headers, empty line
    #[arg(long)]
    request: PathBuf,
    /// The session that the shopper already has: a session document, or `{}`
    #[arg(long)]
    session: Option<PathBuf>,
    /// How long ago that session began
    #[arg(long, default_value = "10m", requires = "session")]
    created_ago: String,
    /// How long ago its cookie was issued
    #[arg(long, default_value = "10m", requires = "session")]
    issued_ago: String,
    /// How long ago it was used last
    #[arg(long, default_value = "1m", requires = "session")]
    seen_ago: String,
    /// Status of the upstream's response
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// `Cache-Control` of the upstream's response
    #[arg(long)]
    cache_control: Option<String>,
    /// Tell it to a machine
    #[arg(long)]
    json: bool,
}

/// The moment of the explained request: no time goes by while it is explained, so a session that
/// was seen 25 minutes ago was seen exactly then.
#[derive(Debug)]
struct Stopped(Millis);

impl Clock for Stopped {
    fn now(&self) -> Millis {
        self.0
    }
}

/// Explains one request. Nothing is kept, and nothing is sent but the calls of apps over HTTP and those
/// of sources of truth.
pub fn run(
    args: &ExplainArgs,
    variables: impl IntoIterator<Item = (String, String)>,
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let layers = Layers::read(&args.config.config, args.config.env.as_deref(), variables);
    let config = match config::load(&layers, &OnDisk) {
        // Nothing is kept, and the store of a running process stays its own.
        Ok(loaded) => Config {
            store: Store {
                kind: StoreKind::Memory,
                ..loaded.config.store
            },
            ..loaded.config
        },
        Err(report) => {
            tell(&report.to_string());
            return Ok(ExitCode::from(1));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(explain(args, &config)) {
        Ok(report) if args.json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(report) => {
            write!(out, "{report}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => {
            tell(&format!("vestibule: {problem}"));
            Ok(ExitCode::from(1))
        }
    }
}

/// Somebody on this machine, by TLS where a listener speaks it.
fn nearby(config: &Config) -> Peer {
    Peer {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        tls: config.listeners.iter().any(|one| one.tls.is_some()),
    }
}

async fn explain(args: &ExplainArgs, config: &Config) -> Result<Report, String> {
    let system = system_ports();
    let ports = Ports {
        clock: Arc::new(Stopped(system.clock.now())),
        new_keys: NewKeys::Forgotten,
        ..system
    };
    let shared = assemble(config, &ports).map_err(|error| error.to_string())?;
    let running = shared.running.load_full();
    let (mut head, body) = request::read(&args.request)?;
    let peer = nearby(config);
    let reading = edge::read(&mut head, &running, peer)
        .map_err(|error| format!("the request is answered with {}: {error}", error.status()))?;
    let site = running
        .hosts
        .find(reading.admitted.host.as_str(), &reading.admitted.path)
        .ok_or("the request is answered with 421: this host is not served here")?;
    let account = &site.account;
    let mut listeners = config.listeners.iter();
    let insecure = listeners.all(|listener| listener.insecure_cookies);
    if let Some(file) = &args.session {
        let ages = [&args.created_ago, &args.issued_ago, &args.seen_ago];
        kept::give(
            &shared,
            account,
            &mut head,
            kept::Kept {
                file,
                ages,
                insecure,
            },
        )
        .await?;
    }
    let view = reading.admitted.view(&head, reading.secure, insecure);
    let inputs = read_inputs(&view, &account.inputs);
    let mut report = Report::of_inputs(&view, account, &inputs, reading.spoofed);
    if let Some(route) = session_api::route(&reading.admitted, account) {
        let body_limit = running.limits.api_body_bytes;
        let call = Call {
            route,
            request: view,
            body: Some(&body),
            body_limit,
        };
        report.add_call(&answer_call(&shared, account, call).await);
        report.add_lookups(&account.recent.all());
        return Ok(report);
    }
    let mut decision = shared.flow.decide(account, &view, &|| true).await;
    let facts = ResponseFacts {
        status: args.status,
        cache_control: args.cache_control.as_deref(),
    };
    let settings = account.cookies.of(insecure);
    let leaving = shared.flow.leave(&mut decision, settings, &facts).await;
    report.add(&decision, &leaving);
    report.add_lookups(&account.recent.all());
    Ok(report)
}

async fn answer_call(shared: &Shared, account: &Arc<Account>, call: Call<'_>) -> Answered {
    let flow = &shared.flow;
    SessionApi { flow, account }.answer(call, &|| true).await
}
