//! Answers of the API, put together: status, headers, body.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::openapi::describe;
use crate::domain::api::{ApiError, ApiRoute, Cors};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The description is the same for everybody.
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// How long a browser may remember that it may ask, in seconds.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("600");
const ASKABLE_HEADERS: HeaderValue = HeaderValue::from_static("content-type");
const VARIES: HeaderValue = HeaderValue::from_static("Cookie, Origin");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const READABLE_HEADERS: HeaderValue = HeaderValue::from_static("retry-after");

/// An answer before its cookies and what other origins are told.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    body: Bytes,
    cache: HeaderValue,
    /// What the resource answers, where that is to be said.
    allow: Option<&'static str>,
    preflight: bool,
    /// Whole seconds.
    retry_after: Option<u64>,
    /// What is told beside the body.
    beside: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    pub(super) fn json(status: u16, body: String) -> Self {
        Self {
            body: Bytes::from(body),
            ..Self::empty(status)
        }
    }

    pub(super) const fn empty(status: u16) -> Self {
        Self {
            status,
            body: Bytes::new(),
            cache: NO_STORE,
            allow: None,
            preflight: false,
            retry_after: None,
            beside: Vec::new(),
        }
    }

    /// The same with headers of its own.
    pub(super) fn with(self, beside: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { beside, ..self }
    }

    pub(super) fn error(error: &ApiError) -> Self {
        let allow = match error {
            ApiError::Method(allow) => Some(*allow),
            _ => None,
        };
        Self {
            allow,
            retry_after: error.retry_after().map(|pause| pause.as_secs().max(1)),
            ..Self::json(error.status(), error.to_json())
        }
    }

    /// The answer to OPTIONS: what may be asked, and, for an allowed origin, that it may.
    pub(super) fn preflight(route: ApiRoute<'_>) -> Self {
        Self {
            allow: Some(route.allow()),
            preflight: true,
            ..Self::empty(204)
        }
    }

    pub(super) fn description(root_path: &str, longest: Duration) -> Self {
        Self {
            cache: FIVE_MINUTES,
            ..Self::json(200, describe(root_path, longest).to_string())
        }
    }

    pub(super) fn into_response(self, cors: &Cors, cookies: Vec<HeaderValue>) -> Response<Bytes> {
        let mut headers = HeaderMap::with_capacity(8 + cookies.len());
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if self.status != 204 {
            headers.insert(CONTENT_LENGTH, self.body.len().into());
        }
        headers.insert(CACHE_CONTROL, self.cache);
        headers.insert(VARY, VARIES);
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Cors::Allowed(origin) = cors {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
            if self.preflight {
                let methods = HeaderValue::from_static(self.allow.unwrap_or_default());
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ASKABLE_HEADERS);
                headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
            } else {
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READABLE_HEADERS);
            }
        }
        headers.extend(self.beside);
        for cookie in cookies {
            headers.append(SET_COOKIE, cookie);
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        *response.headers_mut() = headers;
        response
    }
}
