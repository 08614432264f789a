//! A session changes hands: what a change of who acts is called.

use super::event::{Acting, Event, Who};
use crate::domain::session::Principal;
use crate::store::Resident;

/// Whether somebody is there who was not.
pub(super) fn gained(before: Principal<'_>, after: Principal<'_>) -> bool {
    (after.shopper.is_some() && after.shopper != before.shopper)
        || (after.staff.is_some() && after.staff != before.staff)
}

/// What a change of who acts is called.
pub(super) fn rotation_events(before: Principal<'_>, new: &Resident, fresh: bool) -> Vec<Event> {
    let after = new.session().principal();
    let id = new.session().id;
    let mut events = Vec::new();
    if fresh || gained(before, after) {
        let who = Who {
            shopper: after.shopper.map(Into::into),
            staff: after.staff.map(Into::into),
        };
        events.push(Event::Login(id, who));
    } else if before.shopper != after.shopper || before.staff != after.staff {
        events.push(Event::Logout(id));
    }
    let same = (before.acting_as, before.staff) == (after.acting_as, after.staff);
    if let (Some(customer), false) = (before.acting_as, same) {
        events.push(Event::ImpersonationStopped(
            id,
            acting(before.staff, customer),
        ));
    }
    if let (Some(customer), false) = (after.acting_as, same) {
        events.push(Event::ImpersonationStarted(
            id,
            acting(after.staff, customer),
        ));
    }
    if events.is_empty() {
        events.push(Event::Rotated(id));
    }
    events
}

fn acting(staff: Option<&str>, customer: &str) -> Acting {
    Acting {
        staff: staff.unwrap_or_default().into(),
        customer: customer.into(),
    }
}
