//! Every way in which a call of the API is not done. On each of them nothing was changed.

use std::time::Duration;

use thiserror::Error;

use super::body::BodyError;
use super::keepalive::ReportError;
use crate::domain::session::limits::LimitError;

/// How long a client that began too many sessions is asked to wait: the limit is a minute's.
const CREATION_PAUSE: Duration = Duration::from_mins(1);
/// How long a client is asked to wait for a store that cannot be asked.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How long a client is asked to wait for room.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiError {
    /// The body cannot be read.
    #[error("{0}")]
    Body(#[from] BodyError),
    /// A page's report of activity cannot be read.
    #[error("{0}")]
    Report(#[from] ReportError),
    /// The body is larger than it may be.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The session would hold more than it may.
    #[error("{0}")]
    Limit(#[from] LimitError),
    /// A read does not say what it wants.
    #[error(
        "say in `items` which fields you want, such as items=store.channel,profile.email, or items=* for all"
    )]
    NoItems,
    /// A path names a segment that is none.
    #[error("the path does not name a segment: it is base64 of a JSON object")]
    BadSegment,
    /// The trade policy that was asked for needs somebody who is logged in.
    #[error("this trade policy is open only to shoppers who are logged in")]
    DeniedAnonymous,
    /// The trade policy that was asked for is not open to this shopper.
    #[error("this trade policy is not open to you")]
    Denied,
    /// A page of another site asks.
    #[error("calls from other origins are not allowed; the store can name yours")]
    ForeignOrigin,
    /// A token in the path and a page of another site.
    #[error("a session is named in the path only by the store's own pages or by a server")]
    ForeignToken,
    /// No such resource.
    #[error("there is nothing here; the API is at /api/sessions and /api/segments")]
    NotFound,
    /// A method that the resource does not answer.
    #[error("this method is not answered here, only {0}")]
    Method(&'static str),
    /// The session was replaced a moment ago.
    #[error("the session was replaced a moment ago; ask again with its new cookie")]
    Replaced,
    /// Tokens of two sessions came together.
    #[error("two sessions were presented at once; both cookies are removed, ask again")]
    Ambiguous,
    /// This client has begun too many sessions.
    #[error("too many new sessions from this address")]
    CreationLimited,
    /// This client has written too often.
    #[error("too many writes from this address")]
    WritesLimited {
        /// How long it is to wait.
        wait: Duration,
    },
    /// There is no room for one more call.
    #[error("there are too many calls at once")]
    Busy,
    /// An app that must not fail has failed, or a cycle would not settle.
    #[error("{0}")]
    App(String),
    /// The store cannot be asked.
    #[error("sessions cannot be read or written just now; nobody was logged out")]
    Unavailable,
}

impl ApiError {
    /// The status that it is answered with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Limit(LimitError::Bytes(_)) | Self::TooLarge(_) => 413,
            Self::Body(_) | Self::Report(_) | Self::NoItems | Self::BadSegment | Self::Limit(_) => {
                400
            }
            Self::DeniedAnonymous => 401,
            Self::Denied | Self::ForeignOrigin | Self::ForeignToken => 403,
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Replaced | Self::Ambiguous => 409,
            Self::CreationLimited | Self::WritesLimited { .. } => 429,
            Self::App(_) => 502,
            Self::Unavailable | Self::Busy => 503,
        }
    }

    /// The `type` of its answer, one of a closed set; the platform's own words for 401 and 403.
    pub const fn kind(&self) -> &'static str {
        match self.status() {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            405 => "MethodNotAllowed",
            409 => "Conflict",
            413 => "PayloadTooLarge",
            429 => "TooManyRequests",
            502 => "AppFailed",
            503 => "Unavailable",
            _ => "BadRequest",
        }
    }

    /// How long to wait before the same is asked again.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CreationLimited => Some(CREATION_PAUSE),
            Self::WritesLimited { wait } => Some(*wait),
            Self::Unavailable => Some(STORE_PAUSE),
            Self::Busy => Some(BUSY_PAUSE),
            _ => None,
        }
    }

    /// The answer's body: `{"type", "message"}`.
    pub fn to_json(&self) -> String {
        let mut message = self.to_string();
        if let Some(first) = message.get(..1).map(str::to_ascii_uppercase) {
            message.replace_range(..1, &first);
        }
        message.push('.');
        serde_json::json!({"type": self.kind(), "message": message}).to_string()
    }
}
