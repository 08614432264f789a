//! The members of one JSON object, each name once.
//!
//! A reader that lets a second `"sub"` win and one that keeps the first see two people
//! (RFC 7519 §4), so a repeated name is refused, whether we know it or not.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::JwsError;

/// More members than any token of ours or of the platform has; keeps the search for repeats short.
const MAX_MEMBERS: usize = 64;

/// Last second of the year 9999; later moments are mistakes of unit.
const MAX_SECONDS: i64 = 253_402_300_799;

/// The members of an object, in the order of the text.
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads one JSON object with at most 64 members and no repeated name.
    pub fn read(json: &[u8]) -> Result<Self, JwsError> {
        serde_json::from_slice(json).map_err(|_| JwsError::Malformed)
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// A member that is a string if it is there.
    pub fn text(&self, name: &str) -> Result<Option<&str>, JwsError> {
        self.get(name)
            .map(|value| value.as_str().ok_or(JwsError::Malformed))
            .transpose()
    }

    /// A member that, if it is there, is a moment in whole seconds from 1970 to 9999.
    pub fn seconds(&self, name: &str) -> Result<Option<i64>, JwsError> {
        self.get(name)
            .map(|value| {
                value
                    .as_i64()
                    .filter(|seconds| (0..=MAX_SECONDS).contains(seconds))
                    .ok_or(JwsError::Malformed)
            })
            .transpose()
    }
}

/// Names alone: values are secrets or a shopper's.
impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(UniqueMembers)
    }
}

struct UniqueMembers;

impl<'de> Visitor<'de> for UniqueMembers {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with unique members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("repeated member"));
            }
            members.push((name, value));
        }
        Ok(Members(members))
    }
}
