//! What the backend knows of a shopper: the headers that Vestibule set, and nothing else.
//! No session cookie is read here or anywhere in the storefront.

mod meanings;

use std::borrow::Cow;

use http::HeaderMap;
use http::header::COOKIE;
use percent_encoding::percent_decode_str;

pub(super) use meanings::{OUR_HEADERS, WAY_HEADERS, meaning_of};

use super::people::{PEOPLE, Person};

/// The cookie of a member of staff who logged in here.
pub(super) const STAFF_COOKIE: &str = "VtexIdclientAutCookie";

/// The headers of one request, read as knowledge about its sender.
#[derive(Clone, Copy)]
pub(super) struct Knowledge<'a> {
    headers: &'a HeaderMap,
}

impl<'a> Knowledge<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Self {
        Self { headers }
    }

    /// The value as it came, several ones joined.
    pub(super) fn raw(self, name: &str) -> Option<String> {
        let values: Vec<Cow<'_, str>> = (self.headers.get_all(name).iter())
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The value for reading: Vestibule percent-encodes what is not visible ASCII.
    pub(super) fn value(self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        Some(percent_decode_str(&raw).decode_utf8_lossy().into_owned())
    }

    /// Whether the request came through a Vestibule at all.
    pub(super) fn came_through(self) -> bool {
        self.headers.contains_key("x-vtex-account")
    }

    pub(super) fn session_id(self) -> Option<String> {
        self.value("x-session-id")
    }

    pub(super) fn authenticated(self) -> bool {
        self.raw("x-session-authenticated").as_deref() == Some("true")
    }

    /// The shopper's name, or e-mail where the name is not known here. Nobody: anonymous.
    pub(super) fn shopper(self) -> Option<String> {
        let email = self.value("x-session-user-email");
        let known = email.as_deref().and_then(Person::find);
        let by_id = || {
            let id = self.value("x-session-user-id")?;
            PEOPLE.iter().find(|person| person.id == id)
        };
        (known.or_else(by_id))
            .map(|person| person.name.to_owned())
            .or(email)
            .filter(|_| self.authenticated())
    }

    /// Whether staff is logged in: by the header where the account maps it, else by the presence
    /// of the login cookie that this storefront itself has set. It decides what is *offered*;
    /// what is allowed, Vestibule decides.
    pub(super) fn staff(self) -> bool {
        self.headers.contains_key("x-session-staff-email")
            || self.headers.contains_key("x-session-impersonator")
            || self.has_staff_cookie()
    }

    fn has_staff_cookie(self) -> bool {
        (self.headers.get_all(COOKIE).iter())
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .any(|(name, value)| name.trim() == STAFF_COOKIE && !value.trim().is_empty())
    }

    pub(super) fn impersonator(self) -> Option<String> {
        self.value("x-session-impersonator")
    }

    /// Campaign ids, in the order in which they came.
    pub(super) fn campaigns(self) -> Vec<String> {
        self.list("x-session-campaigns")
    }

    pub(super) fn price_tables(self) -> Vec<String> {
        self.list("x-session-price-tables")
    }

    fn list(self, name: &str) -> Vec<String> {
        let value = self.value(name).unwrap_or_default();
        (value.split(',').map(str::trim))
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Names in Vestibule's own two families that no table here explains, in order of arrival.
    pub(super) fn unexplained(self) -> Vec<&'a str> {
        (self.headers.keys().map(http::HeaderName::as_str))
            .filter(|name| name.starts_with("x-session-") || name.starts_with("x-vtex-"))
            .filter(|name| OUR_HEADERS.iter().all(|known| known.name != *name))
            .collect()
    }
}

#[cfg(test)]
mod tests;
