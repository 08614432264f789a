//! The query: WHATWG urlencoded, read as `url::form_urlencoded` reads it, decoded only where needed.

use std::borrow::Cow;

use memchr::memchr;
use serde_json::Value;
use url::form_urlencoded;

use super::Inputs;
use super::names::Match;
use super::pairs::split_at_byte;
use super::rules::InputRules;
use crate::domain::patch::Patch;
use crate::domain::session::Field;
use crate::domain::session::field::{MAX_KEY_BYTES, is_key};

/// Parameters of one request that only a pattern lets in (contract §3).
const MAX_WILD_NAMES: usize = 16;
/// Values stay with the shopper and travel in headers and cookies: what one link may put there is
/// kept small. No campaign name, place or address comes near it.
const MAX_VALUE_BYTES: usize = 512;
/// Room for what a campaign's link brings, made at once.
const USUAL_NAMES: usize = 8;
/// An escape is three bytes long; what is longer than this needs no decoding to be too long.
const ESCAPE_BYTES: usize = 3;
/// Whoever this names is impersonated, so another site must not be able to say it.
const IMPERSONATION: &str = "vtex-impersonated-customer-email";
/// What steers the Session API and is never kept (contract §3).
const CONTROL_WORDS: [&str; 5] = [
    "items",
    "supportedLocales",
    "__bindingId",
    "session_path",
    "workspace",
];

type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

pub(super) fn read_query<'a>(
    query: &'a str,
    trusted_start: bool,
    rules: &InputRules,
    inputs: &mut Inputs<'a>,
) {
    let mut wild_names = 0;
    for pair in split_query(query) {
        let Some((found, parameter)) = find(pair, rules) else {
            continue;
        };
        let known = inputs
            .public
            .iter()
            .position(|(name, _)| *name == parameter.0);
        let refused = is_refused((&parameter.0, &parameter.1), trusted_start)
            || (known.is_none() && found == Match::Wild && wild_names == MAX_WILD_NAMES);
        if refused {
            inputs.ignored_parameters += 1;
            continue;
        }
        if let Some(earlier) = known.and_then(|at| inputs.public.get_mut(at)) {
            *earlier = parameter;
        } else {
            wild_names += usize::from(found == Match::Wild);
            if inputs.public.is_empty() {
                inputs.public.reserve_exact(USUAL_NAMES);
            }
            inputs.public.push(parameter);
        }
    }
}

/// What the query of a write to the Session API says: every parameter but the control words, and
/// the last of a name (contract §3).
///
/// Clients of the platform send the whole query of the page that they are on, so what can be no
/// field is left out like on a page, and is no error.
pub fn read_call_query(query: &str, trusted_start: bool) -> Patch {
    let mut writes = Patch::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let left_out =
            CONTROL_WORDS.contains(&&*name) || is_refused((&name, &value), trusted_start);
        if let Ok(field) = Field::new("public", &name)
            && !left_out
        {
            writes.set(field, Value::from(value.as_ref()));
        }
    }
    writes
}

/// Whether a parameter is not to be kept: too long, with control characters, or not for another
/// site to say.
fn is_refused((name, value): (&str, &str), trusted_start: bool) -> bool {
    value.len() > MAX_VALUE_BYTES
        || value.chars().any(char::is_control)
        || (name == IMPERSONATION && !trusted_start)
}

/// The pairs of a query, raw.
fn split_query(query: &str) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(query.as_bytes());
    std::iter::from_fn(move || {
        let left = rest?;
        let (pair, after) = match split_at_byte(left, b'&') {
            Some((pair, after)) => (pair, Some(after)),
            None => (left, None),
        };
        rest = after;
        Some(pair)
    })
    .filter(|pair| !pair.is_empty())
}

/// A pair that is on the list; others are not decoded, but for names with escapes in them.
fn find<'a>(pair: &'a [u8], rules: &InputRules) -> Option<(Match, Parameter<'a>)> {
    let end = memchr(b'=', pair).unwrap_or(pair.len());
    let name = pair.get(..end)?;
    if name.len() > MAX_KEY_BYTES * ESCAPE_BYTES {
        return None;
    }
    let (first, _) = name.split_first()?;
    let plain = !name.iter().any(|b| matches!(b, b'%' | b'+'));
    if plain {
        rules.query.find(std::str::from_utf8(name).ok()?)?;
    } else if !matches!(first, b'%' | b'+') && !rules.query.may_begin_with(*first) {
        return None;
    }
    let parameter = form_urlencoded::parse(pair).next()?;
    let found = rules.query.find(&parameter.0)?;
    (found == Match::Exact || is_key(&parameter.0)).then_some((found, parameter))
}
