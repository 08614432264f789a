//! The request as the upstream gets it: stripped, then set.

use http::HeaderValue;
use http::header::COOKIE;
use pingora::Result;
use pingora::http::RequestHeader;

use super::Passage;
use super::running::Placed;
use crate::domain::headers::{CONTEXT, SESSION_TOKEN};
use crate::domain::inputs::{UpstreamCookie, upstream_cookie};
use crate::domain::request::trace::RequestTrace;
use crate::flow::Decision;

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
    let route = decision.account.routes.find(&placed.admitted.path);
    for (name, value) in decision.injection.plans.headers.iter() {
        if route.injects(name.as_str()) {
            upstream.insert_header(name.clone(), value.clone())?;
        }
    }
    for (name, value) in &decision.injection.own {
        let asked = *name == SESSION_TOKEN || *name == CONTEXT;
        if asked || route.injects(name.as_str()) {
            upstream.insert_header(name.clone(), value.clone())?;
        }
    }
    set_cookie_line(downstream, upstream, decision)?;
    placed
        .claims
        .tell(&downstream.headers, &placed.admitted.host, upstream)?;
    set_trace(upstream, placed, placed.trace(&downstream.headers, random))
}

/// Our own cookies stay here, and so do auth cookies of logins that have ended; everything else
/// goes on byte for byte, on one line.
fn set_cookie_line(
    downstream: &RequestHeader,
    upstream: &mut RequestHeader,
    decision: &Decision,
) -> Result<()> {
    let cookies = &decision.account.cookies;
    let ours = |name: &str| {
        [&cookies.secure, &cookies.insecure]
            .iter()
            .any(|settings| name == settings.session || name == settings.segment)
            || decision.withheld.iter().any(|withheld| withheld == name)
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
        return upstream.insert_header(COOKIE, line);
    }
    upstream.remove_header(&COOKIE);
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

fn set_trace(upstream: &mut RequestHeader, placed: &Placed, trace: &RequestTrace) -> Result<()> {
    let value = |text: &str| HeaderValue::from_str(text).ok();
    if let Some(id) = value(&trace.request_id) {
        upstream.insert_header("x-request-id", id)?;
    }
    let parent = match placed.tries.watched() {
        // The caller is the try, not the request.
        Some(part) => value(&trace.parent_in(part)),
        None => value(&trace.traceparent),
    };
    if let Some(parent) = parent {
        upstream.insert_header("traceparent", parent)?;
    }
    Ok(())
}
