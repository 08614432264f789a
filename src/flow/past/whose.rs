//! Whose cycle it was, and what it was for.

use std::sync::Arc;

use super::Trigger;
use crate::domain::plans::SharedBody;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::flow::Stage;
use crate::flow::lookup::Lookup;
use crate::store::Resident;

/// Whose cycle it was.
pub(in crate::flow) struct Whose {
    pub(super) session: SessionId,
    pub(super) from: Option<SessionId>,
    /// When the session of that id began.
    pub(super) began: Option<Millis>,
    pub(super) at: Millis,
    pub(super) trigger: Trigger,
    /// The bodies before and after.
    pub(super) bodies: [Arc<SharedBody>; 2],
}

impl Whose {
    /// Of the session that a request changed, under its old id or a new one.
    pub(in crate::flow) fn of_change(stage: Stage<'_>, old: &Resident, new: &Resident) -> Self {
        let (old, new) = (old.session(), new.session());
        Self {
            session: new.id,
            from: (old.id != new.id).then_some(old.id),
            began: (old.id != new.id).then_some(old.created_at),
            at: stage.now,
            trigger: match stage.ask {
                Some(_) => Trigger::Call,
                None => Trigger::Page,
            },
            bodies: [&old.body, &new.body].map(Arc::clone),
        }
    }

    /// Of a session that began with this body.
    pub(in crate::flow) fn of_beginning(
        stage: Stage<'_>,
        (before, new): (&Arc<SharedBody>, &Resident),
        lookup: Lookup,
    ) -> Self {
        let new = new.session();
        Self {
            session: new.id,
            from: None,
            began: None,
            at: stage.now,
            trigger: match (lookup, stage.ask) {
                (Lookup::Ended(_), _) => Trigger::Successor,
                (_, Some(_)) => Trigger::Call,
                (_, None) => Trigger::FirstVisit,
            },
            bodies: [before, &new.body].map(Arc::clone),
        }
    }

    /// Of a session for which a failed app was tried again.
    pub(in crate::flow) fn of_retry(at: Millis, old: &Resident, new: &Resident) -> Self {
        let (old, new) = (old.session(), new.session());
        Self {
            session: new.id,
            from: None,
            began: None,
            at,
            trigger: Trigger::Retry,
            bodies: [&old.body, &new.body].map(Arc::clone),
        }
    }
}
