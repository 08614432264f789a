//! Server, admin address, limits and log.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::listeners::LONGEST_SOCKET;
use super::{Check, Said};
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{
    AccessLog, Admin, AdminTls, CertificateFiles, Limits, Log, LogFormat, LogLevel, WITHOUT_ADDRESS,
};
use crate::domain::patience::Patience;
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
            handover_socket: _,
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

    /// The socket of the hand-over, if there is to be one.
    pub(super) fn handover(&mut self, server: &raw::Server) -> Result<Option<PathBuf>, Said> {
        let Some(name) = &server.handover_socket else {
            return Ok(None);
        };
        let path = self.base.join(name);
        if !name.is_empty() && !name.ends_with('/') && path.as_os_str().len() <= LONGEST_SOCKET {
            return Ok(Some(path));
        }
        let problem = Problem::new("no name that a socket can have");
        let allowed = format!("the name of a file, of at most {LONGEST_SOCKET} bytes");
        let at = At::default().key("server").key("handover_socket");
        self.say.wrong(&at, problem.allowed(allowed));
        Err(Said)
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
            tls,
        } = written;
        let at = At::default().key("admin");
        let place = self.address(&at.key("address"), address);
        let token_file = token_file
            .as_ref()
            .map(|name| self.file(&at.key("token_file"), name, FileKind::AdminToken));
        let tls = tls.as_ref().map(|tls| self.admin_tls(tls, &at.key("tls")));
        let asks = written.token_file.is_some()
            || written
                .tls
                .as_ref()
                .is_some_and(|tls| tls.client_ca_file.is_some());
        let address = place?;
        if !asks && !address.ip().to_canonical().is_loopback() {
            let problem = Problem::new("others than this machine could read the metrics");
            let problem = problem
                .allowed("a loopback address, a `token_file`, or a `client_ca_file` in `tls`");
            self.say.wrong(&at.key("address"), problem);
            return None;
        }
        Some(Admin {
            address,
            token_file: match token_file {
                Some(file) => Some(file?),
                None => None,
            },
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
        })
    }

    fn admin_tls(&mut self, written: &raw::AdminTls, at: &At) -> Option<AdminTls> {
        let raw::AdminTls {
            certificate,
            key,
            client_ca_file,
        } = written;
        let pair =
            self.certificate_pair((&at.key("certificate"), certificate), (&at.key("key"), key));
        let client_ca = client_ca_file.as_ref().map(|name| {
            let at = at.key("client_ca_file");
            self.file(&at, name, FileKind::OperatorAuthorities)
        });
        let (chain, key, _) = pair?;
        Some(AdminTls {
            certificate: CertificateFiles {
                chain,
                key,
                hosts: Vec::new(),
            },
            client_ca: match client_ca {
                Some(file) => Some(file?),
                None => None,
            },
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
            api_writes_per_minute,
            connections,
            connections_per_client,
            requests,
            http2_streams,
            idle_timeout: _,
            head_timeout: _,
            body_timeout: _,
            body_rate: _,
            answer_timeout: _,
        } = *written;
        let sizes = [
            ("head", head, 1024),
            ("cookies", cookies, 512),
            ("session", session, 4096),
            ("app_reply", app_reply, 1024),
            ("api_body", api_body, 64),
        ];
        let fits = sizes.map(|(name, size, least)| self.at_least(name, size, least));
        let fits = fits.iter().all(|fit| *fit) && self.cookies_fit(cookies, head);
        let patience = self.patience(written)?;
        let counted = |most: u32| usize::try_from(most).ok().filter(|most| *most > 0);
        let each_minute = |most: u32| (most > 0).then_some(most);
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
            new_sessions_per_minute: each_minute(new_sessions_per_minute),
            api_writes_per_minute: each_minute(api_writes_per_minute),
            connections: counted(connections),
            connections_per_client: counted(connections_per_client),
            requests: counted(requests),
            http2_streams,
            patience,
        })
    }

    fn cookies_fit(&mut self, cookies: raw::Size, head: raw::Size) -> bool {
        if cookies <= head {
            return true;
        }
        let at = At::default().key("limits");
        let problem = Problem::new("`cookies` is larger than the whole `head`");
        let problem = problem.allowed(format!("at most {head}"));
        let written = self.say.is_written(&at.key("cookies"));
        self.say
            .wrong(&at.key(if written { "cookies" } else { "head" }), problem);
        false
    }

    fn patience(&mut self, written: &raw::Limits) -> Option<Patience> {
        let raw::Limits {
            idle_timeout,
            head_timeout,
            body_timeout,
            body_rate,
            answer_timeout,
            ..
        } = written;
        let at = At::default().key("limits");
        let mut fits = true;
        for (name, span, otherwise) in [
            (
                "idle_timeout",
                idle_timeout,
                "no client could use its connection twice",
            ),
            (
                "head_timeout",
                head_timeout,
                "no request could come from afar",
            ),
            ("body_timeout", body_timeout, "no body could come from afar"),
            (
                "answer_timeout",
                answer_timeout,
                "no answer could be taken from afar",
            ),
        ] {
            if span.0.as_secs() == 0 {
                let problem = Problem::new(otherwise).allowed("1s or more");
                self.say.wrong(&at.key(name), problem);
                fits = false;
            }
        }
        fits.then_some(Patience {
            idle: idle_timeout.0,
            head: head_timeout.0,
            body: body_timeout.0,
            body_rate: body_rate.0,
            answer: answer_timeout.0,
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
