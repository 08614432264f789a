//! A response on its way to the shopper: which cookies leave, and what caches may keep.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use pingora::http::ResponseHeader;
use pingora::prelude::{Error, ErrorType};
use pingora::{ErrorSource, Result};

use crate::domain::cookies::{
    CacheGuard, CookieSettings, ResponseFacts, TARGETED_CACHE_HEADERS, guard_cache_control,
    read_cache_control, sets_own_cookie,
};
use crate::flow::{Decision, Flow, Leaving};

/// Plans what leaves with a response. Answers of `required` routes and to shoppers who are logged
/// in are private, whether a cookie leaves or not (contract §9).
pub(super) async fn plan(
    flow: &Flow,
    decision: &mut Decision,
    settings: &CookieSettings,
    response: &ResponseHeader,
    required: bool,
) -> Leaving {
    let cache_control = read_cache_control(&response.headers);
    let facts = ResponseFacts {
        status: response.status.as_u16(),
        cache_control: cache_control.as_deref(),
    };
    let mut leaving = flow.leave(decision, settings, &facts).await;
    let personal = required || decision.authenticated;
    if leaving.cache_control.is_none() && personal && response.status.as_u16() != 304 {
        leaving.cache_control = Some(guard_cache_control(
            facts.cache_control,
            CacheGuard::Private,
        ));
    }
    leaving
}

/// Keeps a response from shared caches, those with headers of their own included.
pub(super) fn guard(response: &mut ResponseHeader, cache_control: &str) -> Result<()> {
    // Looked for in what is there: that is less than looking each of them up.
    let mut names = response.headers.keys();
    if names.any(|name| TARGETED_CACHE_HEADERS.contains(name)) {
        for name in &TARGETED_CACHE_HEADERS {
            response.remove_header(name);
        }
    }
    response.insert_header(CACHE_CONTROL, cache_control)
}

/// Drops an upstream's `Set-Cookie` lines for names of ours: two lines for one name must never
/// leave (RFC 6265bis §5.6), and the upstream does not own these. Returns how many.
pub(super) fn drop_own_cookies(response: &mut ResponseHeader, settings: &CookieSettings) -> usize {
    let lines = response.headers.get_all(SET_COOKIE);
    let all = lines.iter().count();
    if all == 0
        || !lines
            .iter()
            .any(|line| sets_own_cookie(settings, line.as_bytes()))
    {
        return 0;
    }
    let others: Vec<_> = lines
        .iter()
        .filter(|line| !sets_own_cookie(settings, line.as_bytes()))
        .cloned()
        .collect();
    let dropped = all - others.len();
    response.remove_header(&SET_COOKIE);
    for line in others {
        // Appending a value that came from a header map cannot fail.
        drop(response.append_header(SET_COOKIE, line));
    }
    dropped
}

/// The status that a failure is answered with; 0 where nobody is left to answer.
pub(super) fn failure_status(error: &Error) -> u16 {
    match error.etype() {
        ErrorType::HTTPStatus(status) => *status,
        ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout
            if *error.esource() == ErrorSource::Upstream =>
        {
            504
        }
        ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed
            if *error.esource() == ErrorSource::Downstream =>
        {
            0
        }
        _ => match error.esource() {
            ErrorSource::Upstream => 502,
            ErrorSource::Downstream => 400,
            ErrorSource::Internal | ErrorSource::Unset => 500,
        },
    }
}
