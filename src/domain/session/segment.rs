//! The segment: the shareable part of a session, as the platform writes it (contract §8).
//!
//! It is rebuilt from the session and never read as authority.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Body;

/// Largest value of the segment cookie, in bytes. Browsers drop cookies over 4,096 bytes, name
/// and attributes included.
pub const MAX_COOKIE_BYTES: usize = 3800;

/// Names in the order that the platform writes them, with the field of each; these are `null`
/// where unset.
const ALWAYS: [(&str, &str); 11] = [
    ("campaigns", "rnb.campaigns"),
    ("channel", "store.channel"),
    ("priceTables", "profile.priceTables"),
    ("regionId", "checkout.regionId"),
    ("utm_campaign", "public.utm_campaign"),
    ("utm_source", "public.utm_source"),
    ("utmi_campaign", "public.utmi_cp"),
    ("currencyCode", "store.currencyCode"),
    ("currencySymbol", "store.currencySymbol"),
    ("countryCode", "store.countryCode"),
    ("cultureInfo", "store.cultureInfo"),
];

/// These are left out where unset.
const OPTIONAL: [(&str, &str); 3] = [
    ("admin_cultureInfo", "store.admin_cultureInfo"),
    ("channelPrivacy", "store.channelPrivacy"),
    ("facets", "search.facets"),
];

/// Lists that may be dropped from an oversized cookie; `facets` always goes first.
const LISTS: [&str; 6] = [
    "campaigns",
    "priceTables",
    "regionId",
    "utm_campaign",
    "utm_source",
    "utmi_campaign",
];

/// A session's segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    members: Vec<(&'static str, Option<String>)>,
}

impl Segment {
    /// Builds it from a session's fields.
    pub fn of(body: &Body) -> Self {
        let always = ALWAYS
            .iter()
            .map(|&(name, field)| (name, member(body, field)));
        let optional = OPTIONAL.iter().filter_map(|&(name, field)| {
            // A store without a search app carries the shopper's own facets.
            let text = member(body, field).or_else(|| {
                (name == "facets")
                    .then(|| member(body, "public.facets"))
                    .flatten()
            });
            text.filter(|text| !text.is_empty())
                .map(|text| (name, Some(text)))
        });
        Self {
            members: always.chain(optional).collect(),
        }
    }

    /// Compact JSON, byte for byte stable.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        for (at, (name, text)) in self.members.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            json.push('"');
            json.push_str(name);
            json.push_str("\":");
            match text {
                Some(text) => json.push_str(&Value::from(text.as_str()).to_string()),
                None => json.push_str("null"),
            }
        }
        json.push('}');
        json
    }

    /// Standard base64 of the JSON: the value of `x-vtex-segment`, and of the cookie where it fits.
    pub fn token(&self) -> String {
        STANDARD.encode(self.to_json())
    }

    /// The cookie's value: the token, made to fit by leaving out `facets` and then the longest
    /// lists. Also tells how many members were left out.
    pub fn cookie(&self) -> (String, usize) {
        let mut small = self.clone();
        let mut dropped = 0;
        loop {
            let token = small.token();
            if token.len() <= MAX_COOKIE_BYTES || !small.drop_longest() {
                return (token, dropped);
            }
            dropped += 1;
        }
    }

    /// 16 hexadecimal digits that stand for the segment in cache keys.
    pub fn key(&self) -> String {
        let digest = Sha256::digest(self.to_json());
        digest
            .iter()
            .take(8)
            .fold(String::with_capacity(16), |mut hex, byte| {
                for nibble in [byte >> 4, byte & 15] {
                    hex.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                }
                hex
            })
    }

    fn drop_longest(&mut self) -> bool {
        if let Some(at) = self.members.iter().position(|(name, _)| *name == "facets") {
            self.members.remove(at);
            return true;
        }
        let longest = self
            .members
            .iter_mut()
            .filter(|(name, text)| LISTS.contains(name) && text.is_some())
            .max_by_key(|(_, text)| text.as_ref().map_or(0, String::len));
        longest.is_some_and(|(_, text)| text.take().is_some())
    }
}

fn member(body: &Body, field: &str) -> Option<String> {
    match body.value(field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // The platform writes strings; a number that a client posted is written as one.
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;
    use serde_json::json;

    fn store() -> Body {
        [
            (known("store.channel"), json!("1")),
            (known("store.currencyCode"), json!("BRL")),
            (known("store.currencySymbol"), json!("R$")),
            (known("store.countryCode"), json!("BRA")),
            (known("store.cultureInfo"), json!("en-US")),
            (known("store.channelPrivacy"), json!("public")),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn unset_members_are_null_and_optional_ones_left_out() {
        assert_eq!(
            Segment::of(&store()).to_json(),
            r#"{"campaigns":null,"channel":"1","priceTables":null,"regionId":null,"utm_campaign":null,"utm_source":null,"utmi_campaign":null,"currencyCode":"BRL","currencySymbol":"R$","countryCode":"BRA","cultureInfo":"en-US","channelPrivacy":"public"}"#
        );
    }

    #[test]
    fn the_token_is_the_one_that_the_platform_makes_of_the_same_values() {
        // The example of the published schema.
        let token = "eyJjYW1wYWlnbnMiOm51bGwsImNoYW5uZWwiOiIxIiwicHJpY2VUYWJsZXMiOm51bGwsInJlZ2lvbklkIjpudWxsLCJ1dG1fY2FtcGFpZ24iOm51bGwsInV0bV9zb3VyY2UiOm51bGwsInV0bWlfY2FtcGFpZ24iOm51bGwsImN1cnJlbmN5Q29kZSI6IkJSTCIsImN1cnJlbmN5U3ltYm9sIjoiUiQiLCJjb3VudHJ5Q29kZSI6IkJSQSIsImN1bHR1cmVJbmZvIjoiZW4tVVMiLCJjaGFubmVsUHJpdmFjeSI6InB1YmxpYyJ9";
        assert_eq!(Segment::of(&store()).token(), token);
    }

    /// Segments that the platform made, as they were found in public code, with what they hold.
    #[test]
    fn every_segment_of_the_platform_is_made_again_byte_for_byte() {
        let samples = include_str!("../../../tests/data/segments.json");
        let samples: Vec<Value> = serde_json::from_str(samples).unwrap();
        let mut compared = 0;
        for sample in samples.iter().filter(|sample| sample["token"].is_string()) {
            let held = sample["decoded"].as_object().unwrap();
            let body: Body = ALWAYS
                .iter()
                .chain(&OPTIONAL)
                .filter_map(|(name, field)| {
                    let value = held.get(*name).filter(|value| !value.is_null())?;
                    Some((known(field), value.clone()))
                })
                .collect();
            assert_eq!(Segment::of(&body).token(), sample["token"], "{sample}");
            compared += 1;
        }
        assert_eq!(compared, 3);
    }

    #[test]
    fn an_oversized_cookie_loses_facets_first_and_then_the_longest_list() {
        let mut body = store();
        body.set(known("search.facets"), json!("f".repeat(3000)));
        body.set(known("rnb.campaigns"), json!("c".repeat(2000)));
        body.set(known("profile.priceTables"), json!("p".repeat(1500)));
        let segment = Segment::of(&body);
        let (cookie, dropped) = segment.cookie();
        assert!(cookie.len() <= MAX_COOKIE_BYTES);
        assert_eq!(dropped, 2);
        let json = String::from_utf8(STANDARD.decode(cookie).unwrap()).unwrap();
        assert!(json.contains("ppp") && json.contains(r#""campaigns":null"#));
        assert!(
            segment.token().len() > MAX_COOKIE_BYTES,
            "the header is never cut"
        );
    }

    #[test]
    fn equal_segments_have_equal_keys_and_others_do_not() {
        let mut other = store();
        other.set(known("store.channel"), json!("2"));
        let (one, two) = (Segment::of(&store()).key(), Segment::of(&other).key());
        assert_eq!(one.len(), 16);
        assert_eq!(one, Segment::of(&store()).key());
        assert_ne!(one, two);
    }
}
