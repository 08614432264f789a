//! What a process says of itself when it starts: some lines for whoever watches, one event for the log.

use std::fmt;

use crate::admin::is_loopback;
use crate::config::Config;
use crate::config::values::{Admin, ListenPlace, Listener, StoreKind};
use crate::serve::Beside;

/// Where a process is found, what it works with, and what may surprise.
#[derive(Debug)]
pub(super) struct Summary {
    /// What, where, and what for.
    lines: Vec<[String; 3]>,
    warnings: Vec<String>,
    accounts: usize,
    apps: usize,
    keys: usize,
}

impl Summary {
    /// `keys` tells how many are on the ring of an account.
    pub(super) fn of(config: &Config, beside: &[Beside], keys: impl Fn(&str) -> usize) -> Self {
        let mut lines: Vec<_> = config.listeners.iter().map(listener).collect();
        // What was opened beforehand is for this process alone.
        let others = beside.iter().filter(|one| one.listener.is_none());
        lines.extend(others.map(|one| {
            let address = format!("http://{}", one.address);
            line(one.name, address, "beside the proxy")
        }));
        lines.extend(config.admin.as_ref().map(admin));
        lines.push(sessions(&config.store.kind));
        let mut all_keys = 0;
        for account in &config.accounts {
            let keys = keys(&account.name);
            all_keys += keys;
            let counts = [
                counted(account.apps.len(), "app"),
                counted(account.upstreams.len(), "upstream"),
                counted(keys, "key"),
            ];
            lines.push(line(
                "account",
                account.name.to_string(),
                &counts.join(", "),
            ));
        }
        Self {
            lines,
            warnings: warnings(config),
            accounts: config.accounts.len(),
            apps: config.accounts.iter().map(|one| one.apps.len()).sum(),
            keys: all_keys,
        }
    }

    /// Tells the log, in one line, whoever reads it.
    pub(super) fn log(&self) {
        let Self {
            accounts,
            apps,
            keys,
            ..
        } = self;
        let of = |wanted: &str| {
            let lines = self.lines.iter().filter(|[what, ..]| what == wanted);
            let places: Vec<_> = lines.map(|[_, place, _]| place.as_str()).collect();
            places.join(" ")
        };
        let (proxy, admin, sessions) = (of("proxy"), of("admin"), of("sessions"));
        let warnings = self.warnings.join("; ");
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(
            version,
            proxy,
            admin,
            sessions,
            accounts,
            apps,
            keys,
            warnings,
            "Vestibule starts."
        );
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|[_, place, _]| place.len()).max();
        let width = width.unwrap_or_default();
        for [what, place, purpose] in &self.lines {
            writeln!(f, "{what:<11} {place:<width$}  {purpose}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "note        {warning}")?;
        }
        writeln!(
            f,
            "stop        Ctrl-C at once; SIGTERM when requests under way are done"
        )
    }
}

fn line(what: &str, place: String, purpose: &str) -> [String; 3] {
    [what.to_owned(), place, purpose.to_owned()]
}

fn listener(listener: &Listener) -> [String; 3] {
    let scheme = match (&listener.address, &listener.tls) {
        (ListenPlace::Unix { .. }, _) => "",
        (ListenPlace::Tcp(_), Some(_)) => "https://",
        (ListenPlace::Tcp(_), None) => "http://",
    };
    let purpose = if listener.redirect_https.is_some() {
        "for shoppers, who are sent to https"
    } else {
        "for shoppers"
    };
    line("proxy", format!("{scheme}{}", listener.address), purpose)
}

fn admin(admin: &Admin) -> [String; 3] {
    let scheme = if admin.tls.is_some() { "https" } else { "http" };
    let who = match (admin.token_file.is_some(), admin.takes_certificates()) {
        (true, true) => "for operators with the token or a certificate",
        (true, false) => "for operators with the token",
        (false, true) => "for operators with a certificate",
        (false, false) => "for whoever is on this machine",
    };
    let place = format!("{scheme}://{}/console/", admin.address);
    line(
        "admin",
        place,
        &format!("{who}; /metrics and /health/ready too"),
    )
}

fn sessions(kind: &StoreKind) -> [String; 3] {
    let (place, remark) = match kind {
        StoreKind::Memory => ("memory".to_owned(), "until this process ends"),
        StoreKind::Embedded { path } => (path.display().to_string(), "on this disk"),
        StoreKind::Valkey(shared) => {
            let servers = shared.addresses.iter();
            let servers: Vec<_> = servers
                .map(|(host, port)| format!("{host}:{port}"))
                .collect();
            (servers.join(" "), "shared with other instances")
        }
    };
    line("sessions", place, remark)
}

fn counted(count: usize, what: &str) -> String {
    let more = if count == 1 { "" } else { "s" };
    format!("{count} {what}{more}")
}

/// What is allowed, and may surprise all the same.
fn warnings(config: &Config) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(admin) = &config.admin {
        if admin.token_file.is_none() && !admin.takes_certificates() {
            said.push(
                "the admin address asks for no token: whoever is on this machine sees sessions"
                    .to_owned(),
            );
        } else if admin.tls.is_none() && !is_loopback(admin.address) {
            said.push(
                "the admin token comes unencrypted, unless something before this ends TLS"
                    .to_owned(),
            );
        }
    }
    if matches!(config.store.kind, StoreKind::Memory) {
        said.push("a restart forgets every session".to_owned());
    }
    let insecure = config.listeners.iter().filter(|one| one.insecure_cookies);
    said.extend(insecure.map(|one| {
        format!(
            "cookies of the listener {} may travel unencrypted",
            one.name
        )
    }));
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Layers, Unseen};

    fn told(text: &str) -> String {
        let account = r#"
            [[account]]
            name = "shop"
            id = "3f1c7f0e-6a0b-4c0e-9d55-0f2c8d1f7a11"
            hosts = ["shop.example.com"]
            authentication.jwks = ["jwks.json"]
            [[account.app]]
            name = "store"
            [[account.upstream]]
            name = "storefront"
            addresses = ["127.0.0.1:8081"]
        "#;
        let layers = Layers::text("shop.toml", &format!("{text}{account}"), "/srv".as_ref());
        let loaded = config::load(&layers, &Unseen);
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        Summary::of(&loaded.config, &[], |_| 2).to_string()
    }

    #[test]
    fn a_start_says_where_what_for_with_what_and_how_it_ends() {
        let said = told("[admin]\n");
        assert_eq!(
            said,
            "proxy       http://127.0.0.1:8080           for shoppers\n\
             admin       http://127.0.0.1:9090/console/  for whoever is on this machine; /metrics and /health/ready too\n\
             sessions    /srv/data/sessions              on this disk\n\
             account     shop                            1 app, 1 upstream, 2 keys\n\
             note        the admin address asks for no token: whoever is on this machine sees sessions\n\
             stop        Ctrl-C at once; SIGTERM when requests under way are done\n"
        );
    }

    #[test]
    fn what_may_surprise_is_said_and_nothing_else() {
        let notes = |text: &str| -> Vec<String> {
            let said = told(text);
            let notes = said.lines().filter_map(|line| line.strip_prefix("note"));
            notes.map(|note| note.trim().to_owned()).collect()
        };
        let secured = "[admin]\naddress = \"0.0.0.0:9090\"\n[admin.tls]\ncertificate = \"a\"\nkey = \"b\"\n\
            client_ca_file = \"c\"\n";
        assert!(notes(secured).is_empty());
        let plain =
            "[admin]\naddress = \"0.0.0.0:9090\"\ntoken_file = \"t\"\n[store]\nkind = \"memory\"\n";
        assert_eq!(
            notes(plain),
            [
                "the admin token comes unencrypted, unless something before this ends TLS",
                "a restart forgets every session",
            ]
        );
    }
}
