//! `vestibule explain`: the whole decision about one request, by the same code as the proxy.
//! Apps over HTTP and sources of truth are really asked: nobody else knows what they would say.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::run::system_ports;
use super::{ConfigArgs, tell};
use crate::assemble::{NewKeys, Ports, assemble};
use crate::config::values::{Store, StoreKind};
use crate::config::{self, Config, Layers, OnDisk};
use crate::edge::Peer;
use crate::explain::{Question, Report, Stopped, Upstream, give, parse};

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
    let text = read(&args.request)?;
    let (head, body) = parse(&text)
        .map_err(|(line, said)| format!("{}:{line}: {said}", args.request.display()))?;
    let mut listeners = config.listeners.iter();
    let insecure = listeners.all(|listener| listener.insecure_cookies);
    let mut question = Question::ask((head, body), &running, (nearby(config), insecure))?;
    if let Some(file) = &args.session {
        let said = |problem: String| format!("{}: {problem}", file.display());
        let document: Value =
            serde_json::from_str(&read(file)?).map_err(|error| said(error.to_string()))?;
        let texts = [&args.created_ago, &args.issued_ago, &args.seen_ago];
        let mut ages = [Duration::ZERO; 3];
        for (age, text) in ages.iter_mut().zip(texts) {
            *age = humantime::parse_duration(text).map_err(|error| format!("`{text}`: {error}"))?;
        }
        let account = Arc::clone(question.account());
        let settings = account.cookies.of(insecure);
        let whose = (&*shared.flow, &*account);
        let given = give(whose, question.head_mut(), (&document, ages), settings);
        given.await.map_err(said)?;
    }
    let upstream = Upstream {
        status: args.status,
        cache_control: args.cache_control.as_deref(),
    };
    let answer = Box::pin(question.answer(&shared.flow, &running, upstream));
    Ok(answer.await)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
