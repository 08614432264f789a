//! Which resource of the API a path names, and what may be done with it.

use std::borrow::Cow;

use memchr::memmem;

/// Below an account's root path: the session of the shopper's cookie.
pub const SESSIONS_PATH: &str = "/api/sessions";
/// Below an account's root path: the shareable part of it.
pub const SEGMENTS_PATH: &str = "/api/segments";
/// Below an account's root path: this API, described.
pub const OPENAPI_PATH: &str = "/_session/openapi.json";

/// Below an account's root path: where pages say that their shopper is active.
pub const KEEPALIVE_PATH: &str = "/_session/keepalive";

/// A resource of the API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ApiRoute<'a> {
    /// The session of the cookie.
    Session,
    /// The session that a token in the path names, whatever the cookie says.
    SessionOf(&'a str),
    /// The segment of the cookie's session.
    Segment,
    /// The segment that a token in the path spells out.
    SegmentOf(&'a str),
    /// The description of this API.
    Description,
    /// What keeps the session of an active shopper alive (contract §12).
    KeepAlive,
    /// A path below the API that names nothing.
    Unknown,
}

impl<'a> ApiRoute<'a> {
    /// Reads a path that begins at the account's root; `None` where it is none of the API's. A
    /// trailing slash changes nothing.
    pub fn read(below_root: &'a str) -> Option<Self> {
        match below_root {
            OPENAPI_PATH => return Some(Self::Description),
            KEEPALIVE_PATH => return Some(Self::KeepAlive),
            _ => {}
        }
        if let Some(token) = token_below(below_root, SESSIONS_PATH) {
            return Some(match token {
                "" => Self::Session,
                nested if nested.contains('/') => Self::Unknown,
                token => Self::SessionOf(token),
            });
        }
        // Standard base64 has slashes: all of the rest is one token.
        token_below(below_root, SEGMENTS_PATH).map(|token| match token {
            "" => Self::Segment,
            token => Self::SegmentOf(token),
        })
    }

    /// The methods that it answers, as an `Allow` header lists them.
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Session => "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
            Self::SessionOf(_) => "GET, HEAD, POST, PATCH, OPTIONS",
            Self::Segment | Self::SegmentOf(_) | Self::Description => "GET, HEAD, OPTIONS",
            Self::KeepAlive => "POST, OPTIONS",
            Self::Unknown => "OPTIONS",
        }
    }

    /// Whether it answers a method.
    pub fn takes(self, method: &str) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method)
    }

    /// Its path with the token left out: what may be logged.
    pub const fn masked(self) -> &'static str {
        match self {
            Self::Session => SESSIONS_PATH,
            Self::SessionOf(_) => "/api/sessions/{token}",
            Self::Segment => SEGMENTS_PATH,
            Self::SegmentOf(_) => "/api/segments/{token}",
            Self::Description => OPENAPI_PATH,
            Self::KeepAlive => KEEPALIVE_PATH,
            Self::Unknown => "/api/sessions/{unknown}",
        }
    }
}

/// Never the token.
impl std::fmt::Debug for ApiRoute<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.masked())
    }
}

/// What follows a resource's path: nothing, or a token.
fn token_below<'a>(path: &'a str, resource: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(resource)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let token = rest.strip_prefix('/')?;
    Some(token.strip_suffix('/').unwrap_or(token))
}

/// A path as it may be logged: whatever could be a token in it is left out, whether or not the path
/// is one of the API's.
pub fn mask_tokens(path: &str) -> Cow<'_, str> {
    for at in memmem::find_iter(path.as_bytes(), b"/api/se") {
        let Some((before, here)) = path.split_at_checked(at) else {
            continue;
        };
        for resource in [SESSIONS_PATH, SEGMENTS_PATH] {
            let rest = here.strip_prefix(resource);
            if rest.is_some_and(|rest| !matches!(rest, "" | "/")) {
                return Cow::Owned(format!("{before}{resource}/{{token}}"));
            }
        }
    }
    Cow::Borrowed(path)
}
