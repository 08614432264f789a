//! Time and randomness that tests own.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use vestibule::domain::time::{Millis, span_millis};
use vestibule::ports::{Clock, Entropy};

/// The moment at which every test begins: T0 of the lifetime law's vectors.
pub(crate) const T0: Millis = Millis::from_secs(1_543_397_700);

#[derive(Debug)]
pub(crate) struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(T0.as_millis()))
    }
}

impl ManualClock {
    /// Moves time to `minutes:seconds.millis` after T0.
    pub(crate) fn set(&self, after: Duration) {
        self.0
            .store(T0.as_millis() + span_millis(after), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(span_millis(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Different bits each time, in every shop of this process.
#[derive(Debug)]
pub(crate) struct CountedEntropy;

static DRAWN: AtomicU64 = AtomicU64::new(0);

impl Entropy for CountedEntropy {
    fn bits(&self) -> u128 {
        let count = u128::from(DRAWN.fetch_add(1, Ordering::SeqCst));
        (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// `mm:ss` or `mm:ss.mmm` as the lifetime law writes it.
pub(crate) fn at(text: &str) -> Duration {
    let (minutes, seconds) = text.split_once(':').unwrap();
    let (seconds, millis) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let minutes: u64 = minutes.parse().unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    Duration::from_secs(minutes * 60 + seconds) + Duration::from_millis(millis.parse().unwrap())
}
