//! A look at which session a token names, before its signature is checked: where in the cache to
//! look, never proof of anything.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memchr;

use super::MAX_TOKEN_BYTES;
use crate::domain::session::SessionId;

/// `{"id":"` + GUID + `",`: 45 bytes, which base64 writes as exactly 60 characters.
const START_CHARS: usize = 60;
const START_BYTES: usize = 45;
const BEFORE_ID: &[u8] = br#"{"id":""#;
const AFTER_ID: &[u8] = br#"","#;
/// How a payload ends whose session has a login: 13 bytes, within the last 20 characters.
const HINT: &[u8] = br#","auth":true}"#;
const HINT_CHARS: usize = 20;

/// The session that a token names, and the hint whether it has a login.
///
/// No signature check, no allocation, no JSON. None where the shape is not ours.
pub fn peek_id(token: &str) -> Option<(SessionId, bool)> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let token = token.as_bytes();
    let payload = token.get(memchr(b'.', token)? + 1..)?;
    let payload = payload.get(..memchr(b'.', payload)?)?;
    let mut start = [0; START_BYTES];
    URL_SAFE_NO_PAD
        .decode_slice(payload.get(..START_CHARS)?, &mut start)
        .ok()?;
    let id = start.strip_prefix(BEFORE_ID)?.strip_suffix(AFTER_ID)?;
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some((id, hints_login(payload)))
}

fn hints_login(payload: &[u8]) -> bool {
    // Whole groups of four characters, so that the end decodes on its own.
    let from = payload.len().saturating_sub(HINT_CHARS) / 4 * 4;
    let mut end = [0; 18];
    payload
        .get(from..)
        .and_then(|tail| URL_SAFE_NO_PAD.decode_slice(tail, &mut end).ok())
        .and_then(|length| end.get(..length))
        .is_some_and(|end| end.ends_with(HINT))
}
