//! Who may call the API from a browser: the store's own pages, and origins that the account names.

use http::HeaderValue;
use thiserror::Error;

use crate::domain::request::RequestView;

/// Why a configured origin is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no origin as browsers write it")]
pub struct OriginError;

/// Origins besides the store's own whose pages may call the API and read its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Adds one, as browsers write it: lower case, no path, no usual port.
    pub fn add(&mut self, text: &str) -> Result<(), OriginError> {
        let parsed = url::Url::parse(text).map_err(|_| OriginError)?;
        let origin = parsed.origin();
        let web = matches!(parsed.scheme(), "http" | "https");
        // What the browser would send must be what was written, or it would never fit.
        let wild = text.contains('*');
        if !web || wild || !origin.is_tuple() || origin.ascii_serialization() != text {
            return Err(OriginError);
        }
        self.0.push(text.to_owned());
        Ok(())
    }

    /// Whether an `Origin` header names one of them.
    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }
}

/// What a request's origin comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// The store's own page, or no browser at all: nothing needs to be said.
    Own,
    /// A page of an origin that the account names: it may read the answer.
    Allowed(HeaderValue),
    /// A page of somebody else: it may read nothing and change nothing.
    Foreign,
}

impl Cors {
    /// Reads who asks. `Sec-Fetch-Site` is the browser's own word and comes first; browsers that
    /// do not send it say at least their `Origin` where anything could be changed.
    pub fn read(request: &RequestView<'_>, allowed: &AllowedOrigins) -> Self {
        let origin = request.origin();
        let named = origin.filter(|origin| allowed.contains(origin));
        if let Some(value) = named.and_then(|origin| HeaderValue::from_str(origin).ok()) {
            return Self::Allowed(value);
        }
        if request.browser() {
            return if request.same_origin_or_direct() {
                Self::Own
            } else {
                Self::Foreign
            };
        }
        // An `Origin` that is no text is nobody's.
        let sent = request.headers.contains_key("origin");
        match origin {
            None if sent => Self::Foreign,
            None => Self::Own,
            Some(origin) if request.is_own_origin(origin) => Self::Own,
            Some(_) => Self::Foreign,
        }
    }
}

impl RequestView<'_> {
    /// Whether one of the store's own pages surely sent this: by the browser's word, or, where it
    /// has none, by `Origin` or `Referer`. No browser at all is not a page.
    pub fn own_page(&self) -> bool {
        let mut sites = self.headers.get_all("sec-fetch-site").iter();
        match (sites.next(), sites.next()) {
            (Some(site), None) => site == "same-origin",
            (Some(_), Some(_)) => false,
            (None, _) => match self.origin() {
                Some(origin) => self.is_own_origin(origin),
                None => self.referer_path().is_some(),
            },
        }
    }
}
