//! Where a request was started: its `Origin`, and the page that its `Referer` names.

use super::RequestView;
use super::host::read_authority;

impl<'a> RequestView<'a> {
    /// The `Origin` header as it came; `null` is an origin too, and nobody's.
    pub fn origin(&self) -> Option<&'a str> {
        self.header("origin")
    }

    /// Whether an origin, `https://shop.example`, is the one that this request is for.
    ///
    /// Ports are compared where the Host header says one; behind a proxy that chose another host
    /// it says nothing about the shopper's side.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        split_scheme(origin).is_some_and(|(scheme, authority)| self.is_own(scheme, authority))
    }

    /// Path and query of the page on this host that sent the shopper here, as the `Referer` has
    /// them.
    ///
    /// Always begins with one slash and never with two, so it can name no other host.
    pub fn referer_path(&self) -> Option<&'a str> {
        let (scheme, rest) = split_scheme(self.header("referer")?)?;
        let rest = rest.split_once('#').map_or(rest, |(page, _)| page);
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if !self.is_own(scheme, authority) {
            return None;
        }
        if path.is_empty() {
            return Some("/");
        }
        // Browsers read a backslash as a slash, and drop tabs and line ends inside an address.
        let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let relative = path.starts_with('/') && !path.starts_with("//");
        (plain && relative).then_some(path)
    }

    fn is_own(&self, scheme: &str, authority: &str) -> bool {
        let (own_scheme, default_port) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        if !scheme.eq_ignore_ascii_case(own_scheme) {
            return false;
        }
        let Ok((host, port)) = read_authority(authority.as_bytes()) else {
            return false;
        };
        let said = self
            .headers
            .get("host")
            .and_then(|line| read_authority(line.as_bytes()).ok())
            .filter(|(named, _)| named.as_str() == self.host);
        let same_port = said.is_none_or(|(_, own_port)| {
            own_port.unwrap_or(default_port) == port.unwrap_or(default_port)
        });
        host.as_str() == self.host && same_port
    }
}

fn split_scheme(url: &str) -> Option<(&str, &str)> {
    url.split_once("://")
}
