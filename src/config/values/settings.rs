//! Checked names of inputs, headers and routes.

use http::HeaderName;

pub use crate::domain::access::{OnDeniedChannel, OnExpired, RouteSettings, SessionUse};
use crate::domain::session::Field;

/// What is read of every request.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSettings {
    /// Query parameters; `*` at the end stands for any ending.
    pub query: Vec<String>,
    /// Cookie names, as anchored regular expressions.
    pub cookies: Vec<String>,
    /// The session cookie's name.
    pub session_cookie: String,
    /// The segment cookie's name.
    pub segment_cookie: String,
}

/// What differs from the usual headers.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderSettings {
    /// Each header with its field; none: the usual header is left out.
    pub map: Vec<(HeaderName, Field)>,
    /// Whether answers carry `x-session-segment-key`, for a CDN in front.
    pub echo_segment_key: bool,
}
