//! Records as they are on disk, judged by the clock: what has outlived itself is not there.

use std::time::Duration;

use super::engine::{Engine, Space};
use super::pending::Key;
use crate::domain::time::Millis;
use crate::ports::{Kept, StoreError};
use crate::store::codec::{self, CodecError};
use crate::store::record::Login;
use crate::store::unavailable;

/// What was read of a record.
pub(super) enum Read<T> {
    Nothing,
    Damaged,
    Found(T),
}

fn found<T>(result: Result<T, CodecError>) -> Result<Read<T>, StoreError> {
    match result {
        Ok(found) => Ok(Read::Found(found)),
        Err(CodecError::Damaged(_)) => Ok(Read::Damaged),
        Err(CodecError::Newer(_)) => Err(StoreError::Newer),
    }
}

pub(super) fn read_kept(
    engine: &Engine,
    key: &Key,
    now: Millis,
) -> Result<Read<(Kept, Duration)>, StoreError> {
    let get = |space| engine.get(space, key).map_err(|error| unavailable(&error));
    let Some(bytes) = get(Space::Sessions)? else {
        return Ok(Read::Nothing);
    };
    let mut record = match found(codec::read_record(&bytes))? {
        Read::Found(record) => record,
        Read::Damaged => return Ok(Read::Damaged),
        Read::Nothing => return Ok(Read::Nothing),
    };
    if let Some(seen) = get(Space::Seen)? {
        match found(codec::read_seen(&seen))? {
            Read::Found(seen) => record.at = record.at.max(seen),
            _ => return Ok(Read::Damaged),
        }
    }
    if now > record.at.plus(record.keep) {
        return Ok(Read::Nothing);
    }
    if let Kept::Live(session) = &mut record.kept {
        session.last_seen = record.at;
    }
    Ok(Read::Found((record.kept, record.keep)))
}

pub(super) fn read_login(
    engine: &Engine,
    key: &Key,
    now: Millis,
) -> Result<Read<Login>, StoreError> {
    let bytes = engine
        .get(Space::Logins, key)
        .map_err(|error| unavailable(&error))?;
    let Some(bytes) = bytes else {
        return Ok(Read::Nothing);
    };
    Ok(match found(codec::read_login(&bytes))? {
        Read::Found(login) if now >= login.expires => Read::Nothing,
        read => read,
    })
}
