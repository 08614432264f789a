//! The cookies that leave: their form, and when they are sent, deferred or deleted.
//!
//! Plans and texts only; what a cookie's value says is `token`'s and `session`'s affair.

mod cache_control;
mod check;
mod emission;
mod own;
mod presented;
mod set_cookie;

#[cfg(test)]
mod tests;

pub use self::cache_control::{
    CacheGuard, TARGETED_CACHE_HEADERS, guard_cache_control, read_cache_control, shared_cacheable,
};
pub use self::check::{
    COOKIE_BYTES_MAX, CookieSettingsError, SEGMENT_VALUE_MAX, SESSION_VALUE_MAX, fits,
};
pub use self::emission::{Due, Emission, ResponseFacts, plan_emission};
pub use self::own::{is_host_bound, sets_own_cookie};
pub use self::presented::{Choice, choose_presented};
pub use self::set_cookie::{delete_auth_cookie, delete_cookie, delete_everywhere, set_cookie};

/// With which cross-site requests a browser sends a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Top-level navigations with a safe method.
    #[default]
    Lax,
    /// None at all.
    Strict,
    /// All of them; browsers then insist on `Secure`.
    None,
}

impl SameSite {
    /// The attribute's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

/// How one account's cookies are written; [`CookieSettings::check`] says whether browsers agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSettings {
    /// Name of the cookie that carries the session token.
    pub session: String,
    /// Name of the cookie that carries the segment.
    pub segment: String,
    /// `Path`: the account's root path.
    pub path: String,
    /// `Domain`; unset: host-only.
    pub domain: Option<String>,
    /// `Secure`; off only where a listener without TLS says so.
    pub secure: bool,
    /// `SameSite`, always sent.
    pub same_site: SameSite,
    /// `Partitioned`.
    pub partitioned: bool,
}

impl Default for CookieSettings {
    fn default() -> Self {
        Self {
            session: "vtex_session".to_owned(),
            segment: "vtex_segment".to_owned(),
            path: "/".to_owned(),
            domain: None,
            secure: true,
            same_site: SameSite::Lax,
            partitioned: false,
        }
    }
}
