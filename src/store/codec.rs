//! Records as they lie on disk: a version, a checksum, a fixed head, and what follows of it.
//!
//! Whole numbers are little-endian. Texts carry their length before them. Values are JSON, since that is
//! what they are. A record of a version that is not known here is never taken for anything else.

use std::sync::Arc;
use std::time::Duration;

use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;
use thiserror::Error;

use super::record::{Ended, Ending, Login, Marker};
use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::Kept;

pub(super) mod asked;
mod bytes;
mod session;
#[cfg(test)]
mod tests;

use bytes::{Reader, Writer};

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u8 = 1;
/// Version and checksum.
const FRAME: usize = 5;

const LIVE: u8 = 1;
const MOVED: u8 = 2;
const ENDED: u8 = 3;
const LOGIN: u8 = 4;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum CodecError {
    /// A later Vestibule wrote them.
    #[error("a record of version {0}, which a later Vestibule wrote")]
    Newer(u8),
    /// They are not what was written.
    #[error("a damaged record: {0}")]
    Damaged(&'static str),
}

/// What every record under a session's id begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it is a live session.
    pub live: bool,
    /// How long it is kept after its last use.
    pub keep: Duration,
    /// Its last use; for what is not live, the moment at which it was written.
    pub at: Millis,
    /// The session's version; zero for a marker.
    pub version: u64,
    /// When the session's cookie was issued.
    pub issued_at: Millis,
    /// Hash of the session's cookie.
    pub token: Option<TokenHash>,
}

/// A record under a session's id.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// What is kept.
    pub kept: Kept,
    /// How long after its last use.
    pub keep: Duration,
    /// Its last use, or the moment at which it was written.
    pub at: Millis,
}

/// Writes a record. `at` counts for markers and tombstones; a session has its own.
pub(super) fn write_record(kept: &Kept, keep: Duration, at: Millis) -> Vec<u8> {
    let mut writer = Writer::framed();
    match kept {
        Kept::Live(session) => {
            writer.head(LIVE, keep, session.last_seen);
            session::write(&mut writer, session);
        }
        Kept::Moved(marker) => {
            writer.head(MOVED, keep, at);
            write_marker(&mut writer, marker);
        }
        Kept::Ended(ended) => {
            writer.head(ENDED, keep, at);
            session::write(&mut writer, &ended.session);
            writer.u8(ended.reason.code());
            writer.u8(u8::from(ended.successor.is_some()));
            if let Some(marker) = &ended.successor {
                write_marker(&mut writer, marker);
            }
        }
    }
    seal(writer)
}

/// Reads a record.
pub(super) fn read_record(bytes: &[u8]) -> Result<Record, CodecError> {
    let mut reader = open(bytes)?;
    let kind = reader.u8()?;
    let keep = Duration::from_millis(reader.u64()?);
    let at = reader.millis()?;
    let kept = match kind {
        LIVE => Kept::Live(session::read(&mut reader)?),
        MOVED => Kept::Moved(read_marker(&mut reader)?),
        ENDED => {
            let session = Arc::new(session::read(&mut reader)?);
            let reason = reader.u8()?;
            let reason = Ending::of_code(reason).ok_or(CodecError::Damaged("no such ending"))?;
            let successor = match reader.u8()? {
                0 => None,
                1 => Some(read_marker(&mut reader)?),
                _ => return Err(CodecError::Damaged("neither yes nor no")),
            };
            Kept::Ended(Ended {
                session,
                reason,
                successor,
            })
        }
        _ => return Err(CodecError::Damaged("no such kind")),
    };
    reader.end()?;
    Ok(Record { kept, keep, at })
}

/// Reads what a record begins with; the rest is looked at by its checksum alone.
pub(super) fn read_head(bytes: &[u8]) -> Result<Head, CodecError> {
    let mut reader = open(bytes)?;
    let kind = reader.u8()?;
    let keep = Duration::from_millis(reader.u64()?);
    let at = reader.millis()?;
    let (version, issued_at, token) = match kind {
        LIVE | ENDED => session::read_head(&mut reader)?,
        MOVED => (0, Millis::default(), None),
        _ => return Err(CodecError::Damaged("no such kind")),
    };
    Ok(Head {
        live: kind == LIVE,
        keep,
        at,
        version,
        issued_at,
        token,
    })
}

/// The record of a live session with another cookie noted, its fields untouched.
pub(super) fn with_issue(
    record: &[u8],
    token: TokenHash,
    issued_at: Millis,
) -> Result<Vec<u8>, CodecError> {
    let mut reader = open(record)?;
    let (kind, keep, at) = (reader.u8()?, reader.u64()?, reader.millis()?);
    let mut writer = Writer::framed();
    writer.head(kind, Duration::from_millis(keep), at);
    session::copy_with_issue(&mut reader, &mut writer, token, issued_at)?;
    writer.raw(reader.rest());
    Ok(seal(writer))
}

/// Writes a login.
pub(super) fn write_login(login: &Login) -> Vec<u8> {
    let mut writer = Writer::framed();
    writer.u8(LOGIN);
    for at in [login.created_at, login.expires, login.last_seen()] {
        writer.millis(at);
    }
    writer.u8(login.ended().map_or(0, Ending::code));
    seal(writer)
}

/// Reads a login.
pub(super) fn read_login(bytes: &[u8]) -> Result<Login, CodecError> {
    let mut reader = open(bytes)?;
    if reader.u8()? != LOGIN {
        return Err(CodecError::Damaged("no login"));
    }
    let times = [reader.millis()?, reader.millis()?, reader.millis()?];
    let ended = match reader.u8()? {
        0 => None,
        code => Some(Ending::of_code(code).ok_or(CodecError::Damaged("no such ending"))?),
    };
    reader.end()?;
    Ok(Login::read_back(times, ended))
}

/// Writes a moment of activity.
pub(super) fn write_seen(at: Millis) -> Vec<u8> {
    let mut writer = Writer::framed();
    writer.millis(at);
    seal(writer)
}

/// Reads a moment of activity.
pub(super) fn read_seen(bytes: &[u8]) -> Result<Millis, CodecError> {
    let mut reader = open(bytes)?;
    let at = reader.millis()?;
    reader.end()?;
    Ok(at)
}

fn write_marker(writer: &mut Writer, marker: &Marker) {
    writer.text(&marker.account);
    writer.u128(marker.to.as_u128());
    writer.millis(marker.until);
}

fn read_marker(reader: &mut Reader<'_>) -> Result<Marker, CodecError> {
    Ok(Marker {
        account: reader.text()?.into(),
        to: SessionId::from_u128(reader.u128()?),
        until: reader.millis()?,
    })
}

fn checksum(content: &[u8]) -> u32 {
    // Against decay, not against people: who may write the file may write the checksum too.
    let mut hasher = SipHasher13::new();
    hasher.write(content);
    let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn seal(writer: Writer) -> Vec<u8> {
    let mut bytes = writer.into_bytes();
    let sum = checksum(bytes.get(FRAME..).unwrap_or_default());
    let frame = std::iter::once(VERSION).chain(sum.to_le_bytes());
    bytes
        .iter_mut()
        .zip(frame)
        .for_each(|(byte, with)| *byte = with);
    bytes
}

fn open(bytes: &[u8]) -> Result<Reader<'_>, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.u8()? {
        0 => return Err(CodecError::Damaged("no version")),
        VERSION => {}
        newer => return Err(CodecError::Newer(newer)),
    }
    let said = reader.u32()?;
    if said != checksum(reader.rest()) {
        return Err(CodecError::Damaged("its checksum differs"));
    }
    Ok(reader)
}
