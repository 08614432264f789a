//! Questions to a store that another process has, and its answers, as bytes. Sessions and logins in
//! them are records as they lie on disk.

use std::time::Duration;

use super::bytes::{Reader, Writer};
use super::{CodecError, open, read_login, read_record, seal, write_login, write_record};
use crate::domain::session::{LoginHashes, Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;
use crate::ports::{Changed, Kept, StoreError, Touched};
use crate::store::persons::PersonKey;
use crate::store::record::{Ended, Ending, Login, Marker};

/// A question: an operation of a far store with what it needs.
#[derive(Debug)]
pub(in crate::store) enum Asked {
    Load(SessionId),
    Create(Session, Duration),
    Save(Session, u64, Duration),
    Issue(SessionId, TokenHash, Millis),
    Rotate(SessionId, Marker, Duration),
    End(SessionId, Ended, Duration),
    Login(TokenHash),
    OpenLogin(TokenHash, Login),
    CloseLogin(TokenHash, Ending),
    OfPerson(PersonKey),
}

/// What is answered.
#[derive(Debug)]
pub(in crate::store) enum Answered {
    /// It is done; there is nothing to say.
    Done,
    /// Whether it came about.
    Whether(bool),
    /// What is kept, and how long.
    Kept(Option<(Kept, Duration)>),
    Login(Option<Login>),
    Sessions(Vec<SessionId>),
    Failed(StoreError),
}

const LOAD: u8 = 1;
const CREATE: u8 = 2;
const SAVE: u8 = 3;
const ISSUE: u8 = 4;
const ROTATE: u8 = 5;
const END: u8 = 6;
const ASK_LOGIN: u8 = 7;
const OPEN_LOGIN: u8 = 8;
const CLOSE_LOGIN: u8 = 9;
const OF_PERSON: u8 = 10;

/// Writes a question.
pub(in crate::store) fn write_asked(asked: &Asked) -> Vec<u8> {
    let mut writer = Writer::framed();
    let now = Millis::default();
    match asked {
        Asked::Load(id) => {
            writer.u8(LOAD);
            writer.u128(id.as_u128());
        }
        Asked::Create(session, keep) => {
            writer.u8(CREATE);
            writer.bytes(&write_record(&Kept::Live(session.clone()), *keep, now));
        }
        Asked::Save(session, based_on, keep) => {
            writer.u8(SAVE);
            writer.u64(*based_on);
            writer.bytes(&write_record(&Kept::Live(session.clone()), *keep, now));
        }
        Asked::Issue(id, token, issued_at) => {
            writer.u8(ISSUE);
            writer.u128(id.as_u128());
            writer.u128(token.as_u128());
            writer.millis(*issued_at);
        }
        Asked::Rotate(from, marker, keep) => {
            writer.u8(ROTATE);
            writer.u128(from.as_u128());
            writer.bytes(&write_record(&Kept::Moved(marker.clone()), *keep, now));
        }
        Asked::End(id, ended, keep) => {
            writer.u8(END);
            writer.u128(id.as_u128());
            writer.bytes(&write_record(&Kept::Ended(ended.clone()), *keep, now));
        }
        Asked::Login(token) => {
            writer.u8(ASK_LOGIN);
            writer.u128(token.as_u128());
        }
        Asked::OpenLogin(token, login) => {
            writer.u8(OPEN_LOGIN);
            writer.u128(token.as_u128());
            writer.bytes(&write_login(login));
        }
        Asked::CloseLogin(token, reason) => {
            writer.u8(CLOSE_LOGIN);
            writer.u128(token.as_u128());
            writer.u8(reason.code());
        }
        Asked::OfPerson(person) => {
            writer.u8(OF_PERSON);
            writer.raw(person.as_bytes());
        }
    }
    seal(writer)
}

/// Reads a question.
pub(in crate::store) fn read_asked(bytes: &[u8]) -> Result<Asked, CodecError> {
    let mut reader = open(bytes)?;
    let kind = reader.u8()?;
    let asked = match kind {
        LOAD => read_id(&mut reader).map(Asked::Load),
        CREATE => read_session(&mut reader).map(|(session, keep)| Asked::Create(session, keep)),
        SAVE => read_save(&mut reader),
        ISSUE => read_issue(&mut reader),
        ROTATE => read_rotate(&mut reader),
        END => read_end(&mut reader),
        ASK_LOGIN => read_token(&mut reader).map(Asked::Login),
        OPEN_LOGIN => read_open_login(&mut reader),
        CLOSE_LOGIN => read_close_login(&mut reader),
        OF_PERSON => read_of_person(&mut reader),
        _ => Err(CodecError::Damaged("no such question")),
    };
    let asked = asked?;
    reader.end()?;
    Ok(asked)
}

fn read_save(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let based_on = reader.u64()?;
    let (session, keep) = read_session(reader)?;
    Ok(Asked::Save(session, based_on, keep))
}

fn read_issue(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let (id, token) = (read_id(reader)?, read_token(reader)?);
    Ok(Asked::Issue(id, token, reader.millis()?))
}

fn read_rotate(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let from = read_id(reader)?;
    let record = read_record(reader.bytes()?)?;
    match record.kept {
        Kept::Moved(marker) => Ok(Asked::Rotate(from, marker, record.keep)),
        _ => Err(CodecError::Damaged("no marker")),
    }
}

fn read_end(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let id = read_id(reader)?;
    let record = read_record(reader.bytes()?)?;
    match record.kept {
        Kept::Ended(ended) => Ok(Asked::End(id, ended, record.keep)),
        _ => Err(CodecError::Damaged("no end")),
    }
}

fn read_open_login(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let token = read_token(reader)?;
    Ok(Asked::OpenLogin(token, read_login(reader.bytes()?)?))
}

fn read_close_login(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let token = read_token(reader)?;
    Ok(Asked::CloseLogin(token, read_ending(reader)?))
}

fn read_of_person(reader: &mut Reader<'_>) -> Result<Asked, CodecError> {
    let bits = reader.u128()?.to_le_bytes();
    Ok(Asked::OfPerson(PersonKey::of_bytes(bits)))
}

const DONE: u8 = 1;
const WHETHER: u8 = 2;
const KEPT: u8 = 3;
const NOTHING_KEPT: u8 = 4;
const LOGIN: u8 = 5;
const NO_LOGIN: u8 = 6;
const SESSIONS: u8 = 7;
const EXISTS: u8 = 8;
const UNAVAILABLE: u8 = 9;
const NEWER: u8 = 10;
const ELSEWHERE: u8 = 11;

/// Writes an answer.
pub(in crate::store) fn write_answered(answered: &Answered) -> Vec<u8> {
    let mut writer = Writer::framed();
    match answered {
        Answered::Done => writer.u8(DONE),
        Answered::Whether(yes) => {
            writer.u8(WHETHER);
            writer.u8(u8::from(*yes));
        }
        Answered::Kept(None) => writer.u8(NOTHING_KEPT),
        Answered::Kept(Some((kept, keep))) => {
            writer.u8(KEPT);
            writer.bytes(&write_record(kept, *keep, Millis::default()));
        }
        Answered::Login(None) => writer.u8(NO_LOGIN),
        Answered::Login(Some(login)) => {
            writer.u8(LOGIN);
            writer.bytes(&write_login(login));
        }
        Answered::Sessions(sessions) => {
            writer.u8(SESSIONS);
            writer.count(sessions.len());
            for id in sessions {
                writer.u128(id.as_u128());
            }
        }
        Answered::Failed(StoreError::Exists) => writer.u8(EXISTS),
        Answered::Failed(StoreError::Newer) => writer.u8(NEWER),
        Answered::Failed(StoreError::Elsewhere) => writer.u8(ELSEWHERE),
        Answered::Failed(StoreError::Unavailable(why)) => {
            writer.u8(UNAVAILABLE);
            writer.text(why);
        }
    }
    seal(writer)
}

/// Reads an answer.
pub(in crate::store) fn read_answered(bytes: &[u8]) -> Result<Answered, CodecError> {
    let mut reader = open(bytes)?;
    let kind = reader.u8()?;
    let answered = match kind {
        DONE => Answered::Done,
        WHETHER => Answered::Whether(reader.u8()? == 1),
        NOTHING_KEPT => Answered::Kept(None),
        KEPT => {
            let record = read_record(reader.bytes()?)?;
            Answered::Kept(Some((record.kept, record.keep)))
        }
        NO_LOGIN => Answered::Login(None),
        LOGIN => Answered::Login(Some(read_login(reader.bytes()?)?)),
        SESSIONS => {
            let count = reader.count(16)?;
            let ids = (0..count).map(|_| read_id(&mut reader));
            Answered::Sessions(ids.collect::<Result<_, _>>()?)
        }
        EXISTS => Answered::Failed(StoreError::Exists),
        NEWER => Answered::Failed(StoreError::Newer),
        ELSEWHERE => Answered::Failed(StoreError::Elsewhere),
        UNAVAILABLE => Answered::Failed(StoreError::Unavailable(reader.text()?.to_owned())),
        _ => return Err(CodecError::Damaged("no such answer")),
    };
    reader.end()?;
    Ok(answered)
}

/// Writes noted activity.
pub(in crate::store) fn write_touched(touched: &Touched) -> Vec<u8> {
    let mut writer = Writer::framed();
    writer.u128(touched.session.as_u128());
    writer.millis(touched.at);
    writer.count(touched.logins.len());
    for token in touched.logins.iter() {
        writer.u128(token.as_u128());
    }
    seal(writer)
}

/// Reads noted activity.
pub(in crate::store) fn read_touched(bytes: &[u8]) -> Result<Touched, CodecError> {
    let mut reader = open(bytes)?;
    let session = read_id(&mut reader)?;
    let at = reader.millis()?;
    let count = reader.count(16)?;
    let logins = (0..count).map(|_| read_token(&mut reader));
    let logins: LoginHashes = logins.collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(Touched {
        session,
        logins,
        at,
    })
}

const CHANGED_SESSION: u8 = 1;
const CHANGED_LOGIN: u8 = 2;
const CHANGED_ANYTHING: u8 = 3;

/// Writes what was changed. Of whatever has no words of its own, it is said that anything may have.
pub(in crate::store) fn write_changed(changed: Changed) -> Vec<u8> {
    let mut writer = Writer::framed();
    match changed {
        Changed::Session(id) => {
            writer.u8(CHANGED_SESSION);
            writer.u128(id.as_u128());
        }
        Changed::Login(token, reason) => {
            writer.u8(CHANGED_LOGIN);
            writer.u128(token.as_u128());
            writer.u8(reason.code());
        }
        Changed::Everything | Changed::Unheard => writer.u8(CHANGED_ANYTHING),
    }
    seal(writer)
}

/// Reads what was changed.
pub(in crate::store) fn read_changed(bytes: &[u8]) -> Result<Changed, CodecError> {
    let mut reader = open(bytes)?;
    let kind = reader.u8()?;
    let changed = match kind {
        CHANGED_SESSION => Changed::Session(read_id(&mut reader)?),
        CHANGED_LOGIN => Changed::Login(read_token(&mut reader)?, read_ending(&mut reader)?),
        CHANGED_ANYTHING => Changed::Everything,
        _ => return Err(CodecError::Damaged("no such change")),
    };
    reader.end()?;
    Ok(changed)
}

fn read_id(reader: &mut Reader<'_>) -> Result<SessionId, CodecError> {
    reader.u128().map(SessionId::from_u128)
}

fn read_token(reader: &mut Reader<'_>) -> Result<TokenHash, CodecError> {
    reader.u128().map(TokenHash::from_u128)
}

fn read_ending(reader: &mut Reader<'_>) -> Result<Ending, CodecError> {
    Ending::of_code(reader.u8()?).ok_or(CodecError::Damaged("no such ending"))
}

fn read_session(reader: &mut Reader<'_>) -> Result<(Session, Duration), CodecError> {
    let record = read_record(reader.bytes()?)?;
    match record.kept {
        Kept::Live(session) => Ok((session, record.keep)),
        _ => Err(CodecError::Damaged("no live session")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::plans::SharedBody;
    use crate::domain::session::{Body, Upkeep};

    const KEEP: Duration = Duration::from_mins(30);
    const AT: Millis = Millis::from_secs(1_543_399_230);

    fn session() -> Session {
        Session {
            id: SessionId::from_random(7),
            body: Arc::new(SharedBody::new(&"demostore".into(), &Body::new())),
            version: 7,
            created_at: AT,
            issued_at: AT,
            last_seen: AT,
            token: Some(TokenHash::from_u128(0xfeed)),
            logins: [TokenHash::from_u128(1)].into(),
            upkeep: Upkeep::default(),
        }
    }

    fn marker() -> Marker {
        Marker {
            account: "demostore".into(),
            to: SessionId::from_random(9),
            until: AT,
        }
    }

    #[test]
    fn every_question_is_understood() {
        let (id, token) = (session().id, TokenHash::from_u128(3));
        let ended = Ended {
            session: Arc::new(session()),
            reason: Ending::Logout,
            successor: Some(marker()),
        };
        let all = [
            Asked::Load(id),
            Asked::Create(session(), KEEP),
            Asked::Save(session(), 6, KEEP),
            Asked::Issue(id, token, AT),
            Asked::Rotate(id, marker(), KEEP),
            Asked::End(id, ended, KEEP),
            Asked::Login(token),
            Asked::OpenLogin(token, Login::new(AT, AT.plus(KEEP))),
            Asked::CloseLogin(token, Ending::Revoked),
            Asked::OfPerson(PersonKey::of("demostore", "1")),
        ];
        for asked in all {
            let bytes = write_asked(&asked);
            let read = read_asked(&bytes).unwrap();
            assert_eq!(write_asked(&read), bytes, "{asked:?} is {read:?}");
            assert_eq!(
                std::mem::discriminant(&read),
                std::mem::discriminant(&asked)
            );
        }
    }

    #[test]
    fn every_answer_is_understood() {
        let all = [
            Answered::Done,
            Answered::Whether(true),
            Answered::Whether(false),
            Answered::Kept(None),
            Answered::Kept(Some((Kept::Live(session()), KEEP))),
            Answered::Kept(Some((Kept::Moved(marker()), KEEP))),
            Answered::Login(None),
            Answered::Login(Some(Login::new(AT, AT.plus(KEEP)))),
            Answered::Sessions(vec![session().id, SessionId::from_random(8)]),
            Answered::Failed(StoreError::Exists),
            Answered::Failed(StoreError::Newer),
            Answered::Failed(StoreError::Elsewhere),
            Answered::Failed(StoreError::Unavailable("full".to_owned())),
        ];
        for answered in all {
            let bytes = write_answered(&answered);
            let read = read_answered(&bytes).unwrap();
            assert_eq!(write_answered(&read), bytes, "{answered:?} is {read:?}");
        }
    }

    #[test]
    fn changes_and_activity_are_understood() {
        let (id, token) = (session().id, TokenHash::from_u128(3));
        for changed in [
            Changed::Session(id),
            Changed::Login(token, Ending::Idle),
            Changed::Everything,
        ] {
            assert_eq!(read_changed(&write_changed(changed)).unwrap(), changed);
        }
        let touched = Touched {
            session: id,
            logins: [token].into(),
            at: AT,
        };
        let read = read_touched(&write_touched(&touched)).unwrap();
        assert_eq!((read.session, read.at), (id, AT));
        assert_eq!(read.logins, touched.logins);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            kind in 0_u8..16,
        ) {
            let mut writer = Writer::framed();
            writer.u8(kind);
            writer.raw(&bytes);
            for bytes in [bytes, seal(writer)] {
                drop(read_asked(&bytes));
                drop(read_answered(&bytes));
                let _changed = read_changed(&bytes);
                drop(read_touched(&bytes));
            }
        }
    }
}
