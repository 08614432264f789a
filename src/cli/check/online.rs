//! `vestibule check --online`: tries each source of truth once, and says what answered, how fast, and
//! what is wrong. Nothing is kept and nothing is changed.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::assemble::{NewKeys, Ports, assemble};
use crate::cli::run::system_ports;
use crate::config::Config;
use crate::config::values::{Store, StoreKind};
use crate::outbound::remote::Probed;

/// What came of trying every source of every account.
#[derive(Debug)]
pub(super) struct Online(Vec<(Arc<str>, Probed)>);

impl Online {
    /// Tries. An error says why nothing could be tried.
    pub(super) fn try_all(config: &Config) -> io::Result<Result<Self, String>> {
        let config = Config {
            // The store of a running process stays its own.
            store: Store {
                kind: StoreKind::Memory,
                ..config.store.clone()
            },
            ..config.clone()
        };
        let ports = Ports {
            new_keys: NewKeys::Forgotten,
            ..system_ports()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(async {
            let shared = assemble(&config, &ports).map_err(|error| error.to_string())?;
            let running = shared.running.load_full();
            let mut all = Vec::new();
            for account in running.hosts.accounts() {
                for remote in &account.remotes {
                    let probed = remote.probe().await;
                    all.extend(
                        probed
                            .into_iter()
                            .map(|one| (Arc::clone(&account.name), one)),
                    );
                }
            }
            Ok(Self(all))
        }))
    }

    /// Whether every source answered as it should.
    pub(super) fn is_good(&self) -> bool {
        self.0.iter().all(|(_, probed)| probed.verdict.is_ok())
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "online: there is no source to try");
        }
        for (account, probed) in &self.0 {
            let Probed {
                what,
                address,
                took,
                verdict,
            } = probed;
            let (word, said) = match verdict {
                Ok(said) => ("answered in", said),
                Err(said) => ("WRONG after", said),
            };
            let took = took.as_millis();
            writeln!(out, "{account}: {what:<13} {word} {took:>4} ms  {address}")?;
            writeln!(out, "    {said}")?;
        }
        let wrong = self.0.iter().filter(|(_, probed)| probed.verdict.is_err());
        let (all, wrong) = (self.0.len(), wrong.count());
        writeln!(out, "online: {all} sources tried, {wrong} wrong")
    }

    pub(super) fn to_json(&self) -> Value {
        let told = self.0.iter().map(|(account, probed)| {
            let (said, wrong) = match &probed.verdict {
                Ok(said) => (Some(said), None),
                Err(wrong) => (None, Some(wrong)),
            };
            json!({
                "account": &**account,
                "source": probed.what,
                "address": probed.address,
                "millis": u64::try_from(probed.took.as_millis()).unwrap_or(u64::MAX),
                "said": said,
                "wrong": wrong,
            })
        });
        told.collect()
    }
}
