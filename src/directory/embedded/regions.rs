//! The regions of a directory file, and which places lie in them.

use std::collections::BTreeSet;

use super::circle::{Circle, Point};
use super::postal::{PostalCode, PostalRange};
use super::walk::Entry;
use crate::ports::Place;

/// One region of one country.
#[derive(Clone, Debug, PartialEq)]
struct Region {
    id: String,
    country: String,
    postal_codes: Vec<PostalRange>,
    near: Vec<Circle>,
}

/// The regions in the order of the file; the first that holds a place counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Regions(Vec<Region>);

impl Regions {
    /// Reads `[[region]]`.
    pub(super) fn read(root: &Entry<'_>) -> Self {
        let mut ids = BTreeSet::new();
        let entries = root.entries("region", &["id", "country", "postal_codes", "near"]);
        let regions = entries.iter().map(|entry| {
            let id = entry.require_id("id");
            if let Some(id) = id.filter(|id| !ids.insert(id.value)) {
                entry.wrong(id.at, format!("another region has the id `{}`", id.value));
            }
            let country = entry.require_capitals("country");
            if !entry.has("postal_codes") && !entry.has("near") {
                entry.wrong(entry.at, "a region has `postal_codes` or `near`");
            }
            Region {
                id: id.map(|id| id.value.to_owned()).unwrap_or_default(),
                country: country.unwrap_or_default(),
                postal_codes: PostalRange::read_all(entry, "postal_codes"),
                near: Circle::read_all(entry, "near"),
            }
        });
        Self(regions.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The region of a place. Countries are compared without regard to case.
    pub(super) fn of(&self, place: Place<'_>) -> Option<&str> {
        let in_country = |country: &str| {
            let country = country.to_ascii_uppercase();
            self.0
                .iter()
                .filter(move |region| region.country == country)
        };
        let region = match place {
            Place::Postal { country, code } => {
                let code = PostalCode::read(code)?;
                in_country(country).find(|region| region.postal_codes.iter().any(|r| r.holds(code)))
            }
            Place::Coordinates {
                country,
                coordinates,
            } => {
                let point = Point::read(coordinates)?;
                in_country(country).find(|region| region.near.iter().any(|c| c.holds(point)))
            }
        };
        region.map(|region| &*region.id)
    }
}
