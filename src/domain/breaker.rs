//! A circuit breaker: a service that fails again and again is left alone for a while, then tried by
//! one call before all others follow.
//!
//! A state machine: time and chance are handed in.

use std::time::Duration;

use super::time::Millis;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it. 0: it never opens.
    pub failures: u32,
    /// How long it stays open before one call may try again. Up to a quarter is added by chance,
    /// so that many instances do not try at the same moment.
    pub cool_down: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            cool_down: Duration::from_secs(10),
        }
    }
}

/// What a breaker lets through, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Every call.
    Closed,
    /// The one call that tries.
    HalfOpen,
    /// No call.
    Open,
}

impl BreakerState {
    /// A word of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// Permission for one call; its end is to be told by [`Breaker::ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The call's era: what became of calls of an earlier one tells nothing any more.
    era: u64,
}

/// No call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How long until one may try. Zero while one is trying.
    pub wait: Duration,
}

/// The breaker before one service.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
    /// Counts changes of phase.
    era: u64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { failed: u32 },
    Open { until: Millis },
    Trying,
}

impl Breaker {
    /// A closed breaker.
    pub const fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            phase: Phase::Closed { failed: 0 },
            era: 0,
        }
    }

    /// Asks for permission to make a call.
    pub fn admit(&mut self, now: Millis) -> Result<Admission, Refused> {
        match self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } if now < until => {
                let wait = until.since(now);
                return Err(Refused { wait });
            }
            Phase::Open { .. } => self.enter(Phase::Trying),
            Phase::Trying => {
                let wait = Duration::ZERO;
                return Err(Refused { wait });
            }
        }
        Ok(Admission { era: self.era })
    }

    /// A permitted call is over. `chance` is any random number.
    pub fn ended(&mut self, admission: Admission, good: bool, now: Millis, chance: u32) {
        if admission.era != self.era {
            return;
        }
        match self.phase {
            Phase::Closed { .. } if good => self.phase = Phase::Closed { failed: 0 },
            Phase::Closed { failed } => {
                let failed = failed.saturating_add(1);
                if self.settings.failures > 0 && failed >= self.settings.failures {
                    self.open(now, chance);
                } else {
                    self.phase = Phase::Closed { failed };
                }
            }
            Phase::Trying if good => self.enter(Phase::Closed { failed: 0 }),
            Phase::Trying => self.open(now, chance),
            // Nothing is admitted in the era of an open breaker.
            Phase::Open { .. } => {}
        }
    }

    /// What it lets through.
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Trying => BreakerState::HalfOpen,
            Phase::Open { .. } => BreakerState::Open,
        }
    }

    fn open(&mut self, now: Millis, chance: u32) {
        let most = self.settings.cool_down / 4;
        let added = most.mul_f64(f64::from(chance) / f64::from(u32::MAX));
        let until = now.plus(self.settings.cool_down).plus(added);
        self.enter(Phase::Open { until });
    }

    const fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era = self.era.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerSettings {
            failures,
            cool_down: Duration::from_secs(10),
        })
    }

    /// A step of a story: the second at which it happens, what happens, and the state after it.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// A call that is admitted, and how it ends.
        Call(bool),
        /// A call that is refused, and for how many seconds.
        Refused(u64),
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_call_decides_when_it_closes() {
        use BreakerState::{Closed, Open};
        use Step::{Call, Refused as No};
        let story = [
            (0, Call(false), Closed),
            (0, Call(false), Closed),
            (0, Call(true), Closed), // not in a row
            (1, Call(false), Closed),
            (1, Call(false), Closed),
            (2, Call(false), Open),
            (2, No(10), Open),
            (11, No(1), Open),
            (12, Call(false), Open), // the one that tries fails: another cool-down
            (21, No(1), Open),
            (22, Call(true), Closed),
            (22, Call(false), Closed), // the count began anew
            (22, Call(false), Closed),
            (22, Call(false), Open),
        ];
        let mut breaker = breaker(3);
        for (at, (second, step, state)) in story.into_iter().enumerate() {
            let now = Millis::from_secs(second);
            match (breaker.admit(now), step) {
                (Ok(admission), Call(good)) => breaker.ended(admission, good, now, 0),
                (Err(refused), No(wait)) => assert_eq!(refused.wait.as_secs(), wait, "step {at}"),
                (admitted, _) => panic!("step {at}: {admitted:?}"),
            }
            assert_eq!(breaker.state(), state, "step {at}");
        }
    }

    #[test]
    fn while_one_call_tries_all_others_are_refused() {
        let mut breaker = breaker(1);
        let first = breaker.admit(Millis::default()).unwrap();
        breaker.ended(first, false, Millis::default(), 0);
        let later = Millis::from_secs(10);
        let trying = breaker.admit(later).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        let wait = Duration::ZERO;
        assert_eq!(breaker.admit(later), Err(Refused { wait }));
        breaker.ended(trying, true, later, 0);
        assert!(breaker.admit(later).is_ok());
    }

    #[test]
    fn a_call_of_before_it_opened_tells_nothing_afterwards() {
        let mut breaker = breaker(1);
        let now = Millis::default();
        let (slow, failing) = (breaker.admit(now).unwrap(), breaker.admit(now).unwrap());
        breaker.ended(failing, false, now, 0);
        breaker.ended(slow, true, now, 0);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn with_no_number_of_failures_it_never_opens() {
        let mut breaker = breaker(0);
        for _ in 0..100 {
            let admission = breaker.admit(Millis::default()).unwrap();
            breaker.ended(admission, false, Millis::default(), 0);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    proptest! {
        #[test]
        fn chance_adds_at_most_a_quarter(chance: u32) {
            let mut breaker = breaker(1);
            let admission = breaker.admit(Millis::default()).unwrap();
            breaker.ended(admission, false, Millis::default(), chance);
            let wait = breaker.admit(Millis::default()).unwrap_err().wait;
            prop_assert!((10_000..=12_500).contains(&wait.as_millis()));
        }

        #[test]
        fn it_is_never_stuck(ends in proptest::collection::vec((any::<bool>(), 0..30u64), 0..60)) {
            let mut breaker = breaker(2);
            let mut now = Millis::default();
            for (good, pause) in ends {
                if let Ok(admission) = breaker.admit(now) {
                    breaker.ended(admission, good, now, 0);
                }
                now = now.plus(Duration::from_secs(pause));
            }
            prop_assert!(breaker.admit(now.plus(Duration::from_secs(13))).is_ok());
        }
    }
}
