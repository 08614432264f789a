//! What goes on over a reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::values;
use crate::edge::Running;
use crate::edge::running::Site;
use crate::edge::upstream::Upstream;

/// What a reload finds running.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// What the edge runs by.
    pub running: &'a Running,
    /// Accounts for which nothing has changed.
    pub same: &'a BTreeSet<Arc<str>>,
}

impl Before<'_> {
    /// The site of an account for which nothing has changed.
    pub(super) fn unchanged(&self, account: &str) -> Option<&Site> {
        self.same.get(account)?;
        self.running.hosts.site_of(account)
    }

    /// A group of servers of which nothing has changed: what is known of them stays known.
    pub(super) fn upstream(
        &self,
        account: &str,
        settings: &values::Upstream,
    ) -> Option<Arc<Upstream>> {
        let site = self.running.hosts.site_of(account)?;
        let upstream = site.upstreams.get(&*settings.name)?;
        // Certificates may have changed under the same names.
        if settings.tls.is_some() {
            return None;
        }
        upstream.is_of(settings).then(|| Arc::clone(upstream))
    }
}
