//! The rules of what is read, compiled once per account.

use thiserror::Error;

use super::names::Names;
use crate::domain::session::field::is_key;

/// What one account reads of every request (contract §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSettings {
    /// Query parameters; a `*` at the end stands for any ending.
    pub query: Vec<String>,
    /// Cookie names, as anchored regular expressions.
    pub cookies: Vec<String>,
    /// The session cookie's name; a second one is its name on listeners without `Secure`.
    pub session_cookies: Vec<String>,
    /// Bytes of all Cookie lines together; pairs past it are ignored.
    pub cookie_header_bytes: usize,
}

impl Default for InputSettings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            query: owned(&[
                "sc",
                "cultureInfo",
                "locale",
                "admin_cultureInfo",
                "country",
                "postalCode",
                "geoCoordinates",
                "regionId",
                "utm_*",
                "utmi_*",
                "gclid",
                "vtex-impersonated-customer-email",
            ]),
            cookies: owned(&[
                "VtexIdclientAutCookie",
                "VtexIdclientAutCookie_.*",
                "vtex-impersonated-customer-email",
            ]),
            session_cookies: owned(&["vtex_session"]),
            cookie_header_bytes: 16 * 1024,
        }
    }
}

/// Why settings are no rules; all reasons are told at once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InputRuleError {
    /// The session cookie needs one name, or two.
    #[error("the session cookie has one name, and at most a second for insecure listeners")]
    SessionCookies,
    /// No browser would send a cookie of this name.
    #[error("{0:?} is no cookie name")]
    CookieName(String),
    /// The pattern is no regular expression, or too large a one.
    #[error("{pattern:?} is no pattern of cookie names: {reason}")]
    CookiePattern {
        /// As configured.
        pattern: String,
        /// The compiler's words.
        reason: String,
    },
    /// The name can be no key, or a `*` stands elsewhere than at its end, or alone.
    #[error("{0:?} is no name of a query parameter, with or without a * at its end")]
    QueryName(String),
    /// Nothing would ever be read.
    #[error("the limit of the cookie header is zero")]
    NoCookieBytes,
}

/// Compiled rules.
#[derive(Clone, Debug)]
pub struct InputRules {
    pub(super) query: Names,
    /// Captured cookies.
    pub(super) cookies: Names,
    /// Secure name, insecure name; the same where there is one.
    session_cookies: (Box<str>, Box<str>),
    pub(super) cookie_header_bytes: usize,
}

impl InputRules {
    /// Compiles settings.
    pub fn try_new(settings: &InputSettings) -> Result<Self, Vec<InputRuleError>> {
        let mut errors = Vec::new();
        let session_cookies = read_session_cookies(&settings.session_cookies, &mut errors);
        let cookies = compile_cookies(&settings.cookies, &mut errors);
        let query = compile_query(&settings.query, &mut errors);
        if settings.cookie_header_bytes == 0 {
            errors.push(InputRuleError::NoCookieBytes);
        }
        match session_cookies {
            Some(session_cookies) if errors.is_empty() => Ok(Self {
                query,
                cookies,
                session_cookies,
                cookie_header_bytes: settings.cookie_header_bytes,
            }),
            _ => Err(errors),
        }
    }

    /// The one name that carries session tokens on this kind of listener.
    ///
    /// The other one does not count: a name without `__Host-` could be set by a sibling domain.
    pub(super) fn session_cookie(&self, insecure: bool) -> &str {
        if insecure {
            &self.session_cookies.1
        } else {
            &self.session_cookies.0
        }
    }

    /// Whether tokens travel under this name on any listener: it is never captured.
    pub(super) fn is_session_cookie(&self, name: &str) -> bool {
        *self.session_cookies.0 == *name || *self.session_cookies.1 == *name
    }
}

fn read_session_cookies(
    names: &[String],
    errors: &mut Vec<InputRuleError>,
) -> Option<(Box<str>, Box<str>)> {
    for name in names.iter().filter(|name| !is_cookie_name(name)) {
        errors.push(InputRuleError::CookieName(name.clone()));
    }
    match names {
        [only] => Some((only.as_str().into(), only.as_str().into())),
        [secure, insecure] => Some((secure.as_str().into(), insecure.as_str().into())),
        _ => {
            errors.push(InputRuleError::SessionCookies);
            None
        }
    }
}

/// A token of RFC 9110, section 5.6.2, as RFC 6265 wants cookie names to be.
fn is_cookie_name(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(is_token)
}

fn compile_cookies(patterns: &[String], errors: &mut Vec<InputRuleError>) -> Names {
    let mut names = Names::new();
    for pattern in patterns {
        let compiled = names.add_pattern(pattern);
        let reason = match compiled {
            Ok(()) if !pattern.is_empty() => continue,
            Ok(()) => "it is empty".to_owned(),
            Err(error) => error.to_string(),
        };
        errors.push(InputRuleError::CookiePattern {
            pattern: pattern.clone(),
            reason,
        });
    }
    names
}

fn compile_query(parameters: &[String], errors: &mut Vec<InputRuleError>) -> Names {
    let mut names = Names::new();
    for parameter in parameters {
        let beginning = parameter.strip_suffix('*');
        let name = beginning.unwrap_or(parameter);
        if !is_key(name) || name.contains('*') {
            errors.push(InputRuleError::QueryName(parameter.clone()));
        } else if beginning.is_some() {
            names.add_beginning(name);
        } else {
            names.add_exact(name);
        }
    }
    names
}
