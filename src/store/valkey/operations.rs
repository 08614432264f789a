//! What is asked of the server, and what its answers mean.

use std::time::Duration;

use redis::{Value, cmd};
use tokio::time::Instant;

use super::link::Refused;
use super::{Core, head, scripts, told, upkeep};
use crate::domain::session::{Session, SessionId};
use crate::domain::token::TokenHash;
use crate::ports::{Kept, StoreError};
use crate::store::codec::{self, CodecError};
use crate::store::record::{Ending, Login};
use crate::store::{outcome, unavailable};

impl Core {
    pub(super) fn session_key(&self, id: SessionId) -> String {
        // The braces: all keys of a session are on one node of a cluster.
        format!("{}:s:{{{:032x}}}", self.settings.key_prefix, id.as_u128())
    }

    pub(super) fn login_key(&self, token: TokenHash) -> String {
        format!(
            "{}:l:{{{:032x}}}",
            self.settings.key_prefix,
            token.as_u128()
        )
    }

    /// When what begins now has to be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.deadline
    }

    /// Does an operation and counts it.
    pub(super) async fn counted<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = work.await;
        self.metrics
            .done(operation, outcome(&result), begun.elapsed());
        result
    }

    pub(super) async fn run(
        &self,
        script: &scripts::Write,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let until = self.deadline();
        match self.link.ask(&script.by_name(keys, arguments), until).await {
            Err(Refused::NoScript) => {
                let whole = script.whole(keys, arguments);
                Ok(self.link.ask(&whole, until).await?)
            }
            answered => Ok(answered?),
        }
    }

    /// Runs a write over a session and tells the others. The script's own arguments follow those
    /// that all have.
    pub(super) async fn change(
        &self,
        script: &scripts::Write,
        id: SessionId,
        own: &[&[u8]],
    ) -> Result<Value, StoreError> {
        let (now, channel) = (head::moment(self.clock.now()), self.settings.channel());
        let (version, message) = (newest(), told::session(&self.instance, id));
        let all = [&now, &version, &channel, &message].map(String::as_bytes);
        let arguments = [&all, own].concat();
        let value = self
            .run(script, &[self.session_key(id)], &arguments)
            .await?;
        known(value)
    }

    pub(super) async fn replace(
        &self,
        id: SessionId,
        kept: &Kept,
        keep: Duration,
        only_live: &'static str,
    ) -> Result<bool, StoreError> {
        let record = head::write(kept, keep, self.clock.now());
        let life = life(keep);
        let own: [&[u8]; 3] = [&record, life.as_bytes(), only_live.as_bytes()];
        let value = self.change(&scripts::REPLACE, id, &own).await?;
        Ok(value == Value::Int(1))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.link.ask(cmd("GET").arg(key), self.deadline()).await?;
        match value {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(strange()),
        }
    }

    /// A record as it was read; one that is damaged is moved out of the way and is none.
    pub(super) async fn read<T>(
        &self,
        key: String,
        read: impl Fn(&[u8]) -> Result<T, CodecError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.get(&key).await? else {
            return Ok(None);
        };
        match read(&bytes) {
            Ok(found) => Ok(Some(found)),
            Err(CodecError::Newer(_)) => Err(StoreError::Newer),
            Err(CodecError::Damaged(why)) => {
                self.set_aside(key, &bytes, why).await?;
                Ok(None)
            }
        }
    }

    pub(super) async fn set_aside(
        &self,
        key: String,
        bytes: &[u8],
        why: &'static str,
    ) -> Result<(), StoreError> {
        let aside = format!("{}:damaged:{key}", self.settings.key_prefix);
        let life = life(upkeep::KEEP_DAMAGED);
        let own: [&[u8]; 2] = [bytes, life.as_bytes()];
        self.run(&scripts::ASIDE, &[key, aside], &own).await?;
        self.metrics.set_aside(1);
        tracing::error!(why, "A damaged record was set aside.");
        Ok(())
    }

    pub(super) async fn create(&self, session: Session, keep: Duration) -> Result<(), StoreError> {
        let (now, key) = (self.clock.now(), self.session_key(session.id));
        let left = session.last_seen.plus(keep).since(now);
        let record = head::write(&Kept::Live(session), keep, now);
        let mut set = cmd("SET");
        set.arg(key).arg(record).arg("NX").arg("PX").arg(life(left));
        match self.link.ask(&set, self.deadline()).await? {
            Value::Nil => Err(StoreError::Exists),
            _ => Ok(()),
        }
    }

    pub(super) async fn save(
        &self,
        session: Session,
        based_on: u64,
        keep: Duration,
    ) -> Result<Option<Session>, StoreError> {
        let kept = Kept::Live(session);
        let record = codec::write_record(&kept, keep, self.clock.now());
        let Kept::Live(session) = kept else {
            return Err(strange());
        };
        let texts = [
            head::version(based_on),
            head::moment(session.last_seen),
            head::span(keep),
            head::version(session.version),
        ];
        let own = [
            texts[0].as_bytes(),
            texts[1].as_bytes(),
            texts[2].as_bytes(),
            texts[3].as_bytes(),
            record.as_slice(),
        ];
        match self.change(&scripts::SAVE, session.id, &own).await? {
            Value::Nil => Ok(None),
            Value::BulkString(head) => {
                let moving = head::Moving::read(&head);
                let moving = moving.map_err(|error| unavailable(&error))?;
                Ok(Some(moving.applied_to(session)))
            }
            _ => Err(strange()),
        }
    }

    pub(super) async fn load(&self, id: SessionId) -> Result<Option<(Kept, Duration)>, StoreError> {
        let now = self.clock.now();
        let Some(mut record) = self.read(self.session_key(id), head::read).await? else {
            return Ok(None);
        };
        // What this instance knows and could not tell yet.
        if let Some(seen) = self.touches.of(id)
            && let Kept::Live(session) = &mut record.kept
        {
            record.at = record.at.max(seen);
            session.last_seen = record.at;
        }
        let over = now > record.at.plus(record.keep);
        Ok((!over).then_some((record.kept, record.keep)))
    }

    pub(super) async fn open_login(
        &self,
        token: TokenHash,
        login: Login,
    ) -> Result<Login, StoreError> {
        let left = login.expires.since(self.clock.now());
        if left.is_zero() {
            return Ok(login);
        }
        let mut set = cmd("SET");
        set.arg(self.login_key(token))
            .arg(head::write_login(&login))
            .arg("NX")
            .arg("GET")
            .arg("PX")
            .arg(life(left));
        match self.link.ask(&set, self.deadline()).await? {
            Value::Nil => Ok(login),
            Value::BulkString(bytes) => {
                head::read_login(&bytes).map_err(|error| unavailable(&error))
            }
            _ => Err(strange()),
        }
    }

    pub(super) async fn close_login(
        &self,
        token: TokenHash,
        reason: Ending,
    ) -> Result<bool, StoreError> {
        let (version, channel) = (newest(), self.settings.channel());
        let message = told::login(&self.instance, token, reason);
        let code = reason.code().to_string();
        let arguments = [&version, &channel, &message, &code].map(String::as_bytes);
        let key = self.login_key(token);
        let value = self.run(&scripts::CLOSE_LOGIN, &[key], &arguments).await?;
        Ok(known(value)? == Value::Int(1))
    }
}

/// The newest version of a record that is understood here.
pub(super) fn newest() -> String {
    codec::VERSION.to_string()
}

/// A life that the server takes: at least a millisecond.
fn life(span: Duration) -> String {
    span.as_millis().max(1).to_string()
}

/// A script's answer, unless it met a record of a later version.
fn known(value: Value) -> Result<Value, StoreError> {
    if value == Value::Int(-1) {
        return Err(StoreError::Newer);
    }
    Ok(value)
}

pub(super) fn strange() -> StoreError {
    unavailable(&"the server's answer is none that was asked for")
}
