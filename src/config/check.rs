//! From what is written to what it means: every check that the schema cannot state.
//!
//! Raw structs are taken apart field by field, so that a new key cannot be forgotten here.

mod account;
mod apps;
mod backends;
mod carry;
mod cookies;
mod hosts;
mod http_apps;
mod inputs;
mod listeners;
mod parts;
mod places;
mod process;
mod sources;
mod store;
mod times;
mod traces;
mod upstreams;
mod vtex;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{FileChecks, FileKind};
use super::problems::{Meaning, Problem};
use super::raw;
use super::tree::At;
use super::values::{Account, Config};

/// Everything that the checks need beside the raw values.
pub(super) struct Check<'c, 't, 's> {
    pub(super) say: Meaning<'t, 's>,
    /// Relative file names begin here.
    pub(super) base: &'c Path,
    pub(super) files: &'c dyn FileChecks,
    /// Files that the configuration names.
    pub(super) named: Vec<PathBuf>,
}

/// Something could not be made, and why was said.
#[derive(Clone, Copy, Debug)]
struct Said;

/// What holds for the process and bears on its accounts.
#[derive(Clone, Copy)]
struct Around<'r> {
    lifetime: &'r raw::Lifetime,
    /// Bytes of a request's cookies that are read.
    cookie_bytes: usize,
    /// Whether a listener lets cookies go out without `Secure`.
    insecure: bool,
}

impl Check<'_, '_, '_> {
    /// Checks everything. Gives nothing where something could not be made; why was said then.
    pub(super) fn root(&mut self, root: &raw::Root) -> Option<Config> {
        let raw::Root {
            server,
            listener,
            admin,
            log,
            traces,
            store,
            limits: limits_written,
            lifetime,
            account,
        } = root;
        let listeners = self.listeners(listener, &server.trusted_proxies);
        let admin = admin.as_ref().map(|admin| self.admin(admin));
        let trusted_proxies = self.networks(&server.trusted_proxies);
        let (threads, grace, crawlers) = self.server(server);
        let handover_socket = self.handover(server);
        let log = self.log(log);
        let traces = traces.as_ref().map(|traces| self.traces(traces));
        let store = self.store(store);
        let limits = self.limits(limits_written);
        let around = Around {
            lifetime,
            cookie_bytes: limits_written.cookies.bytes(),
            insecure: listener.iter().any(|listener| listener.insecure_cookies),
        };
        let checked: Vec<Option<Account>> = account
            .iter()
            .enumerate()
            .map(|(index, account)| {
                self.account(account, around, &At::default().key("account").index(index))
            })
            .collect();
        self.accounts_apart(account);
        let accounts: Option<Vec<_>> = checked.into_iter().collect();
        Some(Config {
            listeners: listeners?,
            admin: match admin {
                Some(admin) => Some(admin?),
                None => None,
            },
            threads,
            grace,
            handover_socket: handover_socket.ok()?,
            watch: server.watch,
            trusted_proxies: trusted_proxies?,
            crawlers,
            store: store?,
            limits: limits?,
            log: log?,
            traces: match traces {
                Some(traces) => Some(traces?),
                None => None,
            },
            accounts: accounts?.into_iter().map(Arc::new).collect(),
        })
    }

    /// Resolves a file's name and has its content checked.
    fn file(&mut self, at: &At, name: &str, kind: FileKind) -> Option<PathBuf> {
        if name.is_empty() {
            let problem = Problem::new(format!("`{}` names no file", at.last_key()));
            self.say.wrong(at, problem.allowed("the name of a file"));
            return None;
        }
        let path = self.base.join(name);
        let faults = self.files.check(&path, kind);
        let named_at = self.say.written_at(at);
        for fault in faults {
            self.say
                .add(fault.into_finding(&path, at, named_at.as_deref()));
        }
        // A folder's content is the program's own: nothing to watch.
        if !kind.is_folder() && !kind.is_looked_after() && !self.named.contains(&path) {
            self.named.push(path.clone());
        }
        Some(path)
    }

    /// Names that must differ: tells every later one.
    fn distinct<'n>(&mut self, names: impl Iterator<Item = (At, &'n str)>, what: &str) {
        let mut seen: Vec<&str> = Vec::new();
        for (at, name) in names {
            if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                let problem = Problem::new(format!("a second {what} `{name}`"));
                self.say.wrong(&at, problem.allowed("a name of its own"));
            } else if !name.is_empty() {
                seen.push(name);
            }
        }
    }

    /// A name that logs, variables and file names can carry.
    fn name(&mut self, at: &At, name: &str) -> Option<Arc<str>> {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if plain && (1..=64).contains(&name.len()) {
            return Some(name.into());
        }
        let problem = Problem::new(format!("`{}` is no name", at.last_key()));
        let allowed = "1 to 64 letters, digits, `-`, `_` and `.`";
        self.say.wrong(at, problem.allowed(allowed));
        None
    }
}
