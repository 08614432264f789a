//! Who may ask the admin listener, and who may change something by it. Decided from values alone.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method};
use sha2::{Digest, Sha256};

use super::operator::Operator;

/// What a browser says of where a request comes from (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may ask.
#[derive(Clone)]
pub enum Access {
    /// Whoever presents this token as `Authorization: Bearer`, or has logged in with it.
    Token(Arc<str>),
    /// Whoever has shown a certificate in the handshake, and nobody else. Where there is a token,
    /// either will do.
    Certificate,
    /// Whoever asks on a loopback address by a loopback name; a page of another site cannot,
    /// since its browser sends that site's name.
    Loopback,
}

/// The token is never shown.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Certificate => "Certificate",
            Self::Loopback => "Loopback",
        })
    }
}

/// Why somebody is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Nothing shows that they may ask.
    Unknown,
    /// They may ask, and a page of another site may have had their browser do it.
    Foreign,
}

/// What of a request says who asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    host: Option<&'a str>,
    /// The operator's name by a certificate that was verified.
    certificate: Option<&'a Arc<str>>,
    bearer: Option<&'a str>,
    origin: Option<&'a str>,
    fetch_site: Option<&'a str>,
    /// Whether it shows the cookie of a login that holds.
    logged_in: bool,
    /// Whether it would change something.
    changes: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn of(method: &Method, headers: &'a HeaderMap, logged_in: bool) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            host: text(HOST),
            certificate: None,
            bearer: text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")),
            origin: text(ORIGIN),
            fetch_site: text(FETCH_SITE),
            logged_in,
            changes: !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        }
    }

    /// The same by somebody whom a certificate names.
    pub(super) const fn by(self, certificate: Option<&'a Arc<str>>) -> Self {
        Self {
            certificate,
            ..self
        }
    }

    /// Whether a page of this very listener asks, or no browser does. A browser always says where a
    /// change comes from, so that silence with a cookie of ours is nobody's. Certificates are for
    /// programs too, which are silent.
    fn is_own(&self) -> bool {
        let host = self.host.unwrap_or_default();
        let authority = |origin: &'a str| origin.split_once("://").map(|(_, rest)| rest);
        let by_origin = self.origin.map(|origin| authority(origin) == Some(host));
        let by_site = self
            .fetch_site
            .map(|site| matches!(site, "same-origin" | "none"));
        match (by_origin, by_site) {
            (Some(false), _) | (_, Some(false)) => false,
            (None, None) => !self.logged_in || self.bearer.is_some(),
            _ => true,
        }
    }
}

impl Access {
    /// Whose request is answered.
    pub(super) fn judge(&self, asked: &Asked<'_>) -> Result<Operator, Denied> {
        let operator = self.operator(asked).ok_or(Denied::Unknown)?;
        Self::judge_origin(asked)?;
        Ok(operator)
    }

    /// A certificate names somebody, a token does not: it goes first.
    fn operator(&self, asked: &Asked<'_>) -> Option<Operator> {
        if let Some(name) = asked.certificate {
            return Some(Operator::Certificate(Arc::clone(name)));
        }
        match self {
            Self::Token(_) if asked.bearer.is_some_and(|it| self.is_token(it)) => {
                Some(Operator::Token)
            }
            Self::Token(_) => asked.logged_in.then_some(Operator::Login),
            Self::Certificate => None,
            Self::Loopback => asked
                .host
                .is_some_and(loopback_name)
                .then_some(Operator::Loopback),
        }
    }

    /// Whether somebody may log in: they need not have shown anything yet.
    pub(super) fn judge_login(&self, asked: &Asked<'_>) -> Result<(), Denied> {
        if matches!(self, Self::Loopback) && !asked.host.is_some_and(loopback_name) {
            return Err(Denied::Unknown);
        }
        Self::judge_origin(asked)
    }

    fn judge_origin(asked: &Asked<'_>) -> Result<(), Denied> {
        if asked.changes && !asked.is_own() {
            return Err(Denied::Foreign);
        }
        Ok(())
    }

    /// Whether this is the token; where there is none, nothing is.
    pub(super) fn is_token(&self, given: &str) -> bool {
        match self {
            // Digests are compared, so the time that it takes says nothing about the token.
            Self::Token(token) => Sha256::digest(given) == Sha256::digest(token.as_bytes()),
            Self::Certificate | Self::Loopback => false,
        }
    }

    /// Whether there is a token at all.
    pub(super) const fn has_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }
}

fn loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header lines.
    type Given<'a> = &'a [(&'a str, &'a str)];

    fn token() -> Access {
        Access::Token("secret".into())
    }

    fn with(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        };
        lines.iter().map(pair).collect()
    }

    fn judged(
        access: &Access,
        method: &Method,
        lines: &[(&str, &str)],
        logged_in: bool,
    ) -> Result<(), Denied> {
        let headers = with(lines);
        let judged = access.judge(&Asked::of(method, &headers, logged_in));
        judged.map(drop)
    }

    /// Whom a request is taken for that shows a certificate too.
    fn certified(access: &Access, method: &Method, lines: Given<'_>) -> Result<Operator, Denied> {
        let (headers, name) = (with(lines), "cn:ana".into());
        access.judge(&Asked::of(method, &headers, false).by(Some(&name)))
    }

    #[test]
    fn a_certificate_stands_in_the_place_of_the_token_and_names_who_acts() {
        let ana = Ok(Operator::Certificate("cn:ana".into()));
        for access in [token(), Access::Certificate] {
            for lines in [
                &[][..],
                &[("authorization", "Bearer secret")],
                &[("authorization", "Bearer wrong")],
            ] {
                assert_eq!(certified(&access, &Method::GET, lines), ana);
                assert_eq!(certified(&access, &Method::DELETE, lines), ana);
            }
        }
        let foreign = [
            ("host", "admin.example"),
            ("origin", "https://evil.example"),
        ];
        let said = certified(&token(), &Method::POST, &foreign);
        assert_eq!(said, Err(Denied::Foreign));
        let by_token = [("authorization", "Bearer secret")];
        let headers = with(&by_token);
        let said = token().judge(&Asked::of(&Method::GET, &headers, true));
        assert_eq!(said, Ok(Operator::Token));
    }

    #[test]
    fn where_only_certificates_count_nothing_else_does() {
        let lines = [("host", "localhost"), ("authorization", "Bearer secret")];
        let said = judged(&Access::Certificate, &Method::GET, &lines, true);
        assert_eq!(said, Err(Denied::Unknown));
        assert!(!Access::Certificate.is_token("") && !Access::Certificate.has_token());
    }

    #[test]
    fn the_token_is_needed_where_there_is_one() {
        let get = |value| judged(&token(), &Method::GET, &[("authorization", value)], false);
        assert_eq!(get("Bearer secret"), Ok(()));
        for wrong in ["Bearer wrong", "secret", "Basic secret", ""] {
            assert_eq!(get(wrong), Err(Denied::Unknown), "{wrong}");
        }
        let none = judged(&token(), &Method::GET, &[("host", "localhost")], false);
        assert_eq!(none, Err(Denied::Unknown));
        assert_eq!(judged(&token(), &Method::GET, &[], true), Ok(()));
    }

    #[test]
    fn without_a_token_only_loopback_names_are_answered_logged_in_or_not() {
        for logged_in in [false, true] {
            let get = |host| {
                judged(
                    &Access::Loopback,
                    &Method::GET,
                    &[("host", host)],
                    logged_in,
                )
            };
            for host in [
                "localhost:9090",
                "127.0.0.1:9090",
                "[::1]:9090",
                "localhost",
            ] {
                assert_eq!(get(host), Ok(()), "{host}");
            }
            for host in [
                "evil.example",
                "localhost.evil.example:9090",
                "10.0.0.1:9090",
                "",
            ] {
                assert_eq!(get(host), Err(Denied::Unknown), "{host}");
            }
        }
    }

    #[test]
    fn a_change_comes_from_a_page_of_this_listener_or_from_no_browser() {
        let host = ("host", "localhost:9090");
        let bearer = ("authorization", "Bearer secret");
        let own = ("origin", "http://localhost:9090");
        let cases: [(Given<'_>, bool, bool); 11] = [
            (&[bearer], false, true),
            (&[], true, false),
            (&[own], true, true),
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[own, ("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "none"), bearer], false, true),
            (&[own, ("sec-fetch-site", "cross-site")], true, false),
            (&[("sec-fetch-site", "same-site")], true, false),
            (&[("origin", "http://localhost:8080")], true, false),
            (&[("origin", "null")], true, false),
            (&[("origin", "http://evil.example"), bearer], false, false),
        ];
        for (lines, logged_in, is_own) in cases {
            let lines: Vec<_> = lines.iter().copied().chain([host]).collect();
            for method in [Method::POST, Method::DELETE, Method::PUT] {
                let expected = if is_own { Ok(()) } else { Err(Denied::Foreign) };
                let said = judged(&token(), &method, &lines, logged_in);
                assert_eq!(said, expected, "{method} {lines:?}");
            }
            assert_eq!(judged(&token(), &Method::GET, &lines, logged_in), Ok(()));
        }
        let loopback = [host, ("origin", "http://evil.example")];
        let said = judged(&Access::Loopback, &Method::POST, &loopback, false);
        assert_eq!(said, Err(Denied::Foreign));
        assert_eq!(
            judged(&Access::Loopback, &Method::POST, &[host], false),
            Ok(())
        );
    }

    #[test]
    fn whoever_logs_in_has_shown_nothing_yet_and_comes_from_here_all_the_same() {
        let login = |access: Access, lines: &[(&str, &str)]| {
            let headers = with(lines);
            access.judge_login(&Asked::of(&Method::POST, &headers, false))
        };
        let host = ("host", "console.example");
        assert_eq!(login(token(), &[host]), Ok(()));
        let foreign = [host, ("origin", "https://evil.example")];
        assert_eq!(login(token(), &foreign), Err(Denied::Foreign));
        assert_eq!(login(Access::Loopback, &[host]), Err(Denied::Unknown));
    }
}
