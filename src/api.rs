//! The Session API (contract §10): a request and its body in, a whole answer out, over the same
//! flow as the proxy. It reads no socket and keeps nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::account::Account;
use crate::domain::api::{ApiError, ApiRoute, Cors};
use crate::domain::cookies::{CookieSettings, ResponseFacts};
use crate::domain::request::RequestView;
use crate::flow::{Decision, Event, Flow, Leaving, Said};

mod answer;
mod keepalive;
mod openapi;
mod read;
mod segment;
mod write;

pub use openapi::describe;

use answer::Reply;

/// One call of the API.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which resource.
    pub route: ApiRoute<'a>,
    /// The request's head.
    pub request: RequestView<'a>,
    /// Its body; none where it was larger than `body_limit` and not read to its end.
    pub body: Option<&'a Bytes>,
    /// Bytes that a body may have.
    pub body_limit: usize,
}

/// What is answered, and what happened.
#[derive(Debug)]
pub struct Answered {
    /// The whole answer, cookies included.
    pub response: Response<Bytes>,
    /// The decision behind it, where the session was asked; its events are not told yet.
    pub decision: Option<Decision>,
}

/// Where calls are answered: one account, over the flow.
#[derive(Clone, Copy, Debug)]
pub struct SessionApi<'a> {
    /// The way of a request.
    pub flow: &'a Arc<Flow>,
    /// The account.
    pub account: &'a Arc<Account>,
}

/// Whether a client may begin another session; asking counts as one.
pub type MayCreate<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a resource came to: an answer to give, or why not, and the decision behind either.
struct Outcome {
    result: Result<Reply, ApiError>,
    decision: Option<Decision>,
    leaving: Leaving,
}

impl From<ApiError> for Outcome {
    fn from(error: ApiError) -> Self {
        Self {
            result: Err(error),
            decision: None,
            leaving: Leaving::default(),
        }
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self {
            result: Ok(reply),
            decision: None,
            leaving: Leaving::default(),
        }
    }
}

impl SessionApi<'_> {
    /// Answers a call.
    pub async fn answer(&self, call: Call<'_>, may_create: MayCreate<'_>) -> Answered {
        let cors = Cors::read(&call.request, &self.account.api.origins);
        let outcome = match refuse(&call, &cors) {
            Some(error) => error.into(),
            None => self.perform(call, may_create).await,
        };
        let Outcome {
            result,
            decision,
            leaving,
        } = outcome;
        let reply = result.unwrap_or_else(|error| Reply::error(&error));
        Answered {
            response: reply.into_response(&cors, leaving.set_cookies),
            decision,
        }
    }

    /// The answer to a request without a body that is clear at a glance, because the client `said`
    /// all of it before; `None`: it is to be answered like any other.
    pub fn answer_again(
        &self,
        route: ApiRoute<'_>,
        request: &RequestView<'_>,
        said: &Said,
    ) -> Option<Response<Bytes>> {
        let reply = self.read_again(route, request, said)?;
        let cors = Cors::read(request, &self.account.api.origins);
        Some(reply.into_response(&cors, Vec::new()))
    }

    async fn perform(&self, call: Call<'_>, may_create: MayCreate<'_>) -> Outcome {
        match (call.route, call.request.method) {
            (route, "OPTIONS") => Reply::preflight(route).into(),
            (ApiRoute::Session | ApiRoute::SessionOf(_), "GET" | "HEAD") => {
                self.read(call, may_create).await
            }
            // Boxed, so that a read, which is what most calls are, stays small.
            (ApiRoute::Session, "DELETE") => Box::pin(self.end(call)).await,
            (ApiRoute::Session | ApiRoute::SessionOf(_), _) => {
                Box::pin(self.write(call, may_create)).await
            }
            (ApiRoute::Segment, _) => Box::pin(self.segment(call, may_create)).await,
            (ApiRoute::SegmentOf(token), _) => segment::spelled_out(token, call.request.query),
            (ApiRoute::KeepAlive, _) => Box::pin(self.keep_alive(call)).await,
            (ApiRoute::Description, _) => {
                Reply::description(&self.account.root_path, self.longest()).into()
            }
            (ApiRoute::Unknown, _) => ApiError::NotFound.into(),
        }
    }

    /// Ends the session of the cookie.
    async fn end(&self, call: Call<'_>) -> Outcome {
        let decision = self.flow.close(self.account, &call.request).await;
        self.conclude(&call, decision, |decision, _| {
            let owed = decision.events.contains(&Event::Owed);
            Ok(Reply::empty(if owed { 202 } else { 204 }))
        })
        .await
    }

    /// Issues what is to leave with an answer, and then makes the answer: it may name the token.
    /// Where the call was not done, the cookies that are due leave all the same.
    async fn conclude(
        &self,
        call: &Call<'_>,
        mut decision: Decision,
        reply: impl FnOnce(&Decision, &Leaving) -> Result<Reply, ApiError>,
    ) -> Outcome {
        let undone = decision.undone.as_deref().map(ApiError::from);
        let facts = ResponseFacts {
            status: undone.as_ref().map_or(200, ApiError::status),
            cache_control: Some("no-store"),
        };
        let settings = self.cookies(call);
        let leaving = self.flow.leave(&mut decision, settings, &facts).await;
        let result = match undone {
            Some(error) => Err(error),
            None => reply(&decision, &leaving),
        };
        Outcome {
            result,
            decision: Some(decision),
            leaving,
        }
    }

    fn cookies(&self, call: &Call<'_>) -> &CookieSettings {
        self.account.cookies.of(call.request.insecure_cookies)
    }
}

/// What is refused before any session is looked at.
fn refuse(call: &Call<'_>, cors: &Cors) -> Option<ApiError> {
    let request = &call.request;
    if call.route == ApiRoute::Unknown {
        return Some(ApiError::NotFound);
    }
    if !call.route.takes(request.method) {
        return Some(ApiError::Method(call.route.allow()));
    }
    if matches!(call.route, ApiRoute::SessionOf(_)) && !request.same_origin_or_direct() {
        return Some(ApiError::ForeignToken);
    }
    if *cors == Cors::Foreign && !request.safe_method() {
        return Some(ApiError::ForeignOrigin);
    }
    call.body
        .is_none_or(|body| body.len() > call.body_limit)
        .then_some(ApiError::TooLarge(call.body_limit))
}
