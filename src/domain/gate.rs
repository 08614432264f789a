//! Whether a source may be called now: its breaker, and what it said itself about when to come back.
//!
//! A state machine: time and chance are handed in.

use std::time::Duration;

use super::breaker::{Admission, Breaker, BreakerSettings, BreakerState};
use super::time::Millis;

/// The longest that a source is left alone because it asked for that: an answer that names a year
/// must not cost one.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Why no call may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It failed again and again. Zero while one call tries.
    Breaker(Duration),
    /// It asked not to be called for so long.
    Asked(Duration),
}

/// What a call showed of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showed {
    /// It is there.
    Good,
    /// It is in trouble.
    Trouble,
    /// It asks to be left alone for so long. That is no failure: it answers.
    Wait(Duration),
}

/// The gate before one source.
#[derive(Clone, Debug)]
pub struct Gate {
    breaker: Breaker,
    until: Millis,
}

impl Gate {
    /// An open gate.
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            breaker: Breaker::new(settings),
            until: Millis::default(),
        }
    }

    /// Asks for permission to make a call.
    pub fn admit(&mut self, now: Millis) -> Result<Admission, Closed> {
        if now < self.until {
            return Err(Closed::Asked(self.until.since(now)));
        }
        self.breaker
            .admit(now)
            .map_err(|refused| Closed::Breaker(refused.wait))
    }

    /// A permitted call is over. `chance` is any random number.
    pub fn ended(&mut self, admission: Admission, showed: Showed, now: Millis, chance: u32) {
        if let Showed::Wait(wait) = showed {
            self.until = self.until.max(now.plus(wait.min(LONGEST_WAIT)));
        }
        let good = showed != Showed::Trouble;
        self.breaker.ended(admission, good, now, chance);
    }

    /// What the breaker lets through.
    pub const fn state(&self) -> BreakerState {
        self.breaker.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(at: i64) -> Millis {
        Millis::from_secs(at)
    }

    fn gate() -> Gate {
        Gate::new(BreakerSettings {
            failures: 2,
            cool_down: Duration::from_secs(10),
        })
    }

    #[test]
    fn a_source_that_asks_for_time_gets_it_and_is_called_again_afterwards() {
        let mut gate = gate();
        let admission = gate.admit(second(0)).unwrap();
        let wait = Duration::from_secs(7);
        gate.ended(admission, Showed::Wait(wait), second(1), 0);
        for at in [1, 7] {
            assert!(
                matches!(gate.admit(second(at)), Err(Closed::Asked(_))),
                "{at}"
            );
        }
        assert!(gate.admit(second(8)).is_ok());
        assert_eq!(gate.state(), BreakerState::Closed);
    }

    #[test]
    fn a_source_that_asks_for_a_year_gets_five_minutes() {
        let mut gate = gate();
        let admission = gate.admit(second(0)).unwrap();
        let year = Duration::from_hours(365 * 24);
        gate.ended(admission, Showed::Wait(year), second(0), 0);
        assert_eq!(
            gate.admit(second(0)),
            Err(Closed::Asked(Duration::from_mins(5)))
        );
        assert!(gate.admit(second(300)).is_ok());
    }

    #[test]
    fn trouble_in_a_row_closes_it_and_one_call_tries_afterwards() {
        let mut gate = gate();
        for _ in 0..2 {
            let admission = gate.admit(second(0)).unwrap();
            gate.ended(admission, Showed::Trouble, second(0), 0);
        }
        let wait = Duration::from_secs(10);
        assert_eq!(gate.admit(second(0)), Err(Closed::Breaker(wait)));
        let trying = gate.admit(second(10)).unwrap();
        assert_eq!(gate.admit(second(10)), Err(Closed::Breaker(Duration::ZERO)));
        gate.ended(trying, Showed::Good, second(11), 0);
        assert!(gate.admit(second(11)).is_ok());
    }
}
