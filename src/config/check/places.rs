//! Accounts against each other: names, ids, and where they answer.

use super::Check;
use super::hosts::host_pattern;
use crate::config::problems::Problem;
use crate::config::raw;
use crate::config::tree::At;
use crate::config::values::HostPattern;

impl Check<'_, '_, '_> {
    /// Two accounts may not answer at one place.
    pub(super) fn accounts_apart(&mut self, accounts: &[raw::Account]) {
        let all = At::default().key("account");
        let names = accounts.iter().enumerate();
        let names = names.map(|(index, one)| (all.index(index).key("name"), one.name.as_str()));
        self.distinct(names, "account");
        let ids = accounts.iter().enumerate();
        let ids = ids.map(|(index, one)| (all.index(index).key("id"), one.id.as_str()));
        self.distinct(ids, "account id");
        let mut taken: Vec<(HostPattern, &str, &str)> = Vec::new();
        for (index, account) in accounts.iter().enumerate() {
            for (at_host, host) in account.hosts.iter().enumerate() {
                let Ok(host) = host_pattern(host) else {
                    continue;
                };
                let same = taken
                    .iter()
                    .find(|(other, path, _)| *other == host && *path == account.root_path);
                if let Some((_, path, other)) = same {
                    let problem = Problem::new(format!(
                        "account `{other}` answers on this host under `{path}` too"
                    ));
                    let at = all.index(index).key("hosts").index(at_host);
                    let allowed = "a host, or a root_path, of its own";
                    self.say.wrong(&at, problem.allowed(allowed));
                } else {
                    taken.push((host, &account.root_path, &account.name));
                }
            }
        }
    }
}
