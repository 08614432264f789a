//! The request as the upstream gets it: stripped, then set.

use std::mem;

use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Version};
use pingora::http::RequestHeader;
use pingora::prelude::ErrorType;
use pingora::{OrErr as _, Result};

use super::Passage;
use super::running::Placed;
use crate::domain::headers::{CONTEXT, SESSION_TOKEN};
use crate::domain::inputs::{UpstreamCookie, upstream_cookie};
use crate::domain::request::trace::{REQUEST_ID, RequestTrace, TRACEPARENT};
use crate::flow::Decision;

/// What every request is told besides what follows from its session.
const OTHERS: usize = 8;

/// The head of a request while it is made ready for a server.
#[expect(
    clippy::large_enum_variant,
    reason = "it is on the stack for a moment, and a box would be an allocation a request"
)]
pub(super) enum Head<'a> {
    /// Every name is there twice: for finding, and as the client wrote it.
    AsReceived(&'a mut RequestHeader),
    /// Names are in lower case, and there once.
    Lower(Parts),
}

impl<'a> Head<'a> {
    /// Room for so many more headers is made at once.
    fn of(head: &'a mut RequestHeader, keeps_case: bool, more: usize) -> Self {
        // A head of HTTP/2 has each name once already, and says in itself how it ends.
        if keeps_case || head.version == Version::HTTP_2 {
            return Self::AsReceived(head);
        }
        let nothing = RequestHeader::from(Request::new(()).into_parts().0);
        let mut parts = Parts::from(mem::replace(head, nothing));
        parts.headers.reserve(more);
        Self::Lower(parts)
    }

    /// Sets a header, in place of all others of its name.
    pub(super) fn set(&mut self, name: &HeaderName, value: HeaderValue) -> Result<()> {
        match self {
            Self::AsReceived(head) => head.insert_header(name, value),
            Self::Lower(parts) => {
                let set = parts.headers.try_insert(name, value);
                set.or_err(ErrorType::InvalidHTTPHeader, "there are too many headers")?;
                Ok(())
            }
        }
    }

    /// Removes every header of a name.
    pub(super) fn remove(&mut self, name: &HeaderName) {
        match self {
            Self::AsReceived(head) => drop(head.remove_header(name)),
            Self::Lower(parts) => drop(parts.headers.remove(name)),
        }
    }
}

/// Sets everything that Vestibule says to the backend. Client copies of these names are gone by
/// now: they were removed before anything read them, from the request that this is a copy of.
pub(super) fn prepare(
    downstream: &RequestHeader,
    upstream: &mut RequestHeader,
    passage: &Passage,
    random: impl FnMut() -> u128,
) -> Result<()> {
    let (Some(decision), Some(placed)) = (&passage.decision, &passage.placed) else {
        return Ok(());
    };
    let injection = &decision.injection;
    let more = injection.plans.headers.iter().len() + injection.own.len() + OTHERS;
    let mut head = Head::of(upstream, placed.upstream.keeps_case(), more);
    let route = decision.account.routes.find(&placed.admitted.path);
    for (name, value) in injection.plans.headers.iter() {
        if route.injects(name.as_str()) {
            head.set(name, value.clone())?;
        }
    }
    for (name, value) in &injection.own {
        let asked = *name == SESSION_TOKEN || *name == CONTEXT;
        if asked || route.injects(name.as_str()) {
            head.set(name, value.clone())?;
        }
    }
    set_cookie_line(downstream, &mut head, decision)?;
    placed
        .claims
        .tell(&downstream.headers, &placed.admitted.host, &mut head)?;
    set_trace(&mut head, placed, placed.trace(&downstream.headers, random))?;
    if let Head::Lower(parts) = head {
        *upstream = parts.into();
    }
    Ok(())
}

/// Our own cookies stay here, and so do auth cookies of logins that have ended; everything else
/// goes on byte for byte, on one line.
fn set_cookie_line(
    downstream: &RequestHeader,
    upstream: &mut Head<'_>,
    decision: &Decision,
) -> Result<()> {
    let cookies = &decision.account.cookies;
    let ours = |name: &[u8]| {
        let is = |own: &String| name == own.as_bytes();
        [&cookies.secure, &cookies.insecure]
            .iter()
            .any(|settings| is(&settings.session) || is(&settings.segment))
            || decision.withheld.iter().any(is)
    };
    let line = match upstream_cookie(&downstream.headers, ours) {
        // A client may name Cookie in Connection; what was read here is what goes on.
        UpstreamCookie::Unchanged => downstream.headers.get(COOKIE).cloned(),
        UpstreamCookie::Line(line) => Some(line),
        UpstreamCookie::Absent => None,
    };
    let line = if cookies.send_segment_upstream {
        with_segment(line, decision)
    } else {
        line
    };
    if let Some(line) = line {
        return upstream.set(&COOKIE, line);
    }
    upstream.remove(&COOKIE);
    Ok(())
}

/// Puts the true segment where a store that reads the cookie expects it.
fn with_segment(line: Option<HeaderValue>, decision: &Decision) -> Option<HeaderValue> {
    let name = &decision.account.cookies.secure.segment;
    let mut text = line.map_or_else(Vec::new, |line| [line.as_bytes(), b"; "].concat());
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    text.extend_from_slice(decision.injection.plans.segment_cookie.as_bytes());
    HeaderValue::from_bytes(&text).ok()
}

fn set_trace(upstream: &mut Head<'_>, placed: &Placed, trace: &RequestTrace) -> Result<()> {
    let value = |text: &str| HeaderValue::from_str(text).ok();
    if let Some(id) = value(&trace.request_id) {
        upstream.set(&REQUEST_ID, id)?;
    }
    let parent = match placed.tries.watched() {
        // The caller is the try, not the request.
        Some(part) => value(&trace.parent_in(part)),
        None => value(&trace.traceparent),
    };
    if let Some(parent) = parent {
        upstream.set(&TRACEPARENT, parent)?;
    }
    Ok(())
}
