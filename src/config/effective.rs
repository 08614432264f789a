//! The configuration in force, defaults filled in, as text and JSON. It names files of secrets
//! and holds none.

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
