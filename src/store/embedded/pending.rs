//! The changes of one batch, seen by the writes that come later in it.

use std::collections::HashMap;

use super::engine::{Change, Engine, Space};
use crate::domain::time::Millis;
use crate::ports::StoreError;
use crate::store::codec::{self, CodecError, Head};
use crate::store::record::Login;
use crate::store::unavailable;
use crate::telemetry::StoreMetrics;

/// The key of a record: the bits of a session's id or of a token's hash, most significant first.
pub(super) type Key = [u8; 16];

/// Where a record lies.
type Spot = (Space, Vec<u8>);

/// Writes that are decided and not yet on disk.
#[derive(Debug)]
pub(super) struct Pending<'e> {
    engine: &'e Engine,
    metrics: &'e StoreMetrics,
    /// Without a value, the record is removed.
    changes: HashMap<Spot, Option<Vec<u8>>>,
    pub(super) now: Millis,
}

/// A record under a session's id that has not outlived itself.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
    /// Its last use, as late as anybody told.
    pub(super) seen: Millis,
}

impl<'e> Pending<'e> {
    pub(super) fn new(engine: &'e Engine, metrics: &'e StoreMetrics, now: Millis) -> Self {
        Self {
            engine,
            metrics,
            changes: HashMap::new(),
            now,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn into_changes(self) -> impl Iterator<Item = Change> {
        let changes = self.changes.into_iter();
        changes.map(|((space, key), value)| Change { space, key, value })
    }

    fn get(&self, space: Space, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(value) = self.changes.get(&(space, key.to_vec())) {
            return Ok(value.clone());
        }
        let read = self.engine.get(space, key);
        read.map_err(|error| unavailable(&error))
    }

    pub(super) fn put(&mut self, space: Space, key: &[u8], value: Vec<u8>) {
        self.changes.insert((space, key.to_vec()), Some(value));
    }

    pub(super) fn remove(&mut self, space: Space, key: &[u8]) {
        self.changes.insert((space, key.to_vec()), None);
    }

    /// Puts a record in place of whatever a session has left, its noted activity included.
    pub(super) fn replace(&mut self, key: &Key, record: Vec<u8>) -> Result<(), StoreError> {
        self.put(Space::Sessions, key, record);
        if self.get(Space::Seen, key)?.is_some() {
            self.remove(Space::Seen, key);
        }
        Ok(())
    }

    /// The record under a session's id; one of a newer version is no answer but a failure.
    pub(super) fn standing(&mut self, key: &Key) -> Result<Option<Standing>, StoreError> {
        let Some(bytes) = self.get(Space::Sessions, key)? else {
            return Ok(None);
        };
        let head = match codec::read_head(&bytes) {
            Ok(head) => head,
            Err(CodecError::Damaged(why)) => {
                self.set_aside(Space::Sessions, key, bytes, why);
                return Ok(None);
            }
            Err(CodecError::Newer(_)) => return Err(StoreError::Newer),
        };
        let seen = self.seen(key)?.map_or(head.at, |seen| seen.max(head.at));
        Ok((self.now <= seen.plus(head.keep)).then_some(Standing { bytes, head, seen }))
    }

    fn seen(&mut self, key: &Key) -> Result<Option<Millis>, StoreError> {
        let Some(bytes) = self.get(Space::Seen, key)? else {
            return Ok(None);
        };
        match codec::read_seen(&bytes) {
            Ok(seen) => Ok(Some(seen)),
            Err(CodecError::Damaged(why)) => {
                self.set_aside(Space::Seen, key, bytes, why);
                Ok(None)
            }
            Err(CodecError::Newer(_)) => Err(StoreError::Newer),
        }
    }

    /// Notes activity, unless it is known to be later.
    pub(super) fn note_seen(&mut self, key: &Key, at: Millis) -> Result<(), StoreError> {
        let standing = self.standing(key)?;
        if standing.is_some_and(|standing| standing.head.live && standing.seen < at) {
            self.put(Space::Seen, key, codec::write_seen(at));
        }
        Ok(())
    }

    /// The login of a token that has not ended by itself.
    pub(super) fn login(&mut self, key: &Key) -> Result<Option<Login>, StoreError> {
        let Some(bytes) = self.get(Space::Logins, key)? else {
            return Ok(None);
        };
        match codec::read_login(&bytes) {
            Ok(login) => Ok((self.now < login.expires).then_some(login)),
            Err(CodecError::Damaged(why)) => {
                self.set_aside(Space::Logins, key, bytes, why);
                Ok(None)
            }
            Err(CodecError::Newer(_)) => Err(StoreError::Newer),
        }
    }

    /// Keeps damaged bytes where nobody stumbles over them, and says so.
    pub(super) fn set_aside(&mut self, space: Space, key: &Key, bytes: Vec<u8>, why: &'static str) {
        let place = [space.name().as_bytes(), b"/", key].concat();
        self.changes.insert((Space::SetAside, place), Some(bytes));
        self.remove(space, key);
        self.metrics.set_aside(1);
        tracing::error!(
            records = space.name(),
            why,
            "A damaged record was set aside."
        );
    }

    /// A look at an entry of a person: it goes with the session.
    pub(super) fn sweep_person(&mut self, entry: &[u8]) -> Result<Swept, StoreError> {
        let id = entry.get(size_of::<Key>()..).map(Key::try_from);
        let Some(Ok(id)) = id else {
            return Ok(Swept::Newer);
        };
        let live = |standing: Standing| standing.head.live;
        if self.standing(&id)?.is_some_and(live) {
            return Ok(Swept::Stands);
        }
        self.remove(Space::Persons, entry);
        Ok(Swept::Removed)
    }

    /// What a look at one record finds: removes what has outlived itself, sets damage aside.
    pub(super) fn sweep(
        &mut self,
        space: Space,
        key: &Key,
        bytes: Vec<u8>,
    ) -> Result<Swept, StoreError> {
        // A write of this very batch was here: what was read of the files is no longer so.
        if self.changes.contains_key(&(space, key.to_vec())) {
            return Ok(Swept::Stands);
        }
        let gone = match space {
            Space::Sessions => codec::read_head(&bytes).map(|_| ()),
            _ => codec::read_login(&bytes).map(|_| ()),
        };
        match gone {
            Ok(()) => {}
            Err(CodecError::Newer(_)) => return Ok(Swept::Newer),
            Err(CodecError::Damaged(why)) => {
                self.set_aside(space, key, bytes, why);
                return Ok(Swept::Removed);
            }
        }
        let stands = match space {
            Space::Sessions => self.standing(key)?.is_some(),
            _ => self.login(key)?.is_some(),
        };
        if stands {
            return Ok(Swept::Stands);
        }
        self.remove(space, key);
        if space == Space::Sessions && self.get(Space::Seen, key)?.is_some() {
            self.remove(Space::Seen, key);
        }
        self.metrics.reclaimed();
        Ok(Swept::Removed)
    }
}

/// What a look at one record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swept {
    /// It is still to be kept.
    Stands,
    /// It was not, or was set aside.
    Removed,
    /// A later Vestibule wrote it: it is nobody's business here.
    Newer,
}
