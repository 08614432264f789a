//! The production clock and source of randomness; the only place that reads the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Millis;
use crate::ports::{Clock, Entropy};

/// The wall clock as it stood at the start, plus the time that has passed since. A step of the
/// system's clock moves no expiry (lifetime law, "Clock").
#[derive(Debug)]
pub struct SystemClock {
    wall: Millis,
    started: Instant,
}

impl SystemClock {
    /// Starts the clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the wall clock"
    )]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            wall: Millis::default().plus(since_epoch),
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        self.wall.plus(self.started.elapsed())
    }
}

/// The system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        // Without randomness ids could be guessed: better no process than such a one.
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        u128::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_million_ids_are_all_different() {
        let ids: HashSet<u128> = (0..1_000_000).map(|_| SystemEntropy.bits()).collect();
        assert_eq!(ids.len(), 1_000_000);
        // Every bit is set about half the time: none is constant.
        for bit in 0..128 {
            let set = ids
                .iter()
                .take(10_000)
                .filter(|id| *id >> bit & 1 == 1)
                .count();
            assert!((4_500..5_500).contains(&set), "bit {bit}: {set}");
        }
    }

    #[test]
    fn time_moves_on() {
        let clock = SystemClock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(first <= second && first > Millis::from_secs(1_600_000_000));
    }
}
