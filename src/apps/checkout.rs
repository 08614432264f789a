//! The checkout app: the region of the shopper's place (contract §5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::said::said;
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{Directory, Place};

#[cfg(test)]
mod tests;

/// Longest region id of the older form, in characters of base64.
const MAX_SELLERS: usize = 512;

const OUTPUT: &str = "checkout.regionId";

pub(super) async fn answer(
    call: &Call,
    directory: &dyn Directory,
    accept_region_id: bool,
) -> Result<Answer, Failure> {
    let named = said(call, "public.regionId").filter(|id| accept_region_id && is_region_id(id));
    if let Some(id) = named {
        return Ok(region(Some((*id).into())));
    }
    let country = said(call, "public.country");
    let code = said(call, "public.postalCode");
    let coordinates = said(call, "public.geoCoordinates");
    let Some(place) = place(country.as_deref(), code.as_deref(), coordinates.as_deref()) else {
        let garbled = accept_region_id && names_something(call);
        return Ok(if garbled {
            Answer::default()
        } else {
            region(None)
        });
    };
    let found = directory.region(place).await?;
    Ok(region(Some(found.map_or(Value::Null, Value::String))))
}

/// Whether `public.regionId` was not left empty. A damaged link must not take the region away that
/// a good one gave; emptying the key does.
fn names_something(call: &Call) -> bool {
    call.value("public.regionId")
        .is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

/// `null` says that the place lies in no region; no value, that no place was told.
fn region(value: Option<Value>) -> Answer {
    let mut writes = Patch::new();
    match value {
        Some(value) => writes.set(known(OUTPUT), value),
        None => writes.unset(known(OUTPUT)),
    }
    Answer {
        writes,
        ..Answer::default()
    }
}

/// The place that was told. A postal code says more than coordinates, which may be stale.
fn place<'a>(
    country: Option<&'a str>,
    code: Option<&'a str>,
    coordinates: Option<&'a str>,
) -> Option<Place<'a>> {
    let country = country?;
    let postal = code.map(|code| Place::Postal { country, code });
    postal.or_else(|| {
        coordinates.map(|coordinates| Place::Coordinates {
            country,
            coordinates,
        })
    })
}

/// Whether a client's text has one of the forms of a region id: `v2.` and 1 to 64 plain
/// characters, or the base64 of `SW#` and a list of sellers.
fn is_region_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if let Some(rest) = text.strip_prefix("v2.") {
        return (1..=64).contains(&rest.len()) && rest.bytes().all(plain);
    }
    if text.len() > MAX_SELLERS {
        return false;
    }
    let sellers = STANDARD.decode(text).unwrap_or_default();
    let sellers = sellers.strip_prefix(b"SW#").unwrap_or_default();
    !sellers.is_empty() && sellers.iter().all(u8::is_ascii_graphic)
}
