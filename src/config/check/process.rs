//! Server, admin address, limits and log.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;

use super::Check;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{AccessLog, Admin, Limits, Log, LogFormat, LogLevel, WITHOUT_ADDRESS};
use crate::domain::request::trace::Sampling;
use crate::domain::session::limits::SessionLimits;

const ADDRESS: &str = "an address and a port, such as 0.0.0.0:8080 or [::]:8080";
const NETWORK: &str = "a network such as 10.0.0.0/8 or fd00::/8, one address, or unix";
/// In `trusted_proxies`: whoever comes by a socket of this machine.
pub(super) const BY_SOCKET: &str = "unix";

impl Check<'_, '_, '_> {
    pub(super) fn server(
        &mut self,
        server: &raw::Server,
    ) -> (Option<NonZeroUsize>, Duration, Vec<String>) {
        let raw::Server {
            threads,
            grace,
            watch: _,
            trusted_proxies: _,
            crawlers,
        } = server;
        let at = At::default().key("server");
        for (index, crawler) in crawlers.iter().enumerate() {
            if crawler.trim().len() < 3 {
                let problem = Problem::new("so short a text is in every `User-Agent`");
                let at = at.key("crawlers").index(index);
                self.say.wrong(&at, problem.allowed("3 characters or more"));
            }
        }
        let threads = threads.and_then(|count| NonZeroUsize::new(count.into()));
        let crawlers = crawlers.iter().map(|name| name.trim().to_lowercase());
        (threads, grace.0, crawlers.collect())
    }

    pub(super) fn networks(&mut self, written: &[String]) -> Option<Vec<IpNet>> {
        let at = At::default().key("server").key("trusted_proxies");
        let networks = written.iter().enumerate().map(|(index, text)| {
            if text == BY_SOCKET {
                return Some(IpNet::from(WITHOUT_ADDRESS));
            }
            let network = text
                .parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| "no network");
            self.say.read(&at.index(index), network, NETWORK)
        });
        let networks: Vec<_> = networks.collect();
        networks.into_iter().collect()
    }

    pub(super) fn address(&mut self, at: &At, text: &str) -> Option<SocketAddr> {
        let address = text.parse().map_err(|_| "no address");
        self.say.read(at, address, ADDRESS)
    }

    pub(super) fn admin(&mut self, written: &raw::Admin) -> Option<Admin> {
        let raw::Admin {
            address,
            token_file,
        } = written;
        let at = At::default().key("admin");
        let address = self.address(&at.key("address"), address);
        let at = at.key("token_file");
        let token_file = match token_file {
            Some(name) => Some(self.file(&at, name, FileKind::AdminToken)?),
            None => None,
        };
        let address = address?;
        if token_file.is_none() && !address.ip().to_canonical().is_loopback() {
            let problem = Problem::new("others than this machine could read the metrics");
            let problem = problem.allowed("a loopback address, or a `token_file`");
            self.say
                .wrong(&At::default().key("admin").key("address"), problem);
            return None;
        }
        Some(Admin {
            address,
            token_file,
        })
    }

    pub(super) fn limits(&mut self, written: &raw::Limits) -> Option<Limits> {
        let raw::Limits {
            head,
            headers,
            cookies,
            session,
            public_keys,
            value_depth,
            app_reply,
            api_body,
            new_sessions_per_minute,
            idle_timeout,
        } = *written;
        let sizes = [
            ("head", head, 1024),
            ("cookies", cookies, 512),
            ("session", session, 4096),
            ("app_reply", app_reply, 1024),
            ("api_body", api_body, 64),
        ];
        let fits = sizes.map(|(name, size, least)| self.at_least(name, size, least));
        let mut fits = fits.iter().all(|fit| *fit);
        let at = At::default().key("limits");
        if fits && cookies > head {
            let problem = Problem::new("`cookies` is larger than the whole `head`");
            let problem = problem.allowed(format!("at most {head}"));
            let written = self.say.is_written(&at.key("cookies"));
            self.say
                .wrong(&at.key(if written { "cookies" } else { "head" }), problem);
            fits = false;
        }
        if idle_timeout.0.as_secs() == 0 {
            let problem = Problem::new("no client could use its connection twice");
            self.say
                .wrong(&at.key("idle_timeout"), problem.allowed("1s or more"));
            fits = false;
        }
        fits.then_some(Limits {
            head_bytes: head.bytes(),
            header_count: headers.into(),
            cookie_bytes: cookies.bytes(),
            session: SessionLimits {
                bytes: session.bytes(),
                public_keys: usize::try_from(public_keys).unwrap_or(usize::MAX),
                depth: value_depth.into(),
            },
            app_reply_bytes: app_reply.bytes(),
            api_body_bytes: api_body.bytes(),
            new_sessions_per_minute: (new_sessions_per_minute > 0)
                .then_some(new_sessions_per_minute),
            idle_timeout: idle_timeout.0,
        })
    }

    fn at_least(&mut self, name: &str, size: raw::Size, least: u64) -> bool {
        if size.0 >= least {
            return true;
        }
        let problem = Problem::new(format!("`{name}` is too small to serve anybody"));
        let problem = problem.allowed(format!("{} or more", raw::Size(least)));
        self.say
            .wrong(&At::default().key("limits").key(name), problem);
        false
    }
}

impl Check<'_, '_, '_> {
    pub(super) fn log(&mut self, written: &raw::Log) -> Option<Log> {
        let ratio = written.access_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let problem = Problem::new("no share of requests");
            let at = At::default().key("log").key("access_ratio");
            self.say.wrong(&at, problem.allowed("a number from 0 to 1"));
            return None;
        }
        Some(log(written))
    }
}

fn log(written: &raw::Log) -> Log {
    let raw::Log {
        level,
        format,
        access,
        access_ratio,
    } = *written;
    Log {
        level: match level {
            raw::LogLevel::Error => LogLevel::Error,
            raw::LogLevel::Warn => LogLevel::Warn,
            raw::LogLevel::Info => LogLevel::Info,
            raw::LogLevel::Debug => LogLevel::Debug,
            raw::LogLevel::Trace => LogLevel::Trace,
        },
        format: match format {
            raw::LogFormat::Json => LogFormat::Json,
            raw::LogFormat::Text => LogFormat::Text,
        },
        access: match access {
            raw::AccessLog::All => AccessLog::All,
            raw::AccessLog::Sampled => AccessLog::Sampled(Sampling::new(access_ratio, false)),
            raw::AccessLog::Off => AccessLog::Off,
        },
    }
}
