//! Addresses of calls, put together of a base and encoded parts.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::customers::{FIELDS, Who};

/// All but what RFC 3986 §2.3 leaves alone.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// An address below a base. The parts are encoded, so that it always is one.
pub(super) fn below(base: &str, rest: &str) -> Option<Uri> {
    format!("{base}{rest}").parse().ok()
}

/// Campaign audiences.
pub(super) const CAMPAIGNS_PATH: &str = "/api/rnb/pvt/campaignConfiguration";

/// Trade policies, as somebody sees them.
pub(super) fn channels_path(email: Option<&str>) -> String {
    let path = "/api/catalog_system/pub/saleschannel/available";
    match email {
        Some(email) => format!("{path}?email={}", encoded(email)),
        None => path.to_owned(),
    }
}

/// A customer.
pub(super) fn customer_path(who: &Who) -> String {
    let wanted = match who {
        Who::Id(id) => format!("userId={}", encoded(id)),
        Who::Email(email) => format!("email={}", encoded(email)),
    };
    format!("/api/dataentities/CL/search?{wanted}&_fields={FIELDS}")
}

/// The region of a place.
pub(super) fn region_path(query: &str) -> String {
    format!("/api/checkout/pub/regions?{query}")
}

/// Whether somebody may act as a customer.
pub(super) fn permission_path(account: &str, email: &str) -> String {
    let (account, email) = (encoded(account), encoded(email));
    format!(
        "/api/license-manager/pvt/accounts/{account}/products/2/logins/{email}/resources/Televendas/granted"
    )
}
