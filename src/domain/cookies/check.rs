//! Whether browsers would take cookies of these settings: prefixes, attributes, sizes.

use thiserror::Error;

use super::own::has_prefix;
use super::{CookieSettings, SameSite};

/// Browsers refuse a cookie whose name and value together are longer (RFC 6265bis, section 5.6).
pub const COOKIE_BYTES_MAX: usize = 4096;
/// Longest session token (contract §8).
pub const SESSION_VALUE_MAX: usize = 512;
/// Longest segment (contract §8).
pub const SEGMENT_VALUE_MAX: usize = 3800;

/// Browsers ignore an attribute whose value is longer (RFC 6265bis, section 5.6).
const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// A reason why browsers would refuse or misread a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CookieSettingsError {
    /// Empty, or with a byte that RFC 9110 allows in no token.
    #[error("cookie name {name:?} is not a token: use letters, digits and !#$%&'*+-.^_`|~")]
    NameNotToken {
        /// The name.
        name: String,
    },
    /// One name for two cookies.
    #[error("session and segment cookie cannot share the name {name:?}")]
    SameName {
        /// The name.
        name: String,
    },
    /// `__Http-` or `__Host-Http-`.
    #[error("cookie name {name:?} begins with {prefix}, which is reserved")]
    ReservedPrefix {
        /// The name.
        name: String,
        /// The prefix in its usual spelling.
        prefix: &'static str,
    },
    /// `__Host-` or `__Secure-` on a cookie without `Secure`.
    #[error("cookie {name:?} needs Secure: browsers refuse the prefix {prefix} without it")]
    PrefixNeedsSecure {
        /// The name.
        name: String,
        /// The prefix in its usual spelling.
        prefix: &'static str,
    },
    /// `__Host-` with another path.
    #[error("cookie {name:?} needs the path /: browsers refuse the prefix __Host- without it")]
    HostPrefixNeedsRootPath {
        /// The name.
        name: String,
    },
    /// `__Host-` with a domain.
    #[error("cookie {name:?} cannot have a domain: browsers refuse the prefix __Host- with one")]
    HostPrefixForbidsDomain {
        /// The name.
        name: String,
    },
    /// Name and longest value together are too long.
    #[error("cookie name {name:?} is too long: name and value may have {COOKIE_BYTES_MAX} bytes")]
    TooLong {
        /// The name.
        name: String,
    },
    /// `SameSite=None` without `Secure`.
    #[error("same_site None needs Secure: browsers refuse the cookie without it")]
    SameSiteNoneNeedsSecure,
    /// `Partitioned` without `Secure`.
    #[error("partitioned needs Secure: browsers refuse the cookie without it")]
    PartitionedNeedsSecure,
    /// The path would not survive as one attribute.
    #[error("cookie path {path:?} must begin with / and be visible ASCII without ;")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The domain is no host name.
    #[error("cookie domain {domain:?} must be a host name in ASCII letters, digits, - and .")]
    BadDomain {
        /// The domain.
        domain: String,
    },
}

impl CookieSettings {
    /// Checks both names and all attributes; on failure gives every error at once.
    pub fn check(&self) -> Result<(), Vec<CookieSettingsError>> {
        let mut errors = Vec::new();
        for (name, value_max) in [
            (&self.session, SESSION_VALUE_MAX),
            (&self.segment, SEGMENT_VALUE_MAX),
        ] {
            self.check_name(name, value_max, &mut errors);
        }
        if self.session == self.segment {
            errors.push(CookieSettingsError::SameName {
                name: self.session.clone(),
            });
        }
        self.check_attributes(&mut errors);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn check_name(&self, name: &str, value_max: usize, errors: &mut Vec<CookieSettingsError>) {
        let own = || name.to_owned();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            errors.push(CookieSettingsError::NameNotToken { name: own() });
        }
        if name.len().saturating_add(value_max) > COOKIE_BYTES_MAX {
            errors.push(CookieSettingsError::TooLong { name: own() });
        }
        // `__Host-Http-` begins with `__Host-` too: the reserved ones come first.
        if let Some(prefix) = first_prefix(name, ["__Http-", "__Host-Http-"]) {
            errors.push(CookieSettingsError::ReservedPrefix {
                name: own(),
                prefix,
            });
            return;
        }
        let Some(prefix) = first_prefix(name, ["__Host-", "__Secure-"]) else {
            return;
        };
        if !self.secure {
            errors.push(CookieSettingsError::PrefixNeedsSecure {
                name: own(),
                prefix,
            });
        }
        if prefix == "__Host-" && self.path != "/" {
            errors.push(CookieSettingsError::HostPrefixNeedsRootPath { name: own() });
        }
        if prefix == "__Host-" && self.domain.is_some() {
            errors.push(CookieSettingsError::HostPrefixForbidsDomain { name: own() });
        }
    }

    fn check_attributes(&self, errors: &mut Vec<CookieSettingsError>) {
        if self.same_site == SameSite::None && !self.secure {
            errors.push(CookieSettingsError::SameSiteNoneNeedsSecure);
        }
        if self.partitioned && !self.secure {
            errors.push(CookieSettingsError::PartitionedNeedsSecure);
        }
        if !is_path(&self.path) {
            errors.push(CookieSettingsError::BadPath {
                path: self.path.clone(),
            });
        }
        if let Some(domain) = self.domain.as_ref().filter(|domain| !is_domain(domain)) {
            errors.push(CookieSettingsError::BadDomain {
                domain: domain.clone(),
            });
        }
    }
}

impl CookieSettingsError {
    /// The configuration key to change, as far as the error knows.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NameNotToken { .. }
            | Self::SameName { .. }
            | Self::ReservedPrefix { .. }
            | Self::TooLong { .. } => "name",
            Self::PrefixNeedsSecure { .. } => "secure",
            Self::HostPrefixNeedsRootPath { .. } | Self::BadPath { .. } => "path",
            Self::HostPrefixForbidsDomain { .. } | Self::BadDomain { .. } => "domain",
            Self::SameSiteNoneNeedsSecure => "same_site",
            Self::PartitionedNeedsSecure => "partitioned",
        }
    }
}

/// Whether browsers take a cookie of this name and value by its size.
pub fn fits(name: &str, value: &str) -> bool {
    name.len().saturating_add(value.len()) <= COOKIE_BYTES_MAX
}

fn first_prefix(name: &str, prefixes: [&'static str; 2]) -> Option<&'static str> {
    prefixes
        .into_iter()
        .find(|prefix| has_prefix(name.as_bytes(), prefix))
}

/// RFC 9110, section 5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= ATTRIBUTE_BYTES_MAX
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b';')
}

fn is_domain(domain: &str) -> bool {
    // A leading dot is old style; browsers drop it.
    let host = domain.strip_prefix('.').unwrap_or(domain);
    host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}
