//! Spans of time as people write them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest span: a hundred years. Beyond it is a slip of the pen.
const LONGEST: Duration = Duration::from_hours(100 * 366 * 24);

/// Units in which spans are told, in milliseconds.
const UNITS: [(&str, u128); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A span of time: `30m`, `1h 30m`, `500ms`, or a whole number of seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// The span of so many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The span of so many minutes.
    pub const fn mins(mins: u64) -> Self {
        Self::secs(mins * 60)
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let span = humantime::parse_duration(text.trim()).map_err(|error| error.to_string())?;
        Self::capped(span)
    }

    /// Reads a number of seconds.
    pub fn parse_secs(secs: i64) -> Result<Self, String> {
        let secs = u64::try_from(secs).map_err(|_| "a span of time is never negative")?;
        Self::capped(Duration::from_secs(secs))
    }

    fn capped(span: Duration) -> Result<Self, String> {
        if span > LONGEST {
            return Err("longer than a hundred years".to_owned());
        }
        // The program counts in milliseconds.
        if !span.subsec_nanos().is_multiple_of(1_000_000) {
            return Err("finer than a millisecond".to_owned());
        }
        Ok(Self(span))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let mut rest = millis;
        let mut gap = "";
        for (unit, size) in UNITS {
            let (count, left) = (rest / size, rest % size);
            if count > 0 {
                write!(f, "{gap}{count}{unit}")?;
                gap = " ";
            }
            rest = left;
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Secs(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Secs(secs) => Self::parse_secs(secs),
            Written::Text(text) => Self::parse(&text),
        }
        .map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": "span", "minimum": 0 })
    }
}
