//! The JSON Schema of the configuration, made from the raw shapes.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::{Root, Span};
use crate::domain::lifetime::PolicySettings;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12();
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<Root>().to_value();
    tell_lifetime_defaults(&mut schema);
    schema
});

/// A lifetime that is left out may stand in another table, so that the shapes know no default:
/// these are the law's.
fn tell_lifetime_defaults(schema: &mut Value) {
    let law = PolicySettings::default();
    let defaults = [
        ("lifetime", law.lifetime),
        ("refresh_before_end", law.refresh_before_end),
        ("idle_grace", law.idle_grace),
        ("absolute_authenticated", law.absolute_authenticated),
        ("absolute_anonymous", law.absolute_anonymous),
        ("clock_skew", law.clock_skew),
    ];
    let told = defaults.map(|(key, span)| (key, Span(span).to_string()));
    let profile = ("profile", format!("{:?}", law.profile).to_lowercase());
    for (key, default) in told.into_iter().chain([profile]) {
        let key = schema.pointer_mut(&format!("/$defs/Lifetime/properties/{key}"));
        if let Some(members) = key.and_then(Value::as_object_mut) {
            members.insert("default".to_owned(), default.into());
        }
    }
}

/// The schema, as `vestibule schema` prints it.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// A part of the schema with its reference followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part(&'static Map<String, Value>);

impl Part {
    /// The whole.
    pub(super) fn root() -> Self {
        static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        Self(SCHEMA.as_object().unwrap_or(&EMPTY))
    }

    /// Whether both are the same part.
    pub(super) fn is(self, other: Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }

    fn of(value: &'static Value) -> Option<Self> {
        let here = value.as_object()?;
        if let Some(reference) = here.get("$ref").and_then(Value::as_str) {
            return Self::of(SCHEMA.pointer(reference.strip_prefix('#')?)?);
        }
        // An optional table or word: the branch that is not null.
        if let Some(branches) = here.get("anyOf").and_then(Value::as_array) {
            let mut parts = branches.iter().filter_map(Self::of);
            return parts.find(|part| !part.allows("null"));
        }
        Some(Self(here))
    }

    /// What a key of this table takes.
    pub(super) fn property(self, key: &str) -> Option<Self> {
        let named = self.properties().and_then(|all| all.get(key));
        named
            .or_else(|| self.0.get("additionalProperties"))
            .and_then(Self::of)
    }

    /// What every key takes, where the keys are free.
    pub(super) fn additional(self) -> Option<Self> {
        self.0.get("additionalProperties").and_then(Self::of)
    }

    /// What each element of this list takes.
    pub(super) fn items(self) -> Option<Self> {
        self.0.get("items").and_then(Self::of)
    }

    /// The keys of this table with what is written about each.
    pub(super) fn properties(self) -> Option<&'static Map<String, Value>> {
        self.0.get("properties").and_then(Value::as_object)
    }

    /// The keys that must be there.
    pub(super) fn required(self) -> impl Iterator<Item = &'static str> {
        let keys = self.0.get("required").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether it takes this type. Words are texts.
    pub(super) fn allows(self, kind: &str) -> bool {
        match self.0.get("type") {
            Some(Value::String(only)) => only == kind,
            Some(Value::Array(several)) => several.iter().any(|one| one == kind),
            _ => kind == "string" && !self.words().is_empty(),
        }
    }

    /// The words that it takes, each with its meaning, if it takes only certain ones.
    pub(super) fn words(self) -> Vec<(&'static str, &'static str)> {
        let plain = self.0.get("enum").and_then(Value::as_array);
        let described = self.0.get("oneOf").and_then(Value::as_array);
        let plain = plain.into_iter().flatten().filter_map(Value::as_str);
        let described = described.into_iter().flatten().filter_map(|one| {
            let word = one.get("const")?.as_str()?;
            Some((word, one.get("description")?.as_str()?))
        });
        plain.map(|word| (word, "")).chain(described).collect()
    }

    /// The special form of its text, or the width of its number.
    pub(super) fn format(self) -> &'static str {
        let format = self.0.get("format").and_then(Value::as_str);
        format.unwrap_or_default()
    }

    /// The numbers that it takes.
    pub(super) fn range(self) -> (i64, i64) {
        let bound = |key| self.0.get(key).and_then(Value::as_i64);
        let widest = match self.format() {
            "uint8" => u8::MAX.into(),
            "uint16" => u16::MAX.into(),
            "uint32" => u32::MAX.into(),
            _ => i64::MAX,
        };
        (
            bound("minimum").unwrap_or(i64::MIN),
            bound("maximum").unwrap_or(widest).min(widest),
        )
    }

    /// The least number of elements.
    pub(super) fn min_items(self) -> usize {
        let least = self.0.get("minItems").and_then(Value::as_u64);
        least
            .and_then(|least| usize::try_from(least).ok())
            .unwrap_or(0)
    }
}
