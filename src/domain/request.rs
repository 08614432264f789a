//! What a request says, before anything is decided.
//!
//! Borrowed from the request; nothing here looks at a session or believes what a client claims.

mod crawlers;
pub mod host;
mod kind;
mod masked;
mod origin;
pub mod path;
pub mod trace;
pub mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use http::HeaderMap;

pub use self::crawlers::{CRAWLERS, Crawlers};
pub use self::host::{Host, HostError, read_host, read_host_of_absolute_form};
pub use self::masked::mask_path;
pub use self::path::{NormalPath, PathError};

use self::trace::RequestTrace;

/// One request's head, as every decision sees it.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The method, case kept.
    pub method: &'a str,
    /// The path's normal form.
    pub path: &'a NormalPath,
    /// The raw query, without its question mark.
    pub query: Option<&'a str>,
    /// The host's normal form, without port.
    pub host: &'a str,
    /// The headers as they came.
    pub headers: &'a HeaderMap,
    /// The shopper's address.
    pub client: IpAddr,
    /// Whether the shopper came by https.
    pub secure: bool,
    /// Whether the listener gives cookies without `Secure`.
    pub insecure_cookies: bool,
    /// How the request is named towards others, where it is by now.
    pub trace: Option<&'a RequestTrace>,
}

impl<'a> RequestView<'a> {
    /// The first header of a name, where its value is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether some header of a name has this token in its comma-separated list; case is ignored.
    pub(super) fn lists_token(&self, name: &str, token: &str) -> bool {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

/// Neither headers nor path nor query: they hold tokens and addresses.
impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("headers", &self.headers.len())
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}
