//! What a request says: presented tokens, captured cookies, captured query parameters.
//!
//! One pass over all Cookie lines, one over the query; borrowed, and nothing is believed yet.

mod consent;
mod cookies;
mod held;
mod names;
mod pairs;
mod query;
mod rules;
mod upstream;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use self::held::Held;
pub use self::query::read_call_query;
pub use self::rules::{InputRuleError, InputRules, InputSettings};
pub use self::upstream::{UpstreamCookie, upstream_cookie};
use super::request::RequestView;
pub use consent::Consent;

/// What one request says (contract §3).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Inputs<'a> {
    /// Every value under the session cookie's name, in the order of the request.
    pub tokens: Vec<&'a str>,
    /// Captured cookies, each name once with its last value, sorted by name.
    pub captured: Vec<(&'a str, &'a str)>,
    /// Whether cookies lie past the size limit: one that was not found is then unknown, not absent.
    pub cookies_cut: bool,
    /// Captured query parameters, each name once with its last value.
    pub public: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The cart that the shopper's browser works on.
    pub order_form: Option<&'a str>,
    /// Cookie pairs that were dropped as malformed.
    pub dropped_pairs: usize,
    /// Query parameters on the list that were ignored: too many, too long, or not this site's to
    /// set.
    pub ignored_parameters: usize,
}

/// Reads a request by an account's rules. Never fails: what is malformed is dropped alone.
pub fn read_inputs<'a>(request: &RequestView<'a>, rules: &InputRules) -> Inputs<'a> {
    let mut inputs = read_parameters(request, rules);
    cookies::read_cookies(request, rules, &mut inputs);
    inputs
}

/// The same of the query alone, for a request whose cookies are known already.
pub fn read_parameters<'a>(request: &RequestView<'a>, rules: &InputRules) -> Inputs<'a> {
    let mut inputs = Inputs::default();
    if let Some(query) = request.query {
        query::read_query(query, request.same_origin_or_direct(), rules, &mut inputs);
    }
    inputs
}

/// Counts only: the values are tokens and addresses.
impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("tokens", &self.tokens.len())
            .field("captured", &self.captured.len())
            .field("cookies_cut", &self.cookies_cut)
            .field("public", &self.public.len())
            .field("order_form", &self.order_form.is_some())
            .field("dropped_pairs", &self.dropped_pairs)
            .field("ignored_parameters", &self.ignored_parameters)
            .finish()
    }
}
