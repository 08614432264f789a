//! Checked names of headers and routes.

use http::HeaderName;

pub use crate::domain::access::{OnDeniedChannel, OnExpired, RouteSettings, SessionUse};
use crate::domain::session::Field;

/// Which fields go to the backends.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderSettings {
    /// Each header with its field: the usual ones as far as they were left in, then the others.
    pub map: Vec<(HeaderName, Field)>,
    /// Whether answers carry `x-session-segment-key`, for a CDN in front.
    pub echo_segment_key: bool,
}
