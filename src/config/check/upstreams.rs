//! Upstreams: where the store's servers are, how one is chosen, and when it gets nothing.

use std::sync::Arc;
use std::time::Duration;

use super::Check;
use super::hosts::{host_pattern, own_path, server_address};
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{
    HealthCheck, HealthQuestion, HostPattern, Upstream, UpstreamAddress, UpstreamProtocol,
    UpstreamTimeouts, UpstreamTls,
};
use crate::domain::balance::Balance;
use crate::domain::standing::{EjectionSettings, HealthSettings};

/// The heaviest that a server may weigh: a round of turns grows with it.
const HEAVIEST: u16 = 100;

impl Check<'_, '_, '_> {
    pub(super) fn upstreams(
        &mut self,
        written: &[raw::Upstream],
        at: &At,
    ) -> Option<Vec<Arc<Upstream>>> {
        let names = written.iter().enumerate();
        let names = names.map(|(index, one)| (at.index(index).key("name"), one.name.as_str()));
        self.distinct(names, "upstream");
        let upstreams: Vec<_> = written
            .iter()
            .enumerate()
            .map(|(index, one)| self.upstream(one, &at.index(index)))
            .collect();
        upstreams.into_iter().collect()
    }

    fn upstream(&mut self, written: &raw::Upstream, at: &At) -> Option<Arc<Upstream>> {
        let raw::Upstream {
            name,
            addresses,
            weights: _,
            balance,
            resolve_every,
            health,
            ejection,
            retries,
            protocol,
            header_names,
            tls,
            connect_timeout,
            read_timeout,
            write_timeout,
            idle_timeout,
            keep_alive,
        } = written;
        let name = self.name(&at.key("name"), name);
        let mut good = self.addresses(addresses, at);
        good &= self.weights(written, at);
        good &= self.spans(written, at);
        let health = match health {
            Some(health) => self.health(health, &at.key("health")).map(Some),
            None => Some(None),
        };
        let ejection = self.ejection(*ejection, &at.key("ejection"));
        let tls = match tls {
            Some(tls) => self.upstream_tls(tls, &at.key("tls")).map(Some),
            None => Some(None),
        };
        good.then_some(())?;
        Some(Arc::new(Upstream {
            name: name?,
            addresses: weighted(written),
            balance: match balance {
                raw::Balance::RoundRobin => Balance::RoundRobin,
                raw::Balance::LeastConnections => Balance::LeastConnections,
                raw::Balance::Session => Balance::Session,
            },
            resolve_every: resolve_every.0,
            health: health?,
            ejection: ejection?,
            retries: *retries,
            protocol: match protocol {
                raw::Protocol::Http1 => UpstreamProtocol::Http1,
                raw::Protocol::Http2 => UpstreamProtocol::Http2,
            },
            keeps_case: *header_names == raw::HeaderNames::AsReceived,
            tls: tls?,
            timeouts: UpstreamTimeouts {
                connect: connect_timeout.0,
                read: read_timeout.0,
                write: write_timeout.0,
                idle: idle_timeout.0,
            },
            keep_alive: (*keep_alive).into(),
        }))
    }

    fn addresses(&mut self, addresses: &[String], at: &At) -> bool {
        let mut good = true;
        for (index, address) in addresses.iter().enumerate() {
            let at = at.key("addresses").index(index);
            let allowed = "host:port, such as shop.internal:8080";
            good &= self
                .say
                .read(&at, server_address(address), allowed)
                .is_some();
        }
        good
    }

    fn spans(&mut self, written: &raw::Upstream, at: &At) -> bool {
        let mut good = true;
        for (key, span) in [
            ("connect_timeout", written.connect_timeout),
            ("read_timeout", written.read_timeout),
            ("write_timeout", written.write_timeout),
        ] {
            good &= self.takes_time(span.0, "no server is that fast", &at.key(key));
        }
        let busy = "names would be looked up without a pause";
        good & self.takes_time(written.resolve_every.0, busy, &at.key("resolve_every"))
    }

    fn weights(&mut self, written: &raw::Upstream, at: &At) -> bool {
        let known: Vec<&str> = written.addresses.iter().map(String::as_str).collect();
        let mut good = true;
        for (address, weight) in &written.weights {
            let at = at.key("weights").key(address);
            if !known.contains(&address.as_str()) {
                let problem = Problem::new(format!("no server is at `{address}`"));
                let problem = problem.allowed(known.join(", "));
                self.say
                    .unmatched(&at, problem.did_you_mean(address, &known));
                good = false;
            } else if !(1..=HEAVIEST).contains(weight) {
                let problem = Problem::new("no server weighs that");
                let allowed =
                    format!("1 to {HEAVIEST}; a server that is to get nothing is left out");
                self.say.wrong(&at, problem.allowed(allowed));
                good = false;
            }
        }
        good
    }

    fn takes_time(&mut self, span: Duration, otherwise: &str, at: &At) -> bool {
        if span.is_zero() {
            let problem = Problem::new(otherwise).allowed("more than 0s");
            self.say.wrong(at, problem);
        }
        !span.is_zero()
    }

    fn health(&mut self, written: &raw::HealthCheck, at: &At) -> Option<HealthCheck> {
        let raw::HealthCheck {
            path,
            host,
            status,
            interval,
            timeout,
            healthy,
            unhealthy,
        } = written;
        let mut good = true;
        if let Some(path) = path {
            let allowed = "a path, such as /health";
            good &= self
                .say
                .read(&at.key("path"), own_path(path), allowed)
                .is_some();
        } else {
            for key in ["host", "status"] {
                if self.say.is_written(&at.key(key)) {
                    let problem = Problem::new(format!("`{key}` says nothing without a `path`"));
                    let problem = problem.allowed("nothing, or a `path` beside it");
                    self.say.doubtful(&at.key(key), problem);
                }
            }
        }
        if let Some(host) = host {
            good &= self.one_host(host, &at.key("host"));
        }
        let busy = "servers would be checked without a pause";
        good &= self.takes_time(interval.0, busy, &at.key("interval"));
        let fast = "no server is that fast";
        good &= self.takes_time(timeout.0, fast, &at.key("timeout"));
        good.then(|| HealthCheck {
            question: path.clone().map(|path| HealthQuestion {
                path,
                host: host.clone(),
                status: *status,
            }),
            interval: interval.0,
            timeout: timeout.0,
            thresholds: HealthSettings {
                healthy: (*healthy).into(),
                unhealthy: (*unhealthy).into(),
            },
        })
    }

    fn one_host(&mut self, host: &str, at: &At) -> bool {
        let read = match host_pattern(host) {
            Ok(HostPattern::Exact(_)) => Ok(()),
            Ok(HostPattern::Below(_)) => Err("a server has one name"),
            Err(why) => Err(why),
        };
        let allowed = "a host such as shop.example.com, without port";
        self.say.read(at, read, allowed).is_some()
    }

    fn upstream_tls(&mut self, written: &raw::UpstreamTls, at: &At) -> Option<UpstreamTls> {
        let raw::UpstreamTls {
            ca_file,
            server_name,
            verify,
            client_certificate,
            client_key,
        } = written;
        let mut file = |key: &str, name: &Option<String>, kind| match name {
            Some(name) => self.file(&at.key(key), name, kind).map(Some),
            None => Some(None),
        };
        let ca = file("ca_file", ca_file, FileKind::StoreAuthorities);
        let certificate = file(
            "client_certificate",
            client_certificate,
            FileKind::StoreCertificate,
        );
        let key = file("client_key", client_key, FileKind::StoreKey);
        let mut good = true;
        if let Some(name) = server_name {
            good &= self.one_host(name, &at.key("server_name"));
        }
        if !verify {
            let problem = Problem::new("whoever answers in a server's place is believed");
            let problem = problem.hint("`ca_file` is for authorities of one's own");
            self.say.doubtful(&at.key("verify"), problem);
        }
        let alone = match (client_certificate, client_key) {
            (Some(_), None) => Some(("client_certificate", "client_key")),
            (None, Some(_)) => Some(("client_key", "client_certificate")),
            _ => None,
        };
        if let Some((key, other)) = alone {
            let problem = Problem::new("a certificate and its key go together");
            let problem = problem.allowed(format!("`{other}` beside it"));
            self.say.wrong(&at.key(key), problem);
            good = false;
        }
        let (ca_file, certificate, key) = (ca?, certificate?, key?);
        good.then(|| UpstreamTls {
            ca_file,
            server_name: server_name.clone(),
            verify: *verify,
            client: certificate.zip(key),
        })
    }

    fn ejection(&mut self, written: raw::Ejection, at: &At) -> Option<EjectionSettings> {
        let raw::Ejection {
            failures,
            window,
            pause,
            longest,
        } = written;
        let mut good = self.takes_time(window.0, "nothing fails twice at once", &at.key("window"));
        good &= self.takes_time(pause.0, "a server would be back at once", &at.key("pause"));
        if longest < pause {
            let problem = Problem::new("the longest pause is shorter than the first");
            let key = if self.say.is_written(&at.key("longest")) {
                "longest"
            } else {
                "pause"
            };
            let allowed = "`longest` at least as long as `pause`";
            self.say.wrong(&at.key(key), problem.allowed(allowed));
            good = false;
        }
        good.then_some(EjectionSettings {
            failures: failures.into(),
            window: window.0,
            pause: pause.0,
            longest: longest.0,
        })
    }
}

fn weighted(written: &raw::Upstream) -> Vec<UpstreamAddress> {
    let addresses = written.addresses.iter();
    addresses
        .map(|text| UpstreamAddress {
            text: text.clone(),
            weight: written.weights.get(text).copied().unwrap_or(1),
        })
        .collect()
}
