//! Activity that is to be noted: one note a session, until the server has it.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::session::SessionId;
use crate::domain::time::Millis;
use crate::ports::Touched;

/// Sessions whose activity may wait: as many as are active in a long outage of a large shop. What
/// comes past it is not noted, and told again at the session's next interval.
const MOST: usize = 1 << 20;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Touches(Mutex<HashMap<SessionId, Touched>>);

impl Touches {
    pub(super) fn add(&self, touched: Touched) {
        let mut waiting = self.0.lock();
        let room = waiting.len() < MOST;
        match waiting.get_mut(&touched.session) {
            Some(earlier) if earlier.at < touched.at => *earlier = touched,
            None if room => drop(waiting.insert(touched.session, touched)),
            _ => {}
        }
    }

    /// The activity of a session that the server has not heard of yet.
    pub(super) fn of(&self, session: SessionId) -> Option<Millis> {
        let waiting = self.0.lock();
        waiting.get(&session).map(|touched| touched.at)
    }

    /// Everything that waits; it goes on waiting until it is said to be noted.
    pub(super) fn waiting(&self) -> Vec<Touched> {
        self.0.lock().values().cloned().collect()
    }

    /// The server has it.
    pub(super) fn noted(&self, touched: &Touched) {
        let mut waiting = self.0.lock();
        if waiting
            .get(&touched.session)
            .is_some_and(|now| now.at <= touched.at)
        {
            waiting.remove(&touched.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::LoginHashes;

    fn touched(session: u128, at: i64) -> Touched {
        Touched {
            session: SessionId::from_random(session),
            logins: LoginHashes::default(),
            at: Millis::from_secs(at),
        }
    }

    #[test]
    fn a_session_waits_once_with_its_latest_activity() {
        let touches = Touches::default();
        for at in [5, 9, 7] {
            touches.add(touched(1, at));
        }
        touches.add(touched(2, 1));
        assert_eq!(touches.waiting().len(), 2);
        let session = SessionId::from_random(1);
        assert_eq!(touches.of(session), Some(Millis::from_secs(9)));
    }

    #[test]
    fn activity_that_came_while_an_older_one_was_noted_goes_on_waiting() {
        let touches = Touches::default();
        touches.add(touched(1, 5));
        let sent = touches.waiting();
        touches.add(touched(1, 6));
        touches.noted(&sent[0]);
        assert_eq!(touches.waiting().len(), 1);
        touches.noted(&touched(1, 6));
        assert!(touches.waiting().is_empty());
    }
}
