//! The campaigns of a directory file, and whom they are for.

use std::collections::BTreeSet;

use super::channels::ChannelList;
use super::people::read_email;
use super::postal::{PostalCode, PostalRange};
use super::walk::Entry;
use crate::domain::vtexid::canonical_email;
use crate::ports::Visit;

const KEYS: [&str; 6] = [
    "id",
    "utm_campaign",
    "utm_source",
    "emails",
    "postal_codes",
    "channels",
];

/// Whom one campaign is for. A visit must fit every kind of rule that it has, by any one of the kind's values;
/// a campaign without rules fits everybody.
#[derive(Clone, PartialEq, Eq)]
struct Audience {
    id: String,
    utm_campaign: Vec<String>,
    utm_source: Vec<String>,
    emails: Vec<String>,
    postal_codes: Vec<PostalRange>,
    channels: Vec<String>,
}

/// The campaigns in the order of the file.
#[derive(Clone, Default)]
pub(super) struct Campaigns(Vec<Audience>);

impl Campaigns {
    /// Reads `[[campaign]]`.
    pub(super) fn read(root: &Entry<'_>, channels: &ChannelList) -> Self {
        let mut ids = BTreeSet::new();
        let entries = root.entries("campaign", &KEYS);
        let campaigns = entries.iter().map(|entry| {
            let id = entry.require_id("id");
            if let Some(id) = id.filter(|id| !ids.insert(id.value)) {
                entry.wrong(id.at, format!("another campaign has the id `{}`", id.value));
            }
            let id = id.map(|id| id.value.to_owned());
            Audience::read(entry, id.unwrap_or_default(), channels)
        });
        Self(campaigns.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ids of those that fit a visit.
    pub(super) fn fitting(&self, visit: Visit<'_>) -> Vec<String> {
        let email = visit.email.and_then(canonical_email);
        let visit = Visit {
            email: email.as_deref(),
            ..visit
        };
        let code = visit.postal_code.and_then(PostalCode::read);
        let fitting = self.0.iter().filter(|campaign| campaign.fits(visit, code));
        fitting.map(|campaign| campaign.id.clone()).collect()
    }
}

impl Audience {
    fn read(entry: &Entry<'_>, id: String, channels: &ChannelList) -> Self {
        for key in KEYS {
            if let Some(at) = entry.empty_list(key) {
                entry.wrong(
                    at,
                    format!("an empty `{key}` fits nobody: leave the key out"),
                );
            }
        }
        let texts = |key| {
            let texts = entry.texts(key);
            texts.iter().map(|text| text.value.to_owned()).collect()
        };
        let emails = entry.texts("emails");
        Self {
            id,
            utm_campaign: texts("utm_campaign"),
            utm_source: texts("utm_source"),
            emails: emails
                .into_iter()
                .filter_map(|email| read_email(entry, email))
                .collect(),
            postal_codes: PostalRange::read_all(entry, "postal_codes"),
            channels: channels.read_references(entry, "channels"),
        }
    }

    fn fits(&self, visit: Visit<'_>, code: Option<PostalCode>) -> bool {
        fits_one(&self.utm_campaign, visit.utm_campaign)
            && fits_one(&self.utm_source, visit.utm_source)
            && fits_one(&self.emails, visit.email)
            && fits_one(&self.channels, visit.channel)
            && (self.postal_codes.is_empty()
                || code.is_some_and(|code| self.postal_codes.iter().any(|r| r.holds(code))))
    }
}

fn fits_one(allowed: &[String], value: Option<&str>) -> bool {
    allowed.is_empty() || value.is_some_and(|value| allowed.iter().any(|one| one == value))
}
