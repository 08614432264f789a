//! What is read from every request, and which headers the backends get.

use std::collections::BTreeSet;

use http::HeaderName;
use regex::Regex;

use super::{Check, Said};
use crate::config::problems::Problem;
use crate::config::raw::{self, HeaderSource};
use crate::config::tree::At;
use crate::config::values::settings::HeaderSettings;
use crate::domain::headers::{DEFAULT_MAP, FORBIDDEN, fixed_names};
use crate::domain::inputs::{InputRules, InputSettings};
use crate::domain::session::Field;
use crate::domain::session::field::known;

impl Check<'_, '_, '_> {
    pub(super) fn inputs(
        &mut self,
        written: &raw::Inputs,
        own: &raw::Cookies,
        cookie_bytes: usize,
        at: &At,
    ) -> Option<InputSettings> {
        let raw::Inputs { query, cookies } = written;
        let mut good = true;
        for (index, name) in query.iter().enumerate() {
            let start = name.strip_suffix('*').unwrap_or(name);
            if Field::new("public", start).is_err() || start.contains('*') {
                let problem = Problem::new("no name of a query parameter");
                let allowed = "a name such as \"sc\", or the beginning of some, \"utm_*\"";
                let at = at.key("query").index(index);
                self.say.wrong(&at, problem.allowed(allowed));
                good = false;
            }
        }
        for (index, pattern) in cookies.iter().enumerate() {
            let at = at.key("cookies").index(index);
            good &= self.cookie_pattern(pattern, own, &at);
        }
        good.then_some(())?;
        let settings = InputSettings {
            query: query.clone(),
            cookies: cookies.clone(),
            session_cookies: vec![own.session.clone()],
            cookie_header_bytes: cookie_bytes,
        };
        // Who reads by these rules has the last word about them.
        match InputRules::try_new(&settings) {
            Ok(_) => Some(settings),
            Err(errors) => {
                for error in errors {
                    self.say.wrong(at, Problem::new(error.to_string()));
                }
                None
            }
        }
    }

    fn cookie_pattern(&mut self, pattern: &str, own: &raw::Cookies, at: &At) -> bool {
        let allowed = "a regular expression that fits the whole name of a cookie";
        let compiled = Regex::new(&format!("^(?:{pattern})$"));
        // Alone, for its own words about where the expression is wrong.
        let compiled = compiled.or_else(|_| Regex::new(pattern)).map_err(|error| {
            // The expression is drawn above; the reason is the last line.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            reason.trim_start_matches("error: ").to_owned()
        });
        let Some(expression) = self.say.read(at, compiled, allowed) else {
            return false;
        };
        let mut ours = [&own.session, &own.segment].into_iter();
        if let Some(name) = ours.find(|name| expression.is_match(name)) {
            let problem = Problem::new(format!("this fits our own cookie `{name}`"));
            self.say.wrong(at, problem.allowed(allowed));
            return false;
        }
        true
    }

    pub(super) fn headers(&mut self, written: &raw::Headers, at: &At) -> Option<HeaderSettings> {
        let raw::Headers {
            map,
            echo_segment_key,
        } = written;
        let at = at.key("map");
        let mut seen = BTreeSet::new();
        let headers: Vec<_> = map
            .iter()
            .map(|(name, source)| {
                let at = at.key(name);
                let header = self.header_name(name, &at);
                if !seen.insert(canonical(name)) {
                    let problem = Problem::new(format!("`{name}` is mapped twice"));
                    let problem = problem.hint("names are compared with `-` and `_` alike");
                    self.say.wrong(&at, problem);
                    return None;
                }
                Some((header?, self.header_source(source, &at).ok()?))
            })
            .collect();
        let written: Vec<_> = headers.into_iter().collect::<Option<_>>()?;
        Some(HeaderSettings {
            map: over_the_usual(written),
            echo_segment_key: *echo_segment_key,
        })
    }

    fn header_name(&mut self, name: &str, at: &At) -> Option<HeaderName> {
        let header = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        let header = header.map_err(|_| "no header name");
        let header = self
            .say
            .read(at, header, "a header name such as x-shop-club")?;
        let plain = canonical(name);
        let forbidden = FORBIDDEN.iter().any(|other| canonical(other) == plain)
            || plain.starts_with("x_forwarded_")
            || plain.starts_with("sec_");
        if fixed_names().any(|other| canonical(other) == plain) {
            let problem = Problem::new(format!("`{name}` has a fixed meaning"));
            let problem = problem.hint("a route's `inject` may leave it out");
            self.say.wrong(at, problem.allowed("another header"));
            return None;
        }
        if forbidden {
            let problem = Problem::new(format!("`{name}` may not carry a field"));
            let allowed = "any header but Host, Cookie, Authorization, framing, hop-by-hop and \
                           forwarding ones";
            self.say.wrong(at, problem.allowed(allowed));
            return None;
        }
        Some(header)
    }

    fn header_source(&mut self, source: &HeaderSource, at: &At) -> Result<Option<Field>, Said> {
        let allowed = "a field such as \"profile.email\", or false";
        match source {
            HeaderSource::Sent(false) => Ok(None),
            HeaderSource::Sent(true) => {
                let problem = Problem::new("the header carries nothing that is named");
                self.say.wrong(at, problem.allowed(allowed));
                Err(Said)
            }
            HeaderSource::Field(text) => {
                let field: Option<Field> = self.say.read(at, text.parse(), allowed);
                field.map(Some).ok_or(Said)
            }
        }
    }
}

/// The usual headers with what was written over them, then the new ones.
fn over_the_usual(mut written: Vec<(HeaderName, Option<Field>)>) -> Vec<(HeaderName, Field)> {
    let usual = DEFAULT_MAP.iter().filter_map(|(name, field)| {
        let plain = canonical(name);
        let same = |(other, _): &(HeaderName, _)| canonical(other.as_str()) == plain;
        match written.iter().position(same) {
            Some(at) => {
                let (name, field) = written.remove(at);
                Some((name, field?))
            }
            None => Some((HeaderName::from_static(name), known(field))),
        }
    });
    let mut map: Vec<_> = usual.collect();
    let new = written.into_iter();
    map.extend(new.filter_map(|(name, field)| Some((name, field?))));
    map
}

/// Names as servers may confuse them: lower case, everything else than letters and digits `_`.
pub(super) fn canonical(name: &str) -> String {
    let plain = name.chars().map(|character| {
        if character.is_ascii_alphanumeric() {
            character.to_ascii_lowercase()
        } else {
            '_'
        }
    });
    plain.collect()
}
