//! The query: WHATWG urlencoded, read as `url::form_urlencoded` reads it, decoded only where needed.

use std::borrow::Cow;

use memchr::memchr;
use serde_json::Value;
use url::form_urlencoded;

use super::Inputs;
use super::names::Match;
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
    let plain = is_plain(query);
    for pair in split_query(query) {
        let Some((found, parameter)) = find(pair, plain, rules) else {
            continue;
        };
        let known = inputs
            .public
            .iter()
            .position(|(name, _)| *name == parameter.0);
        let refused = is_refused((&parameter.0, &parameter.1), plain, trusted_start)
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
            CONTROL_WORDS.contains(&&*name) || is_refused((&name, &value), false, trusted_start);
        if let Ok(field) = Field::new("public", &name)
            && !left_out
        {
            writes.set(field, Value::from(value.as_ref()));
        }
    }
    writes
}

/// Whether a parameter is not to be kept: too long, with control characters, or not for another
/// site to say. A `plain` query holds no control characters.
fn is_refused((name, value): (&str, &str), plain: bool, trusted_start: bool) -> bool {
    value.len() > MAX_VALUE_BYTES
        || (!plain && value.chars().any(char::is_control))
        || (name == IMPERSONATION && !trusted_start)
}

/// The pairs of a query, raw.
fn split_query(query: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(query);
    std::iter::from_fn(move || {
        let left = rest?;
        let end = memchr(b'&', left.as_bytes());
        rest = end.and_then(|end| left.get(end + 1..));
        end.map_or(Some(left), |end| left.get(..end))
    })
    .filter(|pair| !pair.is_empty())
}

/// A pair that is on the list; others are not decoded, but for names with escapes in them. `plain`
/// tells what is known of the whole query, see [`is_plain`].
fn find<'a>(pair: &'a str, plain: bool, rules: &InputRules) -> Option<(Match, Parameter<'a>)> {
    let first = *pair.as_bytes().first()?;
    if !is_escape(first) && !rules.query.may_begin_with(first) {
        return None;
    }
    // Names are short: looking at one byte after the other is quicker than setting up more.
    let end = pair.bytes().position(|byte| byte == b'=');
    let name = end.map_or(Some(pair), |end| pair.get(..end))?;
    if name.is_empty() || name.len() > MAX_KEY_BYTES * ESCAPE_BYTES {
        return None;
    }
    let parameter = if plain || is_plain(pair) {
        let value = end.and_then(|end| pair.get(end + 1..)).unwrap_or_default();
        (Cow::Borrowed(name), Cow::Borrowed(value))
    } else {
        if !name.bytes().any(is_escape) {
            rules.query.find(name)?;
        }
        form_urlencoded::parse(pair.as_bytes()).next()?
    };
    let found = rules.query.find(&parameter.0)?;
    (found == Match::Exact || is_key(&parameter.0)).then_some((found, parameter))
}

/// Whether a text holds visible ASCII and spaces alone, and nothing encoded: it says what stands
/// there.
fn is_plain(text: &str) -> bool {
    // Looked at to the end rather than left early, so that it compiles to wide instructions.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') & !is_escape(byte);
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

const fn is_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'+')
}
