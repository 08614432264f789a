//! The authentication app: whom the login cookies prove (contract §5).
//!
//! What they hold is never kept, logged or told.

use std::net::IpAddr;

use super::said::write;
use crate::domain::patch::Patch;
use crate::domain::transform::{Answer, Call, Failure, Note};
use crate::ports::{AuthOutcome, TokenVerifier};

mod keys;
mod service;
#[cfg(test)]
mod tests;
mod tokens;

pub use keys::{JwksUrl, KeyBook, KeyFile};
pub use service::TokenService;
pub use tokens::{Tokens, TokensSettings};

pub(super) async fn answer(
    call: &Call,
    tokens: &dyn TokenVerifier,
    client: Option<IpAddr>,
) -> Result<Answer, Failure> {
    let cookies = cookies(call);
    if cookies.is_empty() {
        return Ok(decide(AuthOutcome::default()));
    }
    Ok(decide(tokens.verify(&cookies, client).await?))
}

/// The login cookies of this request, by name and value.
fn cookies(call: &Call) -> Vec<(String, String)> {
    let fields = call.inputs.namespace("cookie");
    fields
        .filter_map(|(field, slot)| {
            let token = slot.value().as_str().filter(|token| !token.is_empty())?;
            Some((field.key().to_owned(), token.to_owned()))
        })
        .collect()
}

fn decide(outcome: AuthOutcome) -> Answer {
    let AuthOutcome {
        admin,
        shopper,
        valid_until,
        refused,
    } = outcome;
    let id = |person: &Option<(String, String)>| person.as_ref().map(|(id, _)| id.clone());
    let email = |person: &Option<(String, String)>| person.as_ref().map(|(_, email)| email.clone());
    let mut writes = Patch::new();
    write(
        &mut writes,
        "authentication.adminUserId",
        id(&admin).as_deref(),
    );
    write(
        &mut writes,
        "authentication.adminUserEmail",
        email(&admin).as_deref(),
    );
    write(
        &mut writes,
        "authentication.storeUserId",
        id(&shopper).as_deref(),
    );
    write(
        &mut writes,
        "authentication.storeUserEmail",
        email(&shopper).as_deref(),
    );
    Answer {
        writes,
        valid_until,
        notes: refused.into_iter().map(Note::TokenRefused).collect(),
        ..Answer::default()
    }
}
