//! The configuration in force, defaults filled in, as text and JSON. It names files of secrets
//! and holds none.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::raw::{Root, Span};
use super::values::Config;
use crate::domain::lifetime::{CookieAge, Policy};

/// What a configuration says once every layer and default is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective(Value);

impl Effective {
    pub(super) fn new(root: &Root, config: &Config) -> Self {
        let mut value = serde_json::to_value(root).unwrap_or_default();
        let accounts = value.get_mut("account").and_then(Value::as_array_mut);
        for (shown, account) in accounts.into_iter().flatten().zip(&config.accounts) {
            let lifetime = json!({
                "authenticated": policy(&account.lifetimes.authenticated, true),
                "anonymous": policy(&account.lifetimes.anonymous, false),
            });
            if let Some(members) = shown.as_object_mut() {
                members.insert("lifetime".to_owned(), lifetime);
            }
        }
        // Each account's own now says all of it.
        if let Some(members) = value.as_object_mut() {
            members.remove("lifetime");
        }
        Self(value)
    }

    /// As JSON.
    pub const fn to_json(&self) -> &Value {
        &self.0
    }

    /// What it says of one account.
    pub fn account(&self, name: &str) -> Option<&Value> {
        let accounts = self.0.get("account")?.as_array()?;
        accounts.iter().find(|account| named(account) == Some(name))
    }

    /// Whether another one says the same of all that is no account's own and bears on accounts.
    pub fn same_for_all_accounts(&self, other: &Self) -> bool {
        let without_own = |effective: &Self| {
            let mut shared = effective.0.clone();
            if let Some(members) = shared.as_object_mut() {
                members.remove("account");
                members.remove("log");
                members.remove("traces");
            }
            shared
        };
        without_own(self) == without_own(other)
    }

    /// The keys whose values another one has changed, as they are written; never the values.
    pub fn changes(&self, other: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        differences("", Some(&self.0), Some(&other.0), &mut changes);
        changes
    }

    /// What it says at a key as [`Effective::changes`] names it; secrets are hidden in it.
    pub fn at(&self, path: &str) -> Option<&Value> {
        within(&self.0, path)
    }
}

/// Names may hold dots, so that every way of cutting is tried, the longest key first.
fn within<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let under = |key: &str| match value {
        Value::Object(members) => members.get(key),
        Value::Array(entries) => entries.iter().find(|entry| named(entry) == Some(key)),
        _ => None,
    };
    if let Some(found) = under(path) {
        return Some(found);
    }
    let cuts = path.rmatch_indices('.');
    let mut found = cuts.filter_map(|(at, _)| {
        let (key, rest) = path.split_at_checked(at)?;
        within(under(key)?, rest.strip_prefix('.')?)
    });
    found.next()
}

/// The name of an entry of a list that has one.
fn named(entry: &Value) -> Option<&str> {
    entry.get("name").or_else(|| entry.get("path"))?.as_str()
}

fn differences(at: &str, one: Option<&Value>, other: Option<&Value>, changes: &mut Vec<String>) {
    if one == other {
        return;
    }
    match (one, other) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                differences(&at, one.get(key), other.get(key), changes);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other)))
            if one.iter().chain(other).all(|entry| named(entry).is_some()) =>
        {
            let names: BTreeSet<_> = one.iter().chain(other).filter_map(named).collect();
            for name in names {
                let entry =
                    |list: &'_ [Value]| list.iter().position(|one| named(one) == Some(name));
                let (here, there) = (entry(one), entry(other));
                let at = format!("{at}.{name}");
                let here = here.and_then(|place| one.get(place));
                let there = there.and_then(|place| other.get(place));
                differences(&at, here, there, changes);
            }
            let order = |list: &'_ [Value]| {
                list.iter()
                    .filter_map(named)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            if changes.is_empty() && order(one) != order(other) {
                changes.push(format!("order of {at}"));
            }
        }
        _ => changes.push(at.to_owned()),
    }
}

fn policy(policy: &Policy, authenticated: bool) -> Value {
    let span = |span| Span(span).to_string();
    json!({
        "profile": format!("{:?}", policy.profile()).to_lowercase(),
        "lifetime": span(policy.lifetime()),
        "refresh_before_end": span(policy.refresh_before_end()),
        "idle": span(policy.idle()),
        "idle_grace": span(policy.idle_grace()),
        "absolute": span(policy.absolute(authenticated)),
        "cookie_max_age": match policy.cookie_max_age() {
            CookieAge::For(age) => span(age),
            CookieAge::BrowserSession => "none".to_owned(),
        },
        "clock_skew": span(policy.clock_skew()),
    })
}

/// As TOML.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}
