//! The profile app: loads the customer (contract §5).

use super::said::{said, truth, write};
use crate::domain::patch::Patch;
use crate::domain::transform::{Answer, Call, Failure};
use crate::domain::vtexid::canonical_email;
use crate::ports::{Customer, Directory};

#[cfg(test)]
mod tests;

pub(super) async fn answer(
    call: &Call,
    directory: &dyn Directory,
    by_email: bool,
) -> Result<Answer, Failure> {
    if let Some(id) = user_id(call) {
        let customer = directory.customer(id).await?;
        return Ok(authenticated(id, customer.as_deref()));
    }
    let email = said(call, "public.storeUserEmail").filter(|_| by_email);
    let customer = match email.and_then(|email| canonical_email(&email)) {
        Some(email) => directory.customer_by_email(&email).await?,
        None => None,
    };
    Ok(anonymous(customer.as_deref()))
}

/// Whoever is acted for wins over whoever acts.
fn user_id(call: &Call) -> Option<&str> {
    let impersonated = call.filled("impersonate.storeUserId");
    impersonated.or_else(|| call.filled("authentication.storeUserId"))
}

/// All outputs of a verified user. One whom the directory does not know (a login before the
/// first order) has the id alone.
fn authenticated(id: &str, customer: Option<&Customer>) -> Answer {
    let optional = |read: fn(&Customer) -> Option<&str>| customer.and_then(read);
    let mut writes = Patch::new();
    write(&mut writes, "profile.id", Some(id));
    write(&mut writes, "profile.email", optional(|c| Some(&c.email)));
    write(
        &mut writes,
        "profile.firstName",
        optional(|c| c.first_name.as_deref()),
    );
    write(
        &mut writes,
        "profile.lastName",
        optional(|c| c.last_name.as_deref()),
    );
    write(
        &mut writes,
        "profile.phone",
        optional(|c| c.phone.as_deref()),
    );
    write(
        &mut writes,
        "profile.document",
        optional(|c| c.document.as_deref()),
    );
    finish(writes, customer, true)
}

/// Price tables alone: whoever names an e-mail has proved nothing.
fn anonymous(customer: Option<&Customer>) -> Answer {
    let mut writes = Patch::new();
    for output in [
        "profile.id",
        "profile.email",
        "profile.firstName",
        "profile.lastName",
        "profile.phone",
        "profile.document",
    ] {
        write(&mut writes, output, None);
    }
    finish(writes, customer, false)
}

fn finish(mut writes: Patch, customer: Option<&Customer>, authenticated: bool) -> Answer {
    let tables = customer.map(|customer| customer.price_tables.join(","));
    let tables = tables.filter(|tables| !tables.is_empty());
    write(&mut writes, "profile.priceTables", tables.as_deref());
    write(
        &mut writes,
        "profile.isAuthenticated",
        Some(truth(authenticated)),
    );
    Answer {
        writes,
        ..Answer::default()
    }
}
