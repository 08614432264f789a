//! Regions as the checkout tells them.

use serde::Deserialize;
use serde_json::Value;

use super::address::encoded;
use crate::ports::Place;

/// One region on the wire.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WireRegion {
    id: Option<String>,
    #[serde(default)]
    sellers: Vec<Value>,
}

/// The region of a place. One that nobody delivers to is none.
pub(super) fn region_of(wire: Vec<WireRegion>) -> Option<String> {
    let mut served = wire
        .into_iter()
        .filter(|region| !region.sellers.is_empty())
        .filter_map(|region| region.id);
    served.find(|id| !id.is_empty())
}

/// The query that names a place; none where the text names none.
pub(super) fn query_of(place: Place<'_>) -> Option<String> {
    let country = |text: &str| {
        let text = text.trim().to_ascii_uppercase();
        let letters = text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
        letters.then_some(text)
    };
    match place {
        Place::Postal {
            country: text,
            code,
        } => {
            let code = code.trim();
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b' ');
            let fits = (1..=20).contains(&code.len()) && code.bytes().all(plain);
            let country = country(text)?;
            fits.then(|| format!("country={country}&postalCode={}", encoded(code)))
        }
        Place::Coordinates {
            country: text,
            coordinates,
        } => {
            let (longitude, latitude) = coordinates.split_once(',')?;
            let country = country(text)?;
            let longitude = degrees(longitude, 180.0)?;
            let latitude = degrees(latitude, 90.0)?;
            // The session has a comma; this call refuses one (CHK0119).
            Some(format!(
                "country={country}&geoCoordinates={longitude};{latitude}"
            ))
        }
    }
}

fn degrees(text: &str, most: f64) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (-most..=most).contains(&number).then_some(number)
}
