//! Which of several valid session cookies of one request counts.

use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// The choice among the valid cookies under the session cookie's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// None was valid.
    None,
    /// The one at this place counts.
    Use(usize),
    /// Several sessions, and no telling which is the shopper's own: none counts, and the cookie is
    /// deleted on every domain where a sibling could have set it.
    Conflict,
}

/// Chooses by session id and issue time, whatever the order; `host_bound` when the cookie's name
/// keeps it to one host.
///
/// Without that, "newest wins" would let a sibling subdomain log a shopper in as somebody else.
pub fn choose_presented(
    valid: impl IntoIterator<Item = (SessionId, Millis)>,
    host_bound: bool,
) -> Choice {
    let mut best: Option<(usize, SessionId, Millis)> = None;
    for (at, (id, iat)) in valid.into_iter().enumerate() {
        let Some((_, best_id, best_iat)) = best else {
            best = Some((at, id, iat));
            continue;
        };
        if id != best_id && !host_bound {
            return Choice::Conflict;
        }
        // The id breaks a tie, so that the order of the cookies never does.
        if (iat, id) > (best_iat, best_id) {
            best = Some((at, id, iat));
        }
    }
    best.map_or(Choice::None, |(at, _, _)| Choice::Use(at))
}
