//! What the edge needs of a configuration, compiled. A reload replaces it whole.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use http::HeaderMap;
use ipnet::IpNet;

use super::ingress::{Admitted, Claims};
use super::load::{Count, Load};
use super::quotas::Quotas;
use super::tries::Tries;
use super::upstream::Upstream;
use super::watching::Tracing;
use crate::account::Account;
use crate::config::values::{AccessLog, HostPattern, Limits, Place};
use crate::domain::headers::OwnedNames;
use crate::domain::request::path::NormalPath;
use crate::domain::request::trace::RequestTrace;
use crate::outbound::remote::Remote;
use crate::telemetry::Recording;

/// A configuration in force.
#[derive(Debug)]
pub struct Running {
    /// Accounts by host and root path.
    pub hosts: Hosts,
    /// Names of ours, over all accounts.
    pub owned: OwnedNames,
    /// Limits of requests.
    pub limits: Limits,
    /// Whose forwarded headers are believed.
    pub trusted: Vec<IpNet>,
    /// What each client may do in a minute.
    pub quotas: Arc<Quotas>,
    /// What goes on at once.
    pub load: Arc<Load>,
    /// Which requests get a line in the access log.
    pub access: AccessLog,
    /// Which requests are traced; none: none is.
    pub tracing: Option<Tracing>,
}

impl Running {
    /// Every group of servers, once each.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let sites = self.hosts.each_site().into_iter();
        sites.flat_map(|site| site.upstreams.values())
    }
}

/// A request that is admitted, which account and upstream it goes to, and what is said about it
/// there.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) admitted: Admitted,
    pub(super) claims: Claims,
    pub(super) account: Arc<Account>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) required: bool,
    /// Of a route with a limit of its own: requests under way, and how many there may be.
    pub(super) room: Option<(Count, usize)>,
    pub(super) tries: Tries,
    /// Made where somebody else is to know the request's name; many are answered alone.
    pub(super) trace: OnceLock<RequestTrace>,
    /// What is noted of it, where it is sampled.
    pub(super) recording: Option<Arc<Recording>>,
}

impl Placed {
    /// How the request is named towards others.
    pub(super) fn trace(&self, headers: &HeaderMap, random: impl FnMut() -> u128) -> &RequestTrace {
        self.trace
            .get_or_init(|| RequestTrace::read(headers, random).by(self.admitted.client))
    }
}

/// An account with its upstreams by name.
#[derive(Clone, Debug)]
pub struct Site {
    /// The account.
    pub account: Arc<Account>,
    /// Its upstreams.
    pub upstreams: HashMap<String, Arc<Upstream>>,
    /// Requests under way on routes with a limit of their own, by pattern.
    pub rooms: HashMap<String, Count>,
}

/// Sites by host, then by root path.
#[derive(Debug, Default)]
pub struct Hosts {
    exact: HashMap<String, Vec<Rooted>>,
    /// Longest suffix first.
    below: Vec<(String, Vec<Rooted>)>,
}

#[derive(Clone, Debug)]
struct Rooted {
    root: String,
    site: Site,
}

impl Hosts {
    /// Adds a site under each of its hosts.
    pub fn add(&mut self, place: &Place, site: &Site) {
        for host in &place.hosts {
            let rooted = Rooted {
                root: place.root_path.clone(),
                site: site.clone(),
            };
            let sites = match host {
                HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
                HostPattern::Below(suffix) => self.below_mut(suffix),
            };
            sites.push(rooted);
            // The longest root path is asked first.
            sites.sort_by_key(|rooted| std::cmp::Reverse(rooted.root.len()));
        }
        self.below
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
    }

    fn below_mut(&mut self, suffix: &str) -> &mut Vec<Rooted> {
        let at = self
            .below
            .iter()
            .position(|(known, _)| known == suffix)
            .unwrap_or_else(|| {
                self.below.push((suffix.to_owned(), Vec::new()));
                self.below.len() - 1
            });
        &mut self
            .below
            .get_mut(at)
            .expect("the place was found or made just now")
            .1
    }

    /// The site of a request; `None` for a host or root path that nobody answers on. An exact host
    /// comes before the longest suffix, and within each the longest root path.
    pub fn find(&self, host: &str, path: &NormalPath) -> Option<&Site> {
        let below = self.below.iter().filter(|(suffix, _)| {
            host.strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
        });
        let sites = self
            .exact
            .get(host)
            .into_iter()
            .chain(below.map(|(_, sites)| sites));
        let mut rooted = sites.flatten();
        rooted
            .find(|rooted| path.starts_with_segment(&rooted.root))
            .map(|rooted| &rooted.site)
    }

    /// The site of an account.
    pub fn site_of(&self, account: &str) -> Option<&Site> {
        self.sites().find(|site| *site.account.name == *account)
    }

    /// Everything that lives by sources, once each.
    pub fn remotes(&self) -> Vec<Arc<dyn Remote>> {
        let accounts = self.accounts().into_iter();
        let remotes = accounts.flat_map(|account| &account.remotes);
        remotes.map(Arc::clone).collect()
    }

    /// Every account once, by name.
    pub fn accounts(&self) -> Vec<&Arc<Account>> {
        let sites = self.each_site().into_iter();
        sites.map(|site| &site.account).collect()
    }

    /// The site of every account once, by name.
    pub fn each_site(&self) -> Vec<&Site> {
        let mut sites: Vec<_> = self.sites().collect();
        sites.sort_by_key(|site| &site.account.name);
        sites.dedup_by_key(|site| &site.account.name);
        sites
    }

    /// Every site, once a host.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        let below = self.below.iter().map(|(_, sites)| sites);
        self.exact
            .values()
            .chain(below)
            .flatten()
            .map(|rooted| &rooted.site)
    }
}
