//! Writing into `public`: the query and the body of a POST or PATCH, all of it or nothing.

use serde_json::json;

use super::answer::Reply;
use super::read::token_of;
use super::{Call, MayCreate, Outcome, SessionApi};
use crate::domain::api::{ApiError, Items, read_public};
use crate::domain::inputs::read_call_query;
use crate::domain::patch::Patch;
use crate::domain::session::segment::Segment;
use crate::domain::token::TokenUse;
use crate::flow::{Ask, Decision, Event, Issue, Leaving};

impl SessionApi<'_> {
    pub(super) async fn write(&self, call: Call<'_>, may_create: MayCreate<'_>) -> Outcome {
        let writes = match writes_of(&call) {
            Ok(writes) => writes,
            Err(error) => return error.into(),
        };
        let ask = Ask {
            token: token_of(call.route),
            writes,
            captures_query: false,
        };
        let mut decision = self.decide(&call, &ask, may_create).await;
        // Whoever writes is told both tokens, and a browser gets them as cookies (contract §10).
        if decision.undone.is_none() && decision.cookies.session.is_some() {
            decision.cookies.due = Issue::Must;
        }
        let items = Items::read(call.request.query);
        self.conclude(&call, decision, |decision, leaving| {
            let created = |event: &Event| matches!(event, Event::Created(_));
            let status = if decision.events.iter().any(created) {
                201
            } else {
                200
            };
            let body = match &items {
                Some(items) => self.document(&call, decision, items),
                None => self.tokens(&call, decision, leaving)?,
            };
            Ok(Reply::json(status, body))
        })
        .await
    }

    /// The two tokens. A browser's script is given one for the API alone, which is no cookie; a
    /// server gets the cookie's own.
    fn tokens(
        &self,
        call: &Call<'_>,
        decision: &Decision,
        leaving: &Leaving,
    ) -> Result<String, ApiError> {
        let token_use = if call.request.browser() {
            TokenUse::Api
        } else {
            TokenUse::Cookie
        };
        let issued = leaving
            .token
            .clone()
            .filter(|_| token_use == TokenUse::Cookie);
        let id = self.id_of(decision);
        let session = issued
            .or_else(|| self.flow.token_for(decision, id, token_use))
            .ok_or(ApiError::Unavailable)?;
        let plans = &decision.injection.plans;
        let segment = match &decision.trace.body {
            // The cookie's was cut to fit a browser; a program takes it whole.
            Some(body) if plans.segment_dropped > 0 => Segment::of(&body.fields()).token(),
            _ => plans.segment_cookie.to_string(),
        };
        Ok(json!({"sessionToken": session, "segmentToken": segment}).to_string())
    }
}

/// What a call writes: its query, and over it its body.
fn writes_of(call: &Call<'_>) -> Result<Patch, ApiError> {
    let trusted = call.request.same_origin_or_direct();
    let mut writes = read_call_query(call.request.query.unwrap_or_default(), trusted);
    let body = call.body.map_or(&[][..], |body| body);
    writes.merge(read_public(body)?);
    Ok(writes)
}
