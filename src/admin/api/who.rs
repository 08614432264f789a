//! Whose a session is, as an operator is told: by e-mail where it is known, and by the shop's ids.
//! Logs never tell it so.

use serde_json::{Map, Value};

use crate::domain::session::{Packed, Principal};

/// Who acts in a session of this content.
pub(super) fn who(body: &Packed) -> Map<String, Value> {
    let principal = Principal::of_packed(body);
    let mut said = Map::new();
    said.insert("kind".to_owned(), kind_of(&principal).into());
    let acts = principal.acting_as.or(principal.shopper);
    let impersonator = principal.staff.filter(|_| principal.acting_as.is_some());
    // Of a shop without profiles, the login alone knows the e-mail.
    let email = || {
        let names = [
            ("profile.email", true),
            ("impersonate.storeUserEmail", principal.acting_as.is_some()),
            (
                "authentication.storeUserEmail",
                principal.acting_as.is_none(),
            ),
        ];
        let mut names = names.into_iter().filter(|(_, fits)| *fits);
        names.find_map(|(name, _)| body.filled(name))
    };
    for (name, value) in [
        ("principal", acts),
        ("email", acts.and_then(|_| email())),
        ("impersonator", impersonator),
        ("staff", principal.staff),
        (
            "staffEmail",
            principal
                .staff
                .and_then(|_| body.filled("authentication.adminUserEmail")),
        ),
    ] {
        if let Some(value) = value {
            said.insert(name.to_owned(), value.into());
        }
    }
    said
}

/// Who acts in a session, in a word of a closed set.
pub(super) fn kind_of(principal: &Principal<'_>) -> &'static str {
    match (principal.shopper, principal.staff) {
        (_, Some(_)) => "staff",
        (Some(_), None) => "shopper",
        (None, None) if principal.acting_as.is_some() => "staff",
        (None, None) => "anonymous",
    }
}
