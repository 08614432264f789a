//! The smaller tables of an account: cycle, memo, keys, API, context.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Span};

/// The bounds of a transform cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cycle {
    /// Rounds after which a cycle that has not settled is a loop.
    #[schemars(range(min = 1, max = 64))]
    pub max_rounds: u32,
    /// How long a whole cycle may take. Apps that are not done by then have failed.
    pub deadline: Span,
    /// What a loop does.
    pub on_loop: OnLoop,
}

impl Default for Cycle {
    fn default() -> Self {
        Self {
            max_rounds: 8,
            deadline: Span::secs(3),
            on_loop: OnLoop::Revert,
        }
    }
}

/// What a loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLoop {
    /// Keys that still change take the value that they had before; the request goes on.
    Revert,
    /// The request fails, naming apps and keys.
    Fail,
}

/// Visitors are remembered only once they have agreed to it. Without this table all are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cookie", "values"]))]
pub struct Consent {
    /// Required: the cookie in which the store's consent banner keeps the answer.
    pub cookie: String,
    /// Required: its values that are a yes, byte for byte; `*` at the end stands for any ending.
    pub values: Vec<String>,
}

/// What is remembered of look-ups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Memo {
    /// Memory that answers may take up: three quarters for each by itself, a quarter for what came of whole
    /// cycles at first visits.
    pub max_size: Size,
    /// How long an answer is kept. No app's `max_age` may be longer.
    pub max_age: Span,
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            max_size: Size::mib(64),
            max_age: Span::mins(10),
        }
    }
}

/// The keys that sign cookies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The key ring, made by `vestibule keys new`. Every instance needs the same one.
    pub file: String,
    /// How long a new key only verifies before it signs, so that every instance knows it by then.
    pub sign_after: Span,
    /// Whether a missing key ring is made at start. For a machine of one's own: instances that
    /// each make their own do not know each other's sessions.
    pub create: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            file: "keys.json".to_owned(),
            sign_after: Span::mins(10),
            create: false,
        }
    }
}

/// What shoppers are allowed beyond, or short of, the usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// Whether `public.storeUserEmail` alone, without a login, loads that customer's price
    /// tables.
    pub profile_by_email: bool,
    /// Whether a region that the client names in `public.regionId` counts.
    pub client_region_id: bool,
}

impl Default for Allow {
    fn default() -> Self {
        Self {
            profile_by_email: true,
            client_region_id: true,
        }
    }
}

/// The Session API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Whether it is answered here. Where not, its paths go to the upstream like any other.
    pub enabled: bool,
    /// Origins besides the store's own whose pages may call it with the shopper's cookies and read
    /// its answers, such as `https://www.example.com`.
    pub allowed_origins: Vec<String>,
    /// Whether reads show the shop's login cookies of the very request under `cookie.*`, as some
    /// apps of the platform expect. Scripts can read then what `HttpOnly` keeps from them.
    pub show_cookies: bool,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_origins: Vec::new(),
            show_cookies: false,
        }
    }
}

/// The signed context for backends, on routes with `send_context`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// The namespaces that it tells.
    pub namespaces: Vec<String>,
    /// Its `aud`. Without it, the account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// How long it holds. At least `10s`.
    pub lifetime: Span,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            namespaces: ["store", "profile", "rnb", "checkout"]
                .map(str::to_owned)
                .to_vec(),
            audience: None,
            lifetime: Span::mins(5),
        }
    }
}
