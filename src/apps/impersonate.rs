//! The impersonation app: lets staff act as a customer (contract §5).

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::said::{truth, write};
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::{Answer, Call, Failure, Note};
use crate::domain::vtexid::canonical_email;
use crate::ports::{Customer, Directory};

#[cfg(test)]
mod tests;

const WANTED: &str = "public.vtex-impersonated-customer-email";
const WANTED_BY_COOKIE: &str = "cookie.vtex-impersonated-customer-email";

/// What came of a wish to act as somebody.
#[derive(Clone, Debug)]
enum Verdict {
    /// There is no wish.
    Nobody,
    /// The wish is granted.
    Granted(Arc<Customer>),
    /// It is not; the label says why.
    Refused(&'static str),
}

pub(super) async fn answer(
    call: &Call,
    directory: &dyn Directory,
    account: &str,
) -> Result<Answer, Failure> {
    let Some(admin) = call.filled("authentication.adminUserEmail") else {
        return Ok(decide(call, false, &Verdict::Nobody, account));
    };
    let may = directory.may_impersonate(admin).await?;
    let verdict = match wanted(call) {
        None => Verdict::Nobody,
        Some(_) if !may => Verdict::Refused("no_permission"),
        Some(email) => find(&email, directory).await?,
    };
    let mut answer = decide(call, may, &verdict, account);
    keep_wish(call, &mut answer.writes);
    Ok(answer)
}

async fn find(email: &str, directory: &dyn Directory) -> Result<Verdict, Failure> {
    let Some(email) = canonical_email(email) else {
        return Ok(Verdict::Refused("malformed_email"));
    };
    let customer = directory.customer_by_email(&email).await?;
    // Whoever never had a login has no user id, and nobody can act as them.
    let customer = customer.filter(|customer| !customer.id.is_empty());
    Ok(customer.map_or(Verdict::Refused("unknown_customer"), Verdict::Granted))
}

/// The e-mail that is asked for, as it was written: directly, or else by the cookie.
fn wanted(call: &Call) -> Option<Cow<'_, str>> {
    let direct = call.filled(WANTED).map(Cow::Borrowed);
    direct.or_else(|| {
        let cookie = call.filled(WANTED_BY_COOKIE)?;
        Some(percent_decode_str(cookie).decode_utf8_lossy())
    })
}

/// When whoever acts changes, the cycle empties all that was written under the one before, and the
/// wish with it. The wish of whoever logs in by this very request must outlive that.
fn keep_wish(call: &Call, writes: &mut Patch) {
    let acts = call.current.slot("impersonate.storeUserId").is_some();
    if let Some(wish) = call.value(WANTED).filter(|_| !acts) {
        writes.set(known(WANTED), wish.clone());
    }
}

fn decide(call: &Call, may: bool, verdict: &Verdict, account: &str) -> Answer {
    let customer = match verdict {
        Verdict::Granted(customer) => Some(&**customer),
        Verdict::Nobody | Verdict::Refused(_) => None,
    };
    let id = customer.map(|customer| &*customer.id);
    let mut writes = Patch::new();
    write(&mut writes, "impersonate.storeUserId", id);
    write(
        &mut writes,
        "impersonate.storeUserEmail",
        customer.map(|c| &*c.email),
    );
    write(
        &mut writes,
        "impersonate.account",
        customer.map(|_| account),
    );
    write(&mut writes, "impersonate.canImpersonate", Some(truth(may)));
    let begins = id.is_some() && id != call.current.text("impersonate.storeUserId");
    let note = match verdict {
        Verdict::Refused(reason) => Some(Note::ImpersonationRefused(reason)),
        Verdict::Granted(_) if begins => Some(Note::ImpersonationGranted),
        Verdict::Granted(_) | Verdict::Nobody => None,
    };
    Answer {
        writes,
        notes: note.into_iter().collect(),
        ..Answer::default()
    }
}
