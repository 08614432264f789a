//! What the admin listener works with: the running whole, who may ask, and what is remembered for them.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRef;
use serde_json::Value;

use super::access::Access;
use super::history::History;
use super::logins::{Link, Logins};
use crate::domain::time::Millis;
use crate::edge::Shared;
use crate::reload::Reloads;

/// Everything that an answer of the admin listener may need. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Parts>);

struct Parts {
    shared: Arc<Shared>,
    access: Access,
    logins: Logins,
    history: Arc<History>,
    /// The configuration in force; none where nobody reads it again, as in tests of one part.
    reloads: Option<Arc<Reloads>>,
    started_at: Millis,
}

impl Desk {
    /// A desk that anybody reaches by this machine's own names, without a configuration to show.
    pub fn new(shared: Arc<Shared>, access: Access) -> Self {
        Self::with(shared, access, Beside::default())
    }

    /// The same with all that a whole process has.
    pub fn with(shared: Arc<Shared>, access: Access, beside: Beside) -> Self {
        let Beside {
            reloads,
            link,
            secure,
        } = beside;
        let started_at = shared.flow.now();
        Self(Arc::new(Parts {
            shared,
            access,
            logins: Logins::new(secure, link),
            history: Arc::default(),
            reloads,
            started_at,
        }))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(super) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    /// What was counted in the last hour.
    pub fn history(&self) -> &Arc<History> {
        &self.0.history
    }

    pub(super) fn reloads(&self) -> Option<&Arc<Reloads>> {
        self.0.reloads.as_ref()
    }

    /// Whether what this process remembers is all there is: its store is its memory.
    pub(super) fn remembers_all(&self) -> bool {
        self.store_kind().is_some_and(|kind| kind == "memory")
    }

    /// The kind of the session store, by the configuration in force.
    pub(super) fn store_kind(&self) -> Option<Value> {
        let view = self.reloads()?.view();
        view.effective.to_json().pointer("/store/kind").cloned()
    }

    pub(super) fn started_at(&self) -> Millis {
        self.0.started_at
    }

    pub(super) fn now(&self) -> Millis {
        self.0.shared.flow.now()
    }
}

/// What a desk has beside the running whole.
#[derive(Debug, Default)]
pub struct Beside {
    /// The configuration in force.
    pub reloads: Option<Arc<Reloads>>,
    /// A link by which somebody gets in once.
    pub link: Option<Link>,
    /// Whether the listener is reached by names that are not this machine's own, and so over TLS.
    pub secure: bool,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("access", &self.0.access)
            .finish_non_exhaustive()
    }
}

impl FromRef<Desk> for Arc<Shared> {
    fn from_ref(desk: &Desk) -> Self {
        Self::clone(&desk.0.shared)
    }
}
