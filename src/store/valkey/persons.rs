//! Which sessions a person acts in: a sorted set for each, by the moment of the session's beginning.
//!
//! It lies elsewhere than the sessions, in a cluster on another node, so it is a hint: whoever asks
//! looks at each session.

use std::time::Duration;

use redis::{Value, cmd};

use super::operations::strange;
use super::{Core, head, scripts};
use crate::domain::session::{Session, SessionId};
use crate::ports::StoreError;
use crate::store::persons::{PersonKey, persons};

/// How long after the last beginning of a session.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Sessions of one person; past it the oldest are forgotten.
const MOST: usize = 10_000;

impl Core {
    fn person_key(&self, person: PersonKey) -> String {
        let bits = u128::from_be_bytes(*person.as_bytes());
        format!("{}:p:{{{bits:032x}}}", self.settings.key_prefix)
    }

    /// Notes who acts in a session.
    pub(super) async fn note_persons(&self, session: &Session) -> Result<(), StoreError> {
        let (now, life) = (head::moment(self.clock.now()), KEPT.as_millis().to_string());
        let (id, most) = (format!("{:032x}", session.id.as_u128()), MOST.to_string());
        for person in persons(session) {
            let arguments = [&now, &id, &life, &most].map(String::as_bytes);
            self.run(&scripts::PERSON, &[self.person_key(person)], &arguments)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn of_person(&self, person: PersonKey) -> Result<Vec<SessionId>, StoreError> {
        let mut range = cmd("ZRANGE");
        range.arg(self.person_key(person)).arg(0).arg(-1);
        let Value::Array(members) = self.link.ask(&range, self.deadline()).await? else {
            return Err(strange());
        };
        let read = |member: Value| {
            let Value::BulkString(bytes) = member else {
                return None;
            };
            let bits = std::str::from_utf8(&bytes).ok()?;
            Some(SessionId::from_u128(u128::from_str_radix(bits, 16).ok()?))
        };
        Ok(members.into_iter().filter_map(read).collect())
    }
}
