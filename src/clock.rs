//! The production clock and source of randomness; the only place that reads the wall clock.

use std::cell::RefCell;
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

/// Numbers that are drawn from the system at once: every request is named by one, and asking the
/// system each time would cost more than finding the request's session.
const AT_ONCE: usize = 64;

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { numbers: [0; AT_ONCE], left: 0 }) };
}

/// Random numbers of one thread, each handed out once and then forgotten.
struct Drawn {
    numbers: [u128; AT_ONCE],
    left: usize,
}

impl Drawn {
    fn take(&mut self) -> u128 {
        if self.left == 0 {
            self.draw();
        }
        self.left = self.left.saturating_sub(1);
        self.numbers
            .get_mut(self.left)
            .map(std::mem::take)
            .expect("as many are left as were drawn")
    }

    fn draw(&mut self) {
        let mut bytes = [0; AT_ONCE * size_of::<u128>()];
        // Without randomness ids could be guessed: better no process than such a one.
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        for (number, bytes) in self.numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = u128::from_le_bytes(*bytes);
        }
        self.left = AT_ONCE;
    }
}

impl Entropy for SystemEntropy {
    fn bits(&self) -> u128 {
        DRAWN.with_borrow_mut(Drawn::take)
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
