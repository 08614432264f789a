//! Answers of our own: redirects, refusals and failures, as people or programs read them.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER, VARY,
};
use pingora::Result;
use pingora::http::ResponseHeader;
use serde_json::json;

use super::ingress::IngressError;
use crate::browser::Script;
use crate::domain::access::Verdict;
use crate::domain::api::ApiError;
use crate::domain::request::RequestView;
use crate::flow::Decision;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JWKS: &str = "application/jwk-set+json";

/// A whole answer, before cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
    cache_control: &'static str,
    location: Option<String>,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
    /// What it depends on beside the address; none where it is the same for everybody.
    vary: Option<&'static str>,
    etag: Option<&'static str>,
}

/// How a page of ours looks. Its colours are its own, by day and by night: those that a browser would
/// choose are not known to be told apart.
const STYLE: &str = ":root{color-scheme:light dark;background:#fff;color:#1b1d21}a{color:#0b57c4}\
    body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}\
    @media(prefers-color-scheme:dark){:root{background:#16181c;color:#e8eaed}a{color:#8ab4f8}}";

/// Methods that go on to a store's server; others do too, if they are no tunnel and no echo.
const FORWARDED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl Answer {
    /// The answer to a request that does not go on; `None` where it does.
    pub fn of(decision: &Decision, request: &RequestView<'_>) -> Option<Self> {
        Some(match &decision.verdict {
            Verdict::Forward => return None,
            Verdict::Login { location } => {
                let mut answer =
                    Self::page(303, "Please log in", "You are being taken to the login.");
                answer.location = Some(location.clone());
                answer
            }
            Verdict::Unauthorized => Self::problem(
                401,
                "Unauthorized",
                "Log in and ask again; nothing was done.",
            ),
            Verdict::DeniedChannel { status, html } => Self::denied(*status, *html),
            Verdict::Unavailable { retry_after } => {
                let mut answer = Self::told(
                    request,
                    503,
                    (
                        "Service Unavailable",
                        "Your session cannot be read just now. Nobody was logged out.",
                    ),
                );
                answer.retry_after = Some(retry_after.as_secs().max(1));
                answer
            }
            Verdict::Failed { status, message } => {
                Self::told(request, *status, ("Bad Gateway", message))
            }
        })
    }

    /// The answer to a request that could not be read.
    pub fn refusal(error: &IngressError) -> Self {
        Self {
            // RFC 9110 §15.5.6.
            allow: (*error == IngressError::Method).then_some(FORWARDED),
            ..Self::problem(error.status(), reason(error.status()), &error.to_string())
        }
    }

    /// The answer when an upstream, or the proxy, failed.
    pub fn failure(status: u16) -> Self {
        let said = match status {
            408 => "The request did not arrive in time. Please try again.",
            504 => "The store did not answer in time. Please try again.",
            502 => "The store cannot be reached just now. Please try again.",
            _ => "The request could not be completed.",
        };
        Self::page(status, reason(status), said)
    }

    /// The answer where there is no room for one more request.
    pub fn busy(request: &RequestView<'_>, retry_after: u64) -> Self {
        let said = "The store is very busy just now. Please try again in a moment.";
        Self {
            retry_after: Some(retry_after),
            ..Self::told(request, 503, ("Service Unavailable", said))
        }
    }

    /// The same to a caller of the Session API, in the words of the API.
    pub fn refused_call(error: &ApiError) -> Self {
        Self {
            body: error.to_json(),
            retry_after: error.retry_after().map(|wait| wait.as_secs().max(1)),
            ..Self::empty(error.status(), JSON)
        }
    }

    /// Public keys. They may be cached for as long as a new key waits before it signs, halved.
    pub fn jwks(keys: &serde_json::Value) -> Self {
        let body = keys.to_string();
        Self {
            body,
            cache_control: "public, max-age=300",
            ..Self::empty(200, JWKS)
        }
    }

    /// A script of ours; `known`: the client has this very one.
    pub fn script(script: &'static Script, known: bool) -> Self {
        Self {
            body: if known {
                String::new()
            } else {
                script.text.to_owned()
            },
            cache_control: "public, max-age=3600",
            vary: None,
            etag: Some(&script.etag),
            ..Self::empty(if known { 304 } else { 200 }, SCRIPT)
        }
    }

    /// The same page by `https://`, to be asked in the same way (RFC 9110 §15.4.9).
    pub fn moved(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::page(308, "Permanent Redirect", "This shop is served by https.")
        }
    }

    fn told(request: &RequestView<'_>, status: u16, (title, said): (&str, &str)) -> Self {
        if request.wants_html() {
            Self::page(status, title, said)
        } else {
            Self::problem(status, title, said)
        }
    }

    /// A refused trade policy, in the platform's own form for programs.
    fn denied(status: u16, html: bool) -> Self {
        let (kind, said) = if status == 401 {
            (
                "Unauthorized",
                "This trade policy is open only to shoppers who are logged in.",
            )
        } else {
            ("Forbidden", "This trade policy is not open to you.")
        };
        if html {
            return Self::page(status, kind, said);
        }
        let body = json!({"type": kind, "message": said}).to_string();
        Self {
            body,
            ..Self::empty(status, JSON)
        }
    }

    fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body =
            json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        Self {
            body: body.to_string(),
            ..Self::empty(status, PROBLEM)
        }
    }

    /// A small page that needs nothing else, not even an icon, with a way back.
    fn page(status: u16, title: &str, said: &str) -> Self {
        let (title, said) = (escape(title), escape(said));
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
             <link rel=\"icon\" href=\"data:,\">\
             <style>{STYLE}</style>\
             <main><h1>{title}</h1><p>{said}</p><p><a href=\"/\">Back to the store</a></p></main></html>\n"
        );
        Self {
            body,
            ..Self::empty(status, HTML)
        }
    }

    const fn empty(status: u16, content_type: &'static str) -> Self {
        Self {
            status,
            content_type,
            body: String::new(),
            cache_control: "no-store",
            location: None,
            retry_after: None,
            allow: None,
            vary: Some("Accept, Cookie"),
            etag: None,
        }
    }

    /// The response's head and body. No cache keeps an answer of ours, but for public keys.
    pub(super) fn into_response(self) -> Result<(ResponseHeader, Bytes)> {
        let mut head = ResponseHeader::build(self.status, Some(8))?;
        head.insert_header(CONTENT_TYPE, self.content_type)?;
        if self.status != 304 {
            head.insert_header(CONTENT_LENGTH, self.body.len())?;
        }
        head.insert_header(CACHE_CONTROL, self.cache_control)?;
        head.insert_header("x-content-type-options", "nosniff")?;
        if let Some(names) = self.vary {
            head.insert_header(VARY, names)?;
        }
        if let Some(tag) = self.etag {
            head.insert_header(ETAG, tag)?;
        }
        let location = self
            .location
            .and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(location) = location {
            head.insert_header(LOCATION, location)?;
        }
        if let Some(methods) = self.allow {
            head.insert_header(ALLOW, methods)?;
        }
        if let Some(seconds) = self.retry_after {
            head.insert_header(RETRY_AFTER, seconds)?;
        }
        Ok((head, Bytes::from(self.body)))
    }
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
