//! What instances tell each other: which session or login one of them has changed.

use crate::domain::session::SessionId;
use crate::domain::token::TokenHash;
use crate::ports::Changed;
use crate::store::record::Ending;

/// The message of a changed session.
pub(super) fn session(instance: &str, id: SessionId) -> String {
    format!("{instance} s {:032x}", id.as_u128())
}

/// The message of a login that ended.
pub(super) fn login(instance: &str, token: TokenHash, reason: Ending) -> String {
    format!("{instance} l {:032x} {}", token.as_u128(), reason.code())
}

/// Reads a message of somebody else; none where it is our own. What a later Vestibule may tell is
/// not known here, so it may be anything.
pub(super) fn read(instance: &str, message: &[u8]) -> Option<Changed> {
    let message = std::str::from_utf8(message).unwrap_or_default();
    let mut words = message.split(' ');
    if words.next() == Some(instance) {
        return None;
    }
    let kind = words.next();
    let bits = words
        .next()
        .and_then(|hex| u128::from_str_radix(hex, 16).ok());
    let changed = match (kind, bits) {
        (Some("s"), Some(bits)) => Some(Changed::Session(SessionId::from_u128(bits))),
        (Some("l"), Some(bits)) => {
            let code = words.next().and_then(|code| code.parse().ok());
            let reason = code.and_then(Ending::of_code);
            reason.map(|reason| Changed::Login(TokenHash::from_u128(bits), reason))
        }
        _ => None,
    };
    Some(changed.unwrap_or(Changed::Everything))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard_by_others_and_not_by_oneself() {
        let (id, token) = (SessionId::from_random(7), TokenHash::from_u128(8));
        let about = session("one", id);
        assert_eq!(read("two", about.as_bytes()), Some(Changed::Session(id)));
        assert_eq!(read("one", about.as_bytes()), None);
        let about = login("one", token, Ending::Logout);
        let heard = read("two", about.as_bytes());
        assert_eq!(heard, Some(Changed::Login(token, Ending::Logout)));
    }

    #[test]
    fn what_is_not_understood_may_be_anything() {
        for message in ["", "one", "one x 7", "one s zz", "one l 7 99", "one l 7"] {
            let heard = read("two", message.as_bytes());
            assert_eq!(heard, Some(Changed::Everything), "{message}");
        }
    }
}
