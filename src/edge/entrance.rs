//! What holds for all who come in by a listener.

use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;
use http::uri::PathAndQuery;
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};

use super::Answer;
use super::running::Placed;
use crate::config::values::Listener;

/// The port of `https://` that an address need not name.
const HTTPS: u16 = 443;

/// What holds for all who come in by a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entrance {
    /// Whether it is plain HTTP and says that cookies may be too (contract §8).
    pub insecure_cookies: bool,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The port of `https://` to which everybody is sent.
    pub redirect_https: Option<u16>,
    /// What every answer says of `https://` (RFC 6797 §6.1).
    pub hsts: Option<HeaderValue>,
}

impl Entrance {
    /// The entrance that a listener is.
    pub fn of(listener: &Listener) -> Self {
        let tls = listener.tls.as_ref();
        let hsts = tls.and_then(|tls| tls.hsts.as_ref());
        Self {
            insecure_cookies: listener.insecure_cookies,
            tls: tls.is_some(),
            redirect_https: listener.redirect_https,
            hsts: hsts.and_then(|text| HeaderValue::from_str(text).ok()),
        }
    }

    /// What browsers are told to remember goes out with every answer, in the place of whatever an
    /// upstream says about it.
    pub(super) fn promise(&self, response: &mut ResponseHeader) -> Result<()> {
        match &self.hsts {
            Some(hsts) => response.insert_header(STRICT_TRANSPORT_SECURITY, hsts.clone()),
            None => Ok(()),
        }
    }

    /// The way to the same page by `https://`; none where requests are served here. The host is one
    /// that is served, so that nobody is sent elsewhere.
    pub(super) fn elsewhere(&self, head: &RequestHeader, placed: &Placed) -> Option<Answer> {
        let port = self.redirect_https?;
        let host = placed.admitted.host.as_str();
        let page = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        // `OPTIONS *` is for no page.
        let page = if page.starts_with('/') { page } else { "/" };
        let location = match port {
            HTTPS => format!("https://{host}{page}"),
            port => format!("https://{host}:{port}{page}"),
        };
        Some(Answer::moved(location))
    }
}
