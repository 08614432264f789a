//! A session's part of a record: a head of fixed size, then what varies.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::CodecError;
use super::bytes::{Reader, Writer};
use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, Packed, Session, SessionId, Slot, Upkeep};
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;

pub(super) fn write(writer: &mut Writer, session: &Session) {
    writer.u128(session.id.as_u128());
    writer.u64(session.version);
    writer.millis(session.created_at);
    writer.millis(session.issued_at);
    write_token(writer, session.token);
    writer.millis(session.last_seen);
    writer.text(session.account());
    writer.count(session.logins.len());
    for token in session.logins.iter() {
        writer.u128(token.as_u128());
    }
    writer.u64(session.upkeep.order());
    let marks = session.upkeep.marks();
    writer.count(marks.len());
    for (app, failures, due) in marks {
        writer.u16(app);
        writer.u16(failures);
        writer.millis(due);
    }
    write_body(writer, session.body.packed());
}

fn write_token(writer: &mut Writer, token: Option<TokenHash>) {
    writer.u8(u8::from(token.is_some()));
    writer.u128(token.map_or(0, TokenHash::as_u128));
}

fn write_body(writer: &mut Writer, body: &Packed) {
    writer.count(body.len());
    for field in body.iter() {
        writer.text(field.name);
        writer.text(&field.json());
        writer.text(field.beside());
    }
}

/// Version, issue time and cookie, in that order.
pub(super) type Issued = (u64, Millis, Option<TokenHash>);

pub(super) fn read_head(reader: &mut Reader<'_>) -> Result<Issued, CodecError> {
    let _id = reader.u128()?;
    let version = reader.u64()?;
    let _created = reader.millis()?;
    let issued_at = reader.millis()?;
    Ok((version, issued_at, read_token(reader)?))
}

fn read_token(reader: &mut Reader<'_>) -> Result<Option<TokenHash>, CodecError> {
    let is_there = reader.u8()?;
    let token = TokenHash::from_u128(reader.u128()?);
    match is_there {
        0 => Ok(None),
        1 => Ok(Some(token)),
        _ => Err(CodecError::Damaged("neither yes nor no")),
    }
}

/// Copies the head with another cookie noted. What follows it is as it was.
pub(super) fn copy_with_issue(
    reader: &mut Reader<'_>,
    writer: &mut Writer,
    token: TokenHash,
    issued_at: Millis,
) -> Result<(), CodecError> {
    writer.u128(reader.u128()?);
    writer.u64(reader.u64()?);
    writer.millis(reader.millis()?);
    reader.millis()?;
    read_token(reader)?;
    writer.millis(issued_at);
    write_token(writer, Some(token));
    Ok(())
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Session, CodecError> {
    let id = SessionId::from_u128(reader.u128()?);
    let version = reader.u64()?;
    let created_at = reader.millis()?;
    let issued_at = reader.millis()?;
    let token = read_token(reader)?;
    let last_seen = reader.millis()?;
    let account: Arc<str> = Arc::from(reader.text()?);
    let mut logins = Vec::with_capacity(reader.count(16)?);
    for _ in 0..logins.capacity() {
        logins.push(TokenHash::from_u128(reader.u128()?));
    }
    let order = reader.u64()?;
    let mut marks = Vec::with_capacity(reader.count(12)?);
    for _ in 0..marks.capacity() {
        marks.push((reader.u16()?, reader.u16()?, reader.millis()?));
    }
    Ok(Session {
        id,
        body: Arc::new(SharedBody::new(&account, &read_body(reader)?)),
        version,
        created_at,
        issued_at,
        last_seen,
        token,
        logins: logins.into(),
        upkeep: Upkeep::of_marks(order, marks),
    })
}

fn read_body(reader: &mut Reader<'_>) -> Result<Body, CodecError> {
    let mut body = Body::new();
    for _ in 0..reader.count(12)? {
        let field = reader.text()?.parse();
        let field = field.map_err(|_| CodecError::Damaged("a name is no field's"))?;
        let value: Value = parse(reader.text()?)?;
        let beside = match reader.text()? {
            "" => Map::new(),
            text => parse(text)?,
        };
        body.put(field, Slot::with_beside(value, beside));
    }
    Ok(body)
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, CodecError> {
    serde_json::from_str(text).map_err(|_| CodecError::Damaged("a value is no JSON"))
}
