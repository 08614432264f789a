//! Signed contexts, made once a session version and used until a tenth of their life is left.

use std::time::Duration;

use http::HeaderValue;
use moka::sync::Cache;

use crate::account::Account;
use crate::domain::context::ContextSubject;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;

/// How many are remembered; a forgotten one costs a signature.
const MOST: u64 = 100_000;
/// Longer than any context lives is no use.
const KEEP: Duration = Duration::from_hours(1);

#[derive(Clone, Debug)]
struct Made {
    value: HeaderValue,
    renew_at: Millis,
}

/// Contexts by session, version and configuration.
#[derive(Debug)]
pub(super) struct Contexts(Cache<(SessionId, u64, u64), Made>);

impl Default for Contexts {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MOST)
                .time_to_live(KEEP)
                .build(),
        )
    }
}

impl Contexts {
    /// The context of a session; `None` where none can be signed or it would be too long.
    pub(super) fn of(
        &self,
        account: &Account,
        session: &Session,
        now: Millis,
    ) -> Option<HeaderValue> {
        let key = (session.id, session.version, account.generation);
        if let Some(made) = self.0.get(&key).filter(|made| now < made.renew_at) {
            return Some(made.value);
        }
        let subject = ContextSubject {
            id: session.id,
            version: session.version,
            account: &account.name,
            body: &session.body.fields(),
        };
        let signed = account.context.sign(&account.keys, subject, now)?;
        let value = HeaderValue::try_from(signed.token).ok()?;
        self.0.insert(
            key,
            Made {
                value: value.clone(),
                renew_at: signed.renew_at,
            },
        );
        Some(value)
    }
}
