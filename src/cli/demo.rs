//! `vestibule demo`: everything on embedded defaults, with a storefront behind it.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::run::start;
use super::{secret_file, tell};
use crate::admin::Link;
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{Config, Layers};
use crate::demo::{IssueError, IssueToken, Person, PersonKind, StorefrontSettings, perks, router};
use crate::domain::vtexid::{Audience, Login, LoginKey, draw_login_key, mint};
use crate::ports::{Clock, Entropy};
use crate::serve::{Beside, Company};

const CONFIG: &str = include_str!("../../conf/demo.toml");
const DIRECTORY: &str = include_str!("../../conf/demo-directory.toml");
const PERKS: &str = include_str!("../../conf/examples/session-app/configuration.json");
const ACCOUNT: &str = "demostore";

/// How long a login of the demo holds.
const LOGIN: Duration = Duration::from_hours(24);

/// Options of the demo.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Session lifetime, such as 60s, to see the refresh within a minute
    #[arg(long)]
    lifetime: Option<String>,
    /// How long before its end a session is refreshed
    #[arg(long)]
    refresh_before_end: Option<String>,
    /// Where the demo keeps its keys and data
    #[arg(long, default_value = "./data/demo")]
    data: PathBuf,
    /// Port of the proxy
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the storefront behind it
    #[arg(long, default_value_t = 8081)]
    storefront_port: u16,
    /// Port of the admin listener
    #[arg(long, default_value_t = 9090)]
    admin_port: u16,
    /// Port of the session app; without it, one that is free
    #[arg(long)]
    perks_port: Option<u16>,
}

/// Runs the demo until it is told to stop.
pub fn run(args: &DemoArgs, out: &mut dyn Write) -> io::Result<ExitCode> {
    if let Err(error) = prepare(&args.data) {
        tell(&format!("vestibule: {}: {error}", args.data.display()));
        return Ok(ExitCode::from(2));
    }
    let wanted = local(args.perks_port.unwrap_or(0));
    let place = TcpListener::bind(wanted);
    let place = place.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = match place {
        Ok(place) => place,
        Err(error) => {
            tell(&format!("vestibule: cannot listen on {wanted}: {error}"));
            return Ok(ExitCode::from(2));
        }
    };
    let variables = variables(args, address);
    let layers = Layers::text("conf/demo.toml", CONFIG, &args.data).with_variables(variables);
    let (link, secret) = Link::draw(&SystemEntropy, SystemClock::start().now());
    greet(args, &secret, out)?;
    let storefront = local(args.storefront_port);
    let data = args.data.clone();
    start(
        (Box::new(move || layers.clone()), false),
        out,
        &move |config| {
            let router = router(storefront_settings(config, &data)?);
            let storefront = Beside {
                name: "storefront",
                address: storefront,
                listener: None,
                secured: None,
                router,
                draining: None,
            };
            let listener = listener.try_clone().map_err(|error| error.to_string())?;
            let perks = Beside {
                name: "perks",
                address,
                listener: Some(listener),
                secured: None,
                router: perks(),
                draining: None,
            };
            Ok(Company {
                beside: vec![storefront, perks],
                link: Some(link.clone()),
            })
        },
    )
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The demo's own files: its store's data, its session app's configuration, and the key by which it
/// logs people in.
fn prepare(data: &Path) -> io::Result<()> {
    std::fs::create_dir_all(data)?;
    std::fs::write(data.join("directory.toml"), DIRECTORY)?;
    std::fs::write(data.join("perks.json"), PERKS)?;
    let login = data.join("login.json");
    if !login.exists() {
        let key = draw_login_key(&mut || SystemEntropy.bits());
        secret_file::create_secret(&login, &key).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The options, laid over the configuration like variables of the environment.
fn variables(args: &DemoArgs, perks: SocketAddr) -> Vec<(String, String)> {
    let set = |key: &str, value: String| (format!("VESTIBULE__{key}"), value);
    let account = |key: &str, value: String| set(&format!("ACCOUNT__{ACCOUNT}__{key}"), value);
    let mut variables = vec![
        set("LISTENER__street__ADDRESS", local(args.port).to_string()),
        set("ADMIN__ADDRESS", local(args.admin_port).to_string()),
        set("STORE__PATH", "sessions".to_owned()),
        account("KEYS__FILE", "keys.json".to_owned()),
        account("DIRECTORY__FILE", "directory.toml".to_owned()),
        account("APP__perks__URL", format!("http://{perks}")),
        account("APP__perks__CONFIGURATION", "perks.json".to_owned()),
        account("AUTHENTICATION__LOCAL_KEY", "login.json".to_owned()),
        account(
            "UPSTREAM__storefront__ADDRESSES",
            format!("[\"{}\"]", local(args.storefront_port)),
        ),
    ];
    variables.extend(
        args.lifetime
            .clone()
            .map(|span| set("LIFETIME__LIFETIME", span)),
    );
    let before_end = args.refresh_before_end.clone();
    variables.extend(before_end.map(|span| set("LIFETIME__REFRESH_BEFORE_END", span)));
    variables
}

fn greet(args: &DemoArgs, secret: &str, out: &mut dyn Write) -> io::Result<()> {
    let shop = format!("http://{}", local(args.port));
    writeln!(out, "Vestibule demo. Open {shop}/ in a browser, or try:")?;
    writeln!(out, "  curl -si '{shop}/?sc=2&utm_campaign=blackfriday'")?;
    writeln!(
        out,
        "  curl -si '{shop}/?sc=4'              a channel that nobody may have"
    )?;
    writeln!(
        out,
        "  curl -s  '{shop}/echo'               what the storefront receives"
    )?;
    let admin = local(args.admin_port);
    writeln!(
        out,
        "The console, by a link that is good once and for ten minutes:\n  http://{admin}/console/enter?once={secret}\n"
    )
}

fn storefront_settings(config: &Config, data: &Path) -> Result<StorefrontSettings, String> {
    let account = config.accounts.first().ok_or("the demo has no account")?;
    let path = data.join("login.json");
    let key = secret_file::read_text(&path).map_err(|error| error.to_string())?;
    let key = LoginKey::parse(&key).map_err(|error| format!("{}: {error}", path.display()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let policy = &account.lifetimes.authenticated;
    Ok(StorefrontSettings {
        lifetime: policy.lifetime(),
        refresh_before_end: policy.refresh_before_end(),
        idle: policy.idle(),
        account: ACCOUNT.to_owned(),
        token_issuer: Arc::new(Issuer {
            key,
            clock: Arc::clone(&clock),
        }),
        clock,
    })
}

/// Logs the demo's people in with a key of its own.
#[derive(Debug)]
struct Issuer {
    key: LoginKey,
    clock: Arc<dyn Clock>,
}

impl IssueToken for Issuer {
    fn issue(&self, person: &Person) -> Result<String, IssueError> {
        let audience = match person.kind {
            PersonKind::Shopper => Audience::Webstore,
            PersonKind::Staff => Audience::Admin,
        };
        let now = self.clock.now();
        let login = Login {
            audience,
            account: ACCOUNT,
            user_id: person.id,
            email: person.email,
            life: LOGIN,
            random: SystemEntropy.bits(),
        };
        mint(&self.key, &login, now).map_err(|error| IssueError(error.to_string()))
    }
}
