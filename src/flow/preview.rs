//! What a session would hold if it were asked for something else: worked out, and not kept.

use std::sync::Arc;

use super::Flow;
use super::ask::Undone;
use crate::account::Account;
use crate::domain::patch::Patch;
use crate::domain::request::trace::RequestTrace;
use crate::domain::session::Body;
use crate::domain::transform::Start;

impl Flow {
    /// The fields of a session under further writes (contract §10, segments). Nothing is saved,
    /// and nobody's refusal counts for the session.
    pub async fn preview(
        &self,
        account: &Arc<Account>,
        body: &Body,
        writes: Patch,
        trace: Option<&RequestTrace>,
    ) -> Result<Body, Undone> {
        if !writes.changes(body) {
            return Ok(body.clone());
        }
        let start = Start {
            body: body.clone(),
            request: writes,
            ..Start::default()
        };
        let outcome = self
            .run(account, start, trace)
            .await
            .map_err(Undone::Cycle)?;
        match outcome.denied {
            Some(status) => Err(Undone::Denied(status)),
            None => Ok(outcome.body),
        }
    }
}
