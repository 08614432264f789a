//! Reports of activity by pages, and what they are told of their session (contract §12).

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::answer::Reply;
use super::{Call, Outcome, SessionApi};
use crate::domain::api::read_report;
use crate::domain::headers::AUTHENTICATED;
use crate::domain::lifetime::{Presented, remaining};
use crate::domain::time::{Millis, span_millis};
use crate::flow::{Decision, Leaving, Standing};

/// How long ago the session began, in milliseconds: a page tells by it whether the session that it
/// was served in is still this one.
const AGE: HeaderName = HeaderName::from_static("x-session-age-ms");

/// The numbers of an answer, in milliseconds.
struct Told {
    state: &'static str,
    timeout: i64,
    expires_in: i64,
}

impl SessionApi<'_> {
    /// How long ago activity may be that a page reports.
    pub(super) fn longest(&self) -> Duration {
        let policies = &self.account.policies;
        let of_known = policies.authenticated.lifetime();
        of_known.max(policies.anonymous.lifetime())
    }

    pub(super) async fn keep_alive(&self, call: Call<'_>) -> Outcome {
        let body = call.body.map_or(&[][..], |body| body);
        let ago = match read_report(body, self.longest()) {
            Ok(ago) => ago,
            Err(error) => return error.into(),
        };
        let (decision, standing) = self.flow.keep_alive(self.account, &call.request, ago).await;
        self.conclude(&call, decision, |decision, leaving| {
            Ok(self.stand(decision, leaving, standing))
        })
        .await
    }

    fn stand(&self, decision: &Decision, leaving: &Leaving, standing: Standing) -> Reply {
        let over = |state| Told {
            state,
            timeout: 0,
            expires_in: 0,
        };
        let (authenticated, began, told) = match standing {
            Standing::None => (false, None, over("none")),
            Standing::Expired { authenticated } => (authenticated, None, over("expired")),
            Standing::Live {
                times,
                iat,
                authenticated,
            } => {
                let issued = leaving.token.is_some();
                let iat = if issued { decision.now } else { iat };
                let policy = self.account.policies.of(authenticated);
                let cookie = Presented { iat };
                let left = remaining(&times, cookie, authenticated, decision.now, policy);
                let told = Told {
                    state: "live",
                    timeout: left.timeout_ms,
                    expires_in: left.expires_in_ms().max(0),
                };
                (authenticated, Some(times.created_at), told)
            }
        };
        let policy = self.account.policies.of(authenticated);
        let body = json!({
            "state": told.state,
            "timeoutMs": told.timeout,
            "lifetimeMs": span_millis(policy.lifetime()),
            "refreshBeforeEndMs": span_millis(policy.refresh_before_end()),
            "expiresInMs": told.expires_in,
        });
        let mut reply = Reply::json(200, body.to_string());
        if let Some(began) = began {
            reply = reply.with(beside(authenticated, began, decision.now));
        }
        reply
    }
}

fn beside(authenticated: bool, began: Millis, now: Millis) -> Vec<(HeaderName, HeaderValue)> {
    let authenticated = if authenticated { "true" } else { "false" };
    let age = span_millis(now.since(began));
    vec![
        (AUTHENTICATED, HeaderValue::from_static(authenticated)),
        (AGE, HeaderValue::from(age)),
    ]
}
