//! Addresses for shoppers: where they are, what is shown there, and what contradicts itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Check;
use super::hosts::host_pattern;
use super::process::BY_SOCKET;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw::{self, RedirectHttps};
use crate::config::tree::At;
use crate::config::values::{CertificateFiles, HostPattern, ListenPlace, Listener, Tls};

const UNIX: &str = "unix:";
/// The longest name of a socket that the system takes, in bytes (`sun_path`, with its end).
pub(super) const LONGEST_SOCKET: usize = 107;
/// Who may connect to a socket, if nothing is said: its owner and group.
const USUAL_MODE: u32 = 0o660;
const HTTPS: u16 = 443;
/// The least `max-age` that browsers' lists take, in seconds: a year.
const LEAST_PRELOAD: u64 = 365 * 24 * 3600;
const HSTS_PRELOAD: &str = "`hsts_subdomains = true` and `hsts = \"365d\"` or more beside it";
const CERTIFICATE_HOST: &str = "a host such as shop.example.com, or *.example.com";

/// Files of a certificate and of its key, and the hosts that it names, where that is known.
pub(super) type Pair = (PathBuf, PathBuf, Option<Vec<String>>);

impl Check<'_, '_, '_> {
    pub(super) fn listeners(
        &mut self,
        written: &[raw::Listener],
        trusted: &[String],
    ) -> Option<Vec<Listener>> {
        if written.is_empty() {
            return Some(vec![Listener {
                name: "main".to_owned(),
                address: ListenPlace::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080))),
                insecure_cookies: false,
                h2c: false,
                redirect_https: None,
                connections: None,
                tls: None,
            }]);
        }
        let all = At::default().key("listener");
        let names = written.iter().enumerate();
        let names = names.map(|(index, one)| (all.index(index).key("name"), one.name.as_str()));
        self.distinct(names, "listener");
        let listeners: Vec<_> = written
            .iter()
            .enumerate()
            .map(|(index, one)| self.listener(one, &all.index(index)))
            .collect();
        let listeners: Vec<Listener> = listeners.into_iter().collect::<Option<_>>()?;
        for (index, one) in listeners.iter().enumerate() {
            let at = all.index(index).key("address");
            self.apart(one, listeners.get(..index).unwrap_or_default(), &at);
            let believed = trusted.iter().any(|one| one == BY_SOCKET);
            if matches!(one.address, ListenPlace::Unix { .. }) && !believed {
                let problem = Problem::new("all who come by this socket count as one client");
                let problem = problem.hint("name \"unix\" in `server.trusted_proxies`");
                self.say.doubtful(&at, problem);
            }
        }
        Some(listeners)
    }

    fn apart(&mut self, one: &Listener, earlier: &[Listener], at: &At) {
        // Port 0 is a port of the system's choice: two of them never meet.
        let any = matches!(one.address, ListenPlace::Tcp(address) if address.port() == 0);
        let mut same = earlier.iter().filter(|other| other.address == one.address);
        if let Some(other) = same.next().filter(|_| !any) {
            let problem = Problem::new(format!("`{}` has this address too", other.name));
            self.say.wrong(at, problem.allowed("an address of its own"));
        }
    }

    fn listener(&mut self, written: &raw::Listener, at: &At) -> Option<Listener> {
        let raw::Listener {
            name,
            address,
            mode,
            insecure_cookies,
            h2c,
            redirect_https,
            connections,
            tls,
        } = written;
        self.contradictions(written, at);
        let name = self.name(&at.key("name"), name);
        let address = self.listen_place(at, address, mode.as_deref());
        let tls = tls.as_ref().map(|tls| self.tls(tls, &at.key("tls")));
        Some(Listener {
            name: name?.to_string(),
            address: address?,
            insecure_cookies: *insecure_cookies,
            h2c: *h2c,
            redirect_https: match *redirect_https {
                RedirectHttps::Usual(wanted) => wanted.then_some(HTTPS),
                RedirectHttps::Port(port) => Some(port),
            },
            connections: connections.and_then(|most| usize::try_from(most).ok()),
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
        })
    }

    /// What would have no effect, or the wrong one, beside something else.
    fn contradictions(&mut self, written: &raw::Listener, at: &At) {
        let redirects = written.redirect_https != RedirectHttps::default();
        let speaks_tls = written.tls.is_some();
        let faults = [
            (
                speaks_tls && redirects,
                "redirect_https",
                "who comes here comes by `https://` already",
                "nothing beside `tls`",
            ),
            (
                speaks_tls && written.insecure_cookies,
                "insecure_cookies",
                "cookies are `Secure` where TLS is spoken",
                "nothing beside `tls`",
            ),
            (
                speaks_tls && written.h2c,
                "h2c",
                "with TLS, HTTP/2 is agreed on in the handshake",
                "`http2` in `tls`",
            ),
            (
                redirects && written.insecure_cookies,
                "insecure_cookies",
                "no cookie leaves where every request is redirected",
                "nothing beside `redirect_https`",
            ),
        ];
        for (is_there, key, what, allowed) in faults {
            if is_there {
                let problem = Problem::new(what).allowed(allowed);
                self.say.wrong(&at.key(key), problem);
            }
        }
    }

    fn listen_place(&mut self, at: &At, text: &str, mode: Option<&str>) -> Option<ListenPlace> {
        let (address, mode_at) = (at.key("address"), at.key("mode"));
        let Some(name) = text.strip_prefix(UNIX) else {
            if mode.is_some() {
                let problem = Problem::new("only a socket of this machine has permissions");
                let problem = problem.allowed("an `address` that begins with `unix:`");
                self.say.wrong(&mode_at, problem);
            }
            return self.address(&address, text).map(ListenPlace::Tcp);
        };
        let mode = mode.map_or(Some(USUAL_MODE), |mode| self.mode(&mode_at, mode));
        let path = self.base.join(name);
        if name.is_empty() || name.ends_with('/') || path.as_os_str().len() > LONGEST_SOCKET {
            let problem = Problem::new("no name that a socket can have");
            let allowed = format!("`unix:` and a file of at most {LONGEST_SOCKET} bytes");
            self.say.wrong(&address, problem.allowed(allowed));
            return None;
        }
        Some(ListenPlace::Unix { path, mode: mode? })
    }

    fn mode(&mut self, at: &At, text: &str) -> Option<u32> {
        let mode = u32::from_str_radix(text, 8).ok();
        let mode = mode.filter(|mode| text.len() <= 4 && *mode <= 0o777);
        let mode = mode.ok_or("no permissions");
        self.say
            .read(at, mode, "permissions in octal, such as \"0660\"")
    }

    fn tls(&mut self, written: &raw::Tls, at: &At) -> Option<Tls> {
        let raw::Tls {
            certificate,
            http2,
            hsts: _,
            hsts_subdomains: _,
            hsts_preload: _,
        } = written;
        let all = at.key("certificate");
        let certificates: Vec<_> = certificate
            .iter()
            .enumerate()
            .map(|(index, one)| self.certificate(one, index == 0, &all.index(index)))
            .collect();
        let hsts = self.hsts(written, at);
        Some(Tls {
            certificates: certificates.into_iter().collect::<Option<_>>()?,
            http2: *http2,
            hsts,
        })
    }

    fn certificate(
        &mut self,
        written: &raw::Certificate,
        first: bool,
        at: &At,
    ) -> Option<CertificateFiles> {
        let raw::Certificate { file, key, hosts } = written;
        let hosts: Vec<_> = hosts
            .iter()
            .enumerate()
            .map(|(index, host)| self.shown_for(&at.key("hosts").index(index), host))
            .collect();
        let file_at = at.key("file");
        let (chain, key, names) = self.certificate_pair((&file_at, file), (&at.key("key"), key))?;
        if names.is_some_and(|names| names.is_empty()) && hosts.is_empty() && !first {
            let problem = Problem::new("the certificate names no host: it is never shown");
            let problem = problem.allowed("a certificate with names, or `hosts` beside it");
            self.say.wrong(&file_at, problem);
        }
        Some(CertificateFiles {
            chain,
            key,
            hosts: hosts.into_iter().collect::<Option<_>>()?,
        })
    }

    /// A certificate and its key, which fit each other, and the hosts that it names; none of those
    /// where the files cannot be looked into.
    pub(super) fn certificate_pair(
        &mut self,
        (chain_at, chain): (&At, &str),
        (key_at, key): (&At, &str),
    ) -> Option<Pair> {
        let chain = self.file(chain_at, chain, FileKind::ListenerCertificate);
        let key = self.file(key_at, key, FileKind::ListenerKey);
        let (chain, key) = (chain?, key?);
        let names = match self.files.names(&chain, &key) {
            Some(Err(why)) => {
                let problem = Problem::new(format!("`key`: {why}"));
                let allowed = "the key that the certificate was made for";
                self.say.wrong(key_at, problem.allowed(allowed));
                None
            }
            Some(Ok(names)) => Some(names),
            None => None,
        };
        Some((chain, key, names))
    }

    fn shown_for(&mut self, at: &At, host: &str) -> Option<HostPattern> {
        // Clients name no addresses in the handshake (RFC 6066 §3).
        let numbers = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
        if numbers {
            let problem = Problem::new("no client asks for an address in the handshake");
            self.say.wrong(at, problem.allowed(CERTIFICATE_HOST));
            return None;
        }
        self.say.read(at, host_pattern(host), CERTIFICATE_HOST)
    }

    /// The value of the header.
    fn hsts(&mut self, written: &raw::Tls, at: &At) -> Option<String> {
        let Some(span) = written.hsts else {
            let without = [
                ("hsts_subdomains", written.hsts_subdomains),
                ("hsts_preload", written.hsts_preload),
            ];
            for (key, _) in without.into_iter().filter(|(_, said)| *said) {
                let problem = Problem::new("nothing is promised that it could hold for");
                self.say
                    .wrong(&at.key(key), problem.allowed("`hsts` beside it"));
            }
            return None;
        };
        let seconds = span.0.as_secs();
        let preload = written.hsts_preload;
        if preload && !(written.hsts_subdomains && seconds >= LEAST_PRELOAD) {
            let problem = Problem::new("no browser would build so short or narrow a promise in");
            self.say
                .wrong(&at.key("hsts_preload"), problem.allowed(HSTS_PRELOAD));
        }
        let subdomains = if written.hsts_subdomains {
            "; includeSubDomains"
        } else {
            ""
        };
        let preload = if preload { "; preload" } else { "" };
        Some(format!("max-age={seconds}{subdomains}{preload}"))
    }
}
