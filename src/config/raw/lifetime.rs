//! `[lifetime]`: the numbers of a session's life.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Span;

/// How long sessions live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetime {
    /// When the cookie is issued again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// L: the life of a session from the last issue of its cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// W: how long before that end the cookie is issued again. Less than `lifetime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_before_end: Option<Span>,
    /// I: how long a session lives without any activity. Without it, `lifetime` less
    /// `refresh_before_end`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Span>,
    /// Added to `idle`, to absorb the time that a request is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_grace: Option<Span>,
    /// A: the longest life of a shopper's login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_authenticated: Option<Span>,
    /// A: the longest life of an anonymous session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_anonymous: Option<Span>,
    /// The cookie's own life in the browser, or `"none"`: until the browser is closed. Without
    /// it, twice `lifetime` (`granular`: `lifetime`). Never past the absolute end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie_max_age: Option<CookieAge>,
    /// How far ahead of this clock a cookie's time of issue may lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<Span>,
    /// What is different for anonymous shoppers. Keys that are left out are those of the table
    /// around.
    pub anonymous: Lifespan,
}

/// What is different for anonymous shoppers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lifespan {
    /// When the cookie is issued again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// L: the life of a session from the last issue of its cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// W: how long before that end the cookie is issued again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_before_end: Option<Span>,
    /// I: how long a session lives without any activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Span>,
    /// Added to `idle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_grace: Option<Span>,
    /// The cookie's own life in the browser, or `"none"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie_max_age: Option<CookieAge>,
    /// How far ahead of this clock a cookie's time of issue may lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<Span>,
}

/// When the cookie is issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Once `lifetime` less `refresh_before_end` has gone by since its issue.
    Window,
    /// Once `refresh_before_end` has gone by since its issue: more `Set-Cookie`, a shorter cookie.
    Granular,
}

/// A cookie's life: a span, or until the browser is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieAge {
    /// So long.
    For(Span),
    /// Until the browser is closed.
    None,
}

impl CookieAge {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        Span::parse(text).map(Self::For)
    }
}

impl Serialize for CookieAge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(span) => span.serialize(serializer),
            Self::None => serializer.serialize_str("none"),
        }
    }
}

impl<'de> Deserialize<'de> for CookieAge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Secs(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Secs(secs) => Span::parse_secs(secs).map(Self::For),
            Written::Text(text) => Self::parse(&text),
        }
        .map_err(D::Error::custom)
    }
}

impl JsonSchema for CookieAge {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CookieAge".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": "span-or-none", "minimum": 0 })
    }
}
