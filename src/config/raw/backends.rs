//! The entries of an account's lists: apps and routes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;
use crate::config::builtin::BuiltIn;
use crate::domain::breaker::BreakerSettings;

/// An installed app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub struct App {
    /// Its name, unique in the account.
    pub name: String,
    /// Which built-in app answers. Without it, and without a `url`, the one called `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<BuiltIn>,
    /// `false` leaves it out, as if it were not written here.
    pub enabled: bool,
    /// A condition in CEL over the session: the app is called only while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How long one call may take.
    pub timeout: Span,
    /// What its failure does.
    pub on_error: OnError,
    /// After how long its outputs are looked up again. Without it: impersonate `60s`; store,
    /// profile and rnb `10m`; all others never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// Whether it may write fields that an earlier app writes too.
    pub shared: bool,
    /// An app of the store's own: the address below which its service answers. The app is called
    /// at `POST {url}/_v/APP/session/transform`. What follows is for such apps alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The app's configuration file as the platform has it, `vtex.session/configuration.json`: its
    /// name in the route, inputs and outputs. Of several apps in the file it is the one called
    /// `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// In place of a file: keys that it watches and is told, by namespace. A key may be a regular
    /// expression for whole keys. The app is then called by `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<BTreeMap<String, Vec<String>>>,
    /// In place of a file: keys that it may write, by namespace. Never in `account`, `cookie`,
    /// `authentication` and `impersonate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<BTreeMap<String, Vec<String>>>,
    /// Whether it is called when a session begins. Without it, what the file says, else `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_on_create: Option<bool>,
    /// Whether its answer depends on its inputs alone and is remembered for `max_age`, or as long
    /// as `[account.memo]` says. Without it, `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<bool>,
    /// Cookies whose value it is told, where they are among its inputs. Without it, none: it learns
    /// of no cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_cookies: Option<Vec<String>>,
    /// A file with a secret that it is shown: `Authorization: Bearer …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// How often a call is made again, within `timeout`, that may have been received: after a lost
    /// connection, or a status of 500 or more. Without it, `0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 5))]
    pub retries: Option<u8>,
    /// How many calls may be under way at once; those past it fail. Without it, `64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// When its service, failing again and again, is left alone for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
}

/// When an app that fails is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// After how many failures in a row no call is made any more; `0` for never.
    pub failures: u32,
    /// For how long. Then one call tries, and decides for all others.
    pub cool_down: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        let BreakerSettings {
            failures,
            cool_down,
        } = BreakerSettings::default();
        Self {
            failures,
            cool_down: Span(cool_down),
        }
    }
}

impl Default for App {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: None,
            enabled: true,
            when: None,
            timeout: Span::secs(2),
            on_error: OnError::Keep,
            max_age: None,
            shared: false,
            url: None,
            configuration: None,
            input: None,
            output: None,
            run_on_create: None,
            memo: None,
            raw_cookies: None,
            token_file: None,
            retries: None,
            concurrency: None,
            breaker: None,
        }
    }
}

/// What an app's failure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Its outputs stay as they are; it is called again later, beside the requests.
    Keep,
    /// Its outputs are emptied.
    Clear,
    /// The request is answered 502, naming the app.
    Fail,
}

/// Which path goes where, and with what of the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub struct Route {
    /// A path prefix (`/account`), or a glob (`/*/checkout/**`). Below the account's root path.
    pub path: String,
    /// The upstream's name. Without it, the account's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Whether there is a session.
    pub session: SessionUse,
    /// Whether a request counts as activity.
    pub touch: bool,
    /// What happens where a session has expired. Without it: `login` where a session is required,
    /// else `anonymous`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_expired: Option<OnExpired>,
    /// What a page does whose `sc` was refused.
    pub on_denied_channel: OnDeniedChannel,
    /// Where a shopper who must log in is sent. Without it, the account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_page: Option<String>,
    /// Which session headers are set. Without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inject: Option<Vec<String>>,
    /// Whether `x-vtex-session` carries the session token to the backend.
    pub send_session_token: bool,
    /// Whether `x-session-context` carries the signed context to the backend.
    pub send_context: bool,
    /// Requests under way at once. Over it: 503 with `Retry-After`. Without it, as many as
    /// `limits.requests` leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub requests: Option<u32>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            path: String::new(),
            upstream: None,
            session: SessionUse::Optional,
            touch: true,
            on_expired: None,
            on_denied_channel: OnDeniedChannel::Refuse,
            login_page: None,
            inject: None,
            send_session_token: false,
            send_context: false,
            requests: None,
        }
    }
}

/// Whether a route has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionUse {
    /// No: static files, health checks.
    None,
    /// Yes, anybody's.
    Optional,
    /// Yes, and only shoppers who are logged in pass.
    Required,
}

/// What happens where a session has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExpired {
    /// Pages go to the login page, scripts get 401.
    Login,
    /// The request goes on with a new anonymous session.
    Anonymous,
}

/// What a page does whose `sc` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDeniedChannel {
    /// Answers 401 or 403.
    Refuse,
    /// Goes on with the old channel.
    Ignore,
}
