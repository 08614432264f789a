//! What the Session API is asked, and what it may answer (contract §10): routes, bodies, origins,
//! errors. Nothing here knows a session's store or how a request came in.

mod body;
mod error;
mod items;
mod keepalive;
mod origin;
mod route;

#[cfg(test)]
mod tests;

pub use self::body::{BodyError, read_public};
pub use self::error::ApiError;
pub use self::items::Items;
pub use self::keepalive::{ReportError, read_report};
pub use self::origin::{AllowedOrigins, Cors, OriginError};
pub use self::route::{
    ApiRoute, KEEPALIVE_PATH, OPENAPI_PATH, SEGMENTS_PATH, SESSIONS_PATH, mask_tokens,
};
