//! Where sessions live.

use std::path::PathBuf;
use std::time::Duration;

use super::Check;
use super::hosts::server_address;
use crate::config::files::FileKind;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::{SharedStore, Store, StoreKind, StoreMode, StoreTls};

const ADDRESS: &str = "host:port, such as valkey.internal:6379";
/// The longest deadline: a request must not seem to hang.
const LONGEST: Duration = Duration::from_secs(10);

/// Keys that mean something to a shared store alone.
const SHARED: [&str; 11] = [
    "addresses",
    "mode",
    "sentinel_master",
    "tls",
    "ca_file",
    "client_certificate",
    "client_key",
    "username",
    "password_file",
    "key_prefix",
    "deadline",
];

fn at(key: &str) -> At {
    At::default().key("store").key(key)
}

impl Check<'_, '_, '_> {
    pub(super) fn store(&mut self, written: &raw::Store) -> Option<Store> {
        let kind = match written.kind {
            raw::StoreKind::Valkey => StoreKind::Valkey(Box::new(self.shared_store(written)?)),
            raw::StoreKind::Memory => {
                self.only_for_shared();
                StoreKind::Memory
            }
            raw::StoreKind::Embedded => {
                self.only_for_shared();
                let path = self.file(&at("path"), &written.path, FileKind::StoreFolder)?;
                StoreKind::Embedded { path }
            }
        };
        Some(Store {
            kind,
            journal: written.journal,
            max_anonymous: written.max_anonymous.0,
            max_authenticated: written.max_authenticated.0,
        })
    }

    fn only_for_shared(&mut self) {
        for key in SHARED {
            let at = at(key);
            if self.say.is_written(&at) {
                let problem = Problem::new(format!("`{key}` says nothing to a store of this kind"));
                let problem = problem.allowed("nothing, or `kind = \"valkey\"`");
                self.say.doubtful(&at, problem);
            }
        }
    }

    fn shared_store(&mut self, written: &raw::Store) -> Option<SharedStore> {
        let raw::Store {
            kind: _,
            path: _,
            journal: _,
            max_anonymous: _,
            max_authenticated: _,
            addresses,
            mode: _,
            sentinel_master: _,
            tls: _,
            ca_file: _,
            client_certificate: _,
            client_key: _,
            username,
            password_file,
            key_prefix,
            deadline,
        } = written;
        let addresses = self.store_addresses(addresses);
        let mode = self.store_mode(written);
        let tls = self.store_tls(written);
        let password_file = match password_file {
            Some(name) => Some(self.file(&at("password_file"), name, FileKind::StorePassword)?),
            None => None,
        };
        if username.is_some() && password_file.is_none() {
            let problem = Problem::new("a user needs a password");
            let problem = problem.allowed("a `password_file` beside it");
            self.say.wrong(&at("username"), problem);
            return None;
        }
        let key_prefix = self.key_prefix(key_prefix);
        if deadline.0.is_zero() || deadline.0 > LONGEST {
            let problem = Problem::new("no such time helps a shopper");
            let problem = problem.allowed("more than 0s, at most 10s");
            self.say.wrong(&at("deadline"), problem);
            return None;
        }
        Some(SharedStore {
            addresses: addresses?,
            mode: mode?,
            tls: written.tls.then_some(tls?),
            username: username.clone(),
            password_file,
            key_prefix: key_prefix?,
            deadline: deadline.0,
        })
    }

    fn store_addresses(&mut self, written: &[String]) -> Option<Vec<(String, u16)>> {
        if written.is_empty() {
            let problem =
                Problem::new("a shared store is somewhere").allowed("one address or more");
            self.say.wrong(&at("addresses"), problem);
            return None;
        }
        let addresses = written.iter().enumerate().map(|(index, text)| {
            let read = server_address(text).map(|()| split_address(text));
            self.say.read(&at("addresses").index(index), read, ADDRESS)
        });
        let addresses: Vec<_> = addresses.collect();
        addresses
            .into_iter()
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .collect()
    }

    fn store_mode(&mut self, written: &raw::Store) -> Option<StoreMode> {
        let master = written.sentinel_master.as_deref();
        match written.mode {
            raw::StoreMode::Sentinel => match master {
                Some(name) if !name.trim().is_empty() => {
                    Some(StoreMode::Sentinel(name.trim().to_owned()))
                }
                _ => {
                    let problem = Problem::new("Sentinels know every master by a name");
                    let problem = problem.allowed("`sentinel_master` with that name");
                    let key = if master.is_some() {
                        "sentinel_master"
                    } else {
                        "mode"
                    };
                    self.say.wrong(&at(key), problem);
                    None
                }
            },
            raw::StoreMode::Single | raw::StoreMode::Cluster if master.is_some() => {
                let problem = Problem::new("only Sentinels know a master by a name");
                let problem = problem.allowed("`mode = \"sentinel\"` beside it");
                self.say.wrong(&at("sentinel_master"), problem);
                None
            }
            raw::StoreMode::Single if written.addresses.len() > 1 => {
                let problem = Problem::new("a single server has one address");
                let problem = problem.allowed("one, or another `mode`");
                self.say.wrong(&at("addresses"), problem);
                None
            }
            raw::StoreMode::Single => Some(StoreMode::Single),
            raw::StoreMode::Cluster => Some(StoreMode::Cluster),
        }
    }

    fn store_tls(&mut self, written: &raw::Store) -> Option<StoreTls> {
        let files = [
            ("ca_file", &written.ca_file, FileKind::StoreAuthorities),
            (
                "client_certificate",
                &written.client_certificate,
                FileKind::StoreCertificate,
            ),
            ("client_key", &written.client_key, FileKind::StoreKey),
        ];
        let mut paths: Vec<Option<PathBuf>> = Vec::new();
        for (key, name, kind) in files {
            let Some(name) = name else {
                paths.push(None);
                continue;
            };
            if !written.tls {
                let problem = Problem::new("connections are not encrypted");
                self.say
                    .wrong(&at(key), problem.allowed("`tls = true` beside it"));
                return None;
            }
            paths.push(Some(self.file(&at(key), name, kind)?));
        }
        let mut paths = paths.into_iter();
        let ca_file = paths.next().flatten();
        let client = match (paths.next().flatten(), paths.next().flatten()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (certificate, _) => {
                let (key, other) = if certificate.is_some() {
                    ("client_certificate", "client_key")
                } else {
                    ("client_key", "client_certificate")
                };
                let problem = Problem::new("a certificate and its key go together");
                self.say
                    .wrong(&at(key), problem.allowed(format!("`{other}` beside it")));
                return None;
            }
        };
        Some(StoreTls { ca_file, client })
    }

    fn key_prefix(&mut self, written: &str) -> Option<String> {
        let plain = written
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        if plain && (1..=64).contains(&written.len()) {
            return Some(written.to_owned());
        }
        let problem = Problem::new("keys cannot begin so");
        let allowed = "1 to 64 letters, digits, `-`, `_`, `.` and `:`";
        self.say.wrong(&at("key_prefix"), problem.allowed(allowed));
        None
    }
}

/// Host and port of an address that was checked; an IPv6 address without its brackets.
fn split_address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some((bare.unwrap_or(host).to_owned(), port.parse().ok()?))
}
