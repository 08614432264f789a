//! `[[account]]`, and its cookies, inputs and headers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Allow, Api, App, Authentication, Calls, Consent, Context, Cycle, Directory, Keys, Lifetime,
    Memo, Route, Upstream,
};
use crate::domain::inputs::InputSettings;

/// One store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "id", "hosts", "upstream"]))]
pub struct Account {
    /// Its name, unique: letters, digits, `-`, `_` and `.`. The value of `account.accountName`.
    pub name: String,
    /// Its id, a GUID. The value of `account.id`.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// The hosts that it answers on, without port; `*.example.com` is every host below
    /// `example.com`.
    #[schemars(length(min = 1))]
    pub hosts: Vec<String>,
    /// The path under which the store lies, such as `/br`; it is the cookies' Path, so that two
    /// stores on one host never share a session.
    pub root_path: String,
    /// Where a shopper who must log in is sent. Routes may have their own.
    pub login_page: String,
    /// Public keys that a new session takes over when the old one ended; `*` at the end stands
    /// for any ending. Never anything of the person.
    pub carry_over: Vec<String>,
    /// Whether the shop's login cookie alone may log a shopper in again after their session
    /// ended.
    pub silent_relogin: bool,
    /// How long sessions live, where it differs from the table of the same name at the top.
    pub lifetime: Lifetime,
    /// Our cookies. Always `HttpOnly`; `Path` is the account's `root_path`; `Secure` but on
    /// listeners that say otherwise.
    pub cookies: Cookies,
    /// The cookies of the shop's login, as they must be deleted when a login has ended.
    pub auth_cookie: AuthCookie,
    /// Visitors are remembered only once they have agreed to it. Without this table all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// What is read from every request into the session.
    pub inputs: Inputs,
    /// Which fields go to the backends, in which headers.
    pub headers: Headers,
    /// The installed apps, in the order in which their answers count. Without any: store,
    /// authentication, profile, rnb, checkout.
    pub app: Vec<App>,
    /// The bounds of a transform cycle.
    pub cycle: Cycle,
    /// What is remembered of look-ups.
    pub memo: Memo,
    /// Where apps look up the store's data: trade policies, customers, campaigns, regions,
    /// permissions.
    pub directory: Directory,
    /// How login tokens are verified. One of `jwks`, `jwks_url`, `validate_url` and `local_key` is
    /// needed where the authentication app is installed.
    pub authentication: Authentication,
    /// How the platform and the login's services are called.
    pub calls: Calls,
    /// The keys that sign cookies.
    pub keys: Keys,
    /// What shoppers are allowed beyond, or short of, the usual.
    pub allow: Allow,
    /// The Session API, answered at `/api/sessions` and `/api/segments` below `root_path`.
    pub api: Api,
    /// The signed context (`x-session-context`) for backends, on routes with `send_context`.
    pub context: Context,
    /// The store's servers.
    #[schemars(length(min = 1))]
    pub upstream: Vec<Upstream>,
    /// Which path goes where. The longest fitting prefix wins, then globs. Without a route for
    /// `/`, everything else goes to the first upstream with an optional session.
    pub route: Vec<Route>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            name: String::new(),
            id: String::new(),
            hosts: Vec::new(),
            root_path: "/".to_owned(),
            login_page: "/login".to_owned(),
            carry_over: [
                "sc",
                "cultureInfo",
                "locale",
                "country",
                "postalCode",
                "geoCoordinates",
                "regionId",
                "utm_*",
                "utmi_*",
            ]
            .map(str::to_owned)
            .to_vec(),
            silent_relogin: false,
            lifetime: Lifetime::default(),
            cookies: Cookies::default(),
            auth_cookie: AuthCookie::default(),
            consent: None,
            inputs: Inputs::default(),
            headers: Headers::default(),
            app: Vec::new(),
            cycle: Cycle::default(),
            memo: Memo::default(),
            directory: Directory::default(),
            authentication: Authentication::default(),
            calls: Calls::default(),
            keys: Keys::default(),
            allow: Allow::default(),
            api: Api::default(),
            context: Context::default(),
            upstream: Vec::new(),
            route: Vec::new(),
        }
    }
}

/// Our cookies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cookies {
    /// The session cookie's name. With `__Host-` or `__Secure-` in front, the rules of these
    /// prefixes are checked.
    pub session: String,
    /// The segment cookie's name.
    pub segment: String,
    /// `Domain`. Without it the cookies belong to the very host, which is safer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Partitioned`, for stores that live in a frame of another site.
    pub partitioned: bool,
    /// Whether the backends get the true segment under the segment cookie's name, in place of
    /// what the browser sent.
    pub send_segment_upstream: bool,
}

impl Default for Cookies {
    fn default() -> Self {
        Self {
            session: "vtex_session".to_owned(),
            segment: "vtex_segment".to_owned(),
            domain: None,
            same_site: SameSite::Lax,
            partitioned: false,
            send_segment_upstream: false,
        }
    }
}

/// A cookie's `SameSite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Sent on top-level navigations from other sites too.
    Lax,
    /// Sent on requests that the site itself makes.
    Strict,
    /// Sent always. Needs `Secure`.
    None,
}

/// The cookies of the shop's login.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthCookie {
    /// Their `Domain`, if the shop sets one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Their `Path`.
    pub path: String,
}

impl Default for AuthCookie {
    fn default() -> Self {
        Self {
            domain: None,
            path: "/".to_owned(),
        }
    }
}

/// What is read from every request into the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Inputs {
    /// Query parameters that become `public.<name>`; `*` at the end stands for any ending (at
    /// most 16 such names a request).
    pub query: Vec<String>,
    /// Cookies that become `cookie.<name>`: regular expressions that fit the whole name.
    pub cookies: Vec<String>,
}

impl Default for Inputs {
    fn default() -> Self {
        let InputSettings { query, cookies, .. } = InputSettings::default();
        Self { query, cookies }
    }
}

/// Which fields go to the backends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    /// Header names, each with the field that it carries (`"x-shop-club" = "public.isClubUser"`)
    /// or `false` to leave a usual one out. Goes over the usual headers, one by one.
    pub map: BTreeMap<String, HeaderSource>,
    /// Whether answers carry `x-session-segment-key`, for a CDN in front.
    pub echo_segment_key: bool,
}

/// What a header carries: a field, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderSource {
    /// `false` leaves the header out.
    Sent(bool),
    /// The field, `namespace.key`.
    Field(String),
}

impl JsonSchema for HeaderSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "boolean"], "format": "field-or-false" })
    }
}
