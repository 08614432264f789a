//! The headers of contract §9, each with what it says and what its absence says.

/// One header, explained.
#[derive(Debug)]
pub(in crate::demo) struct Meaning {
    pub(in crate::demo) name: &'static str,
    /// What the value says.
    pub(in crate::demo) says: &'static str,
    /// What it means that the header is not there.
    pub(in crate::demo) absent: &'static str,
}

const fn meaning(name: &'static str, says: &'static str, absent: &'static str) -> Meaning {
    Meaning { name, says, absent }
}

/// Everything Vestibule tells a backend about a shopper, in reading order.
pub(in crate::demo) const OUR_HEADERS: [Meaning; 17] = [
    meaning(
        "x-session-id",
        "The session. A new one after login, logout and expiry; the same one after a refresh.",
        "No session is stored for this request.",
    ),
    meaning(
        "x-session-authenticated",
        "Whether a shopper is logged in.",
        "This route has no sessions.",
    ),
    meaning(
        "x-session-user-id",
        "The customer's id.",
        "No customer is known.",
    ),
    meaning(
        "x-session-user-email",
        "The customer's e-mail, as a verified login says.",
        "No customer is known.",
    ),
    meaning(
        "x-session-impersonator",
        "The member of staff who acts as this customer.",
        "Nobody acts in another's name.",
    ),
    meaning(
        "x-session-channel",
        "The trade policy: which catalogue and which prices.",
        "No trade policy.",
    ),
    meaning(
        "x-session-country",
        "The country of the trade policy.",
        "No trade policy.",
    ),
    meaning(
        "x-session-culture",
        "Language and way of writing.",
        "No trade policy.",
    ),
    meaning(
        "x-session-currency",
        "The currency of the prices.",
        "No trade policy.",
    ),
    meaning(
        "x-session-price-tables",
        "Special prices of this customer.",
        "List prices.",
    ),
    meaning(
        "x-session-campaigns",
        "Audiences this visit belongs to.",
        "No campaign fits this visit.",
    ),
    meaning(
        "x-session-region",
        "The delivery region.",
        "No place is known, or none that we deliver to.",
    ),
    meaning(
        "x-session-segment-key",
        "Sixteen digits that tell groups of shoppers apart: part of a cache key.",
        "No segment.",
    ),
    meaning(
        "x-vtex-segment",
        "The part of the session that many shoppers share, as a token.",
        "No segment.",
    ),
    meaning(
        "x-vtex-account",
        "The store.",
        "This request did not come through Vestibule.",
    ),
    meaning(
        "x-session-context",
        "A signed summary that a backend can check for itself.",
        "This route does not ask for it.",
    ),
    meaning(
        "x-vtex-session",
        "The session's token.",
        "This route does not ask for it.",
    ),
];

/// What every proxied request carries, whoever sent it.
pub(in crate::demo) const WAY_HEADERS: [Meaning; 5] = [
    meaning("x-forwarded-for", "The address that asked.", ""),
    meaning("x-forwarded-proto", "How it asked.", ""),
    meaning("x-forwarded-host", "The host it asked.", ""),
    meaning(
        "x-request-id",
        "This one request, in every log on its way.",
        "",
    ),
    meaning("traceparent", "Its place in a distributed trace.", ""),
];

/// What a header outside contract §9 says.
pub(in crate::demo) fn meaning_of(name: &str) -> &'static str {
    match name {
        "x-session-staff-email" => "The member of staff who is logged in.",
        "x-session-can-impersonate" => "Whether that member of staff may act as a customer.",
        "x-session-perks-level" => "The level of loyalty: what the store's own session app says.",
        "x-session-perks-message" => "What that session app promises for this visit.",
        _ => "From this store's own header map.",
    }
}
