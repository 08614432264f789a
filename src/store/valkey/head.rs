//! What stands before a record on the server: the few things that scripts compare and move, as
//! text of fixed width, so that no script has to understand the record itself.
//!
//! A session's: layout, kind, last use, keep, version, cookie's issue, cookie. A login's: layout,
//! how it ended, last use. The scripts beside this file know the same places by number.

use std::time::Duration;

use crate::domain::session::Session;
use crate::domain::time::{Millis, span_millis};
use crate::domain::token::TokenHash;
use crate::ports::Kept;
use crate::store::codec::{self, CodecError, Record};
use crate::store::record::{Ending, Login};

/// The layout that is written, and the newest that is read.
const LAYOUT: u8 = b'1';
/// Bytes before a record under a session's id.
pub(super) const SESSION_HEAD: usize = 99;
/// Bytes before a login's record.
const LOGIN_HEAD: usize = 17;

const NO_TOKEN: &str = "--------------------------------";

const DAMAGED: CodecError = CodecError::Damaged("what stands before the record is no head");

/// A moment as scripts read it. What lies before 1970 counts as 1970.
pub(super) fn moment(at: Millis) -> String {
    number(at.as_millis().max(0).unsigned_abs())
}

/// A span in milliseconds, as scripts read it.
pub(super) fn span(span: Duration) -> String {
    number(span_millis(span).unsigned_abs())
}

/// Fifteen digits: a script's numbers are exact up to there.
fn number(number: u64) -> String {
    const MOST: u64 = 999_999_999_999_999;
    format!("{:015}", number.min(MOST))
}

/// A session's version, as scripts compare it.
pub(super) fn version(version: u64) -> String {
    format!("{version:020}")
}

/// A cookie's hash, or none.
pub(super) fn token(token: Option<TokenHash>) -> String {
    token.map_or_else(
        || NO_TOKEN.to_owned(),
        |token| format!("{:032x}", token.as_u128()),
    )
}

/// A record as it is kept under a session's id.
pub(super) fn write(kept: &Kept, keep: Duration, now: Millis) -> Vec<u8> {
    let (kind, at, session) = match kept {
        Kept::Live(session) => ('L', session.last_seen, Some(session)),
        Kept::Moved(_) => ('M', now, None),
        Kept::Ended(ended) => ('E', now, Some(&*ended.session)),
    };
    let issued_at = session.map_or(Millis::default(), |session| session.issued_at);
    let head = format!(
        "{}{kind}{}{}{}{}{}",
        char::from(LAYOUT),
        moment(at),
        span(keep),
        version(session.map_or(0, |session| session.version)),
        moment(issued_at),
        token(session.and_then(|session| session.token)),
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&codec::write_record(kept, keep, now));
    bytes
}

/// What a script may have moved since a record was written.
pub(super) struct Moving {
    pub(super) at: Millis,
    pub(super) issued_at: Millis,
    pub(super) token: Option<TokenHash>,
}

impl Moving {
    /// Reads it from a head, or from what begins with one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        let head = text(bytes, 0, SESSION_HEAD)?;
        let part = |from: usize, to: usize| head.get(from..to).ok_or(DAMAGED);
        let token = match part(67, 99)? {
            NO_TOKEN => None,
            hex => {
                let bits = u128::from_str_radix(hex, 16).map_err(|_| DAMAGED)?;
                Some(TokenHash::from_u128(bits))
            }
        };
        Ok(Self {
            at: read_moment(part(2, 17)?)?,
            issued_at: read_moment(part(52, 67)?)?,
            token,
        })
    }

    /// The session as it is kept now.
    pub(super) fn applied_to(self, session: Session) -> Session {
        Session {
            last_seen: self.at,
            issued_at: self.issued_at,
            token: self.token,
            ..session
        }
    }
}

/// Reads what is kept under a session's id.
pub(super) fn read(bytes: &[u8]) -> Result<Record, CodecError> {
    known_layout(bytes)?;
    let record = codec::read_record(bytes.get(SESSION_HEAD..).ok_or(DAMAGED)?)?;
    let moving = Moving::read(bytes)?;
    let at = moving.at;
    let kept = match record.kept {
        Kept::Live(session) => Kept::Live(moving.applied_to(session)),
        other => other,
    };
    Ok(Record { kept, at, ..record })
}

/// A login as it is kept.
pub(super) fn write_login(login: &Login) -> Vec<u8> {
    let ended = login.ended().map_or(0, Ending::code);
    let head = format!("{}{ended}{}", char::from(LAYOUT), moment(login.last_seen()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&codec::write_login(login));
    bytes
}

/// Reads a login as it is kept.
pub(super) fn read_login(bytes: &[u8]) -> Result<Login, CodecError> {
    known_layout(bytes)?;
    let login = codec::read_login(bytes.get(LOGIN_HEAD..).ok_or(DAMAGED)?)?;
    let head = text(bytes, 1, LOGIN_HEAD)?;
    let (ended, seen) = head.split_at_checked(1).ok_or(DAMAGED)?;
    let ended: u8 = ended.parse().map_err(|_| DAMAGED)?;
    let times = [login.created_at, login.expires, read_moment(seen)?];
    match ended {
        0 => Ok(Login::read_back(times, None)),
        code => Ending::of_code(code)
            .map(|ending| Login::read_back(times, Some(ending)))
            .ok_or(DAMAGED),
    }
}

fn known_layout(bytes: &[u8]) -> Result<(), CodecError> {
    match bytes.first() {
        Some(&LAYOUT) => Ok(()),
        Some(&newer) if newer > LAYOUT => Err(CodecError::Newer(newer)),
        _ => Err(DAMAGED),
    }
}

fn text(bytes: &[u8], from: usize, to: usize) -> Result<&str, CodecError> {
    let head = bytes.get(from..to).ok_or(DAMAGED)?;
    std::str::from_utf8(head).map_err(|_| DAMAGED)
}

fn read_moment(digits: &str) -> Result<Millis, CodecError> {
    digits.parse().map(Millis::from_millis).map_err(|_| DAMAGED)
}
