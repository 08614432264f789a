//! The longest of what was timed since somebody looked last. A histogram knows no more than its
//! buckets; whoever waited longest waited a real time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

/// The longest, in microseconds. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub struct Longest(Arc<AtomicU64>);

impl Longest {
    /// Takes note of one. Nearly always that is a look and nothing more.
    pub(super) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if micros > self.0.load(Relaxed) {
            self.0.fetch_max(micros, Relaxed);
        }
    }

    /// The longest so far; nothing where nothing was noted.
    pub fn so_far(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }

    /// The same, and begins anew.
    pub fn take(&self) -> Duration {
        Duration::from_micros(self.0.swap(0, Relaxed))
    }
}

/// One for each account and name.
#[derive(Clone, Debug, Default)]
pub(super) struct LongestOf(Arc<Mutex<Named>>);

type Named = HashMap<[Box<str>; 2], Longest>;

impl LongestOf {
    /// That of a name, which it has from now on.
    pub(super) fn of(&self, account: &str, name: &str) -> Longest {
        let key = [account.into(), name.into()];
        self.0.lock().entry(key).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_kept_until_it_is_taken() {
        let all = LongestOf::default();
        let longest = all.of("shop", "perks");
        for millis in [3, 947, 12] {
            all.of("shop", "perks").note(Duration::from_millis(millis));
        }
        all.of("other", "perks").note(Duration::from_secs(5));
        assert_eq!(longest.so_far(), Duration::from_millis(947));
        assert_eq!(longest.take(), Duration::from_millis(947));
        assert_eq!(longest.so_far(), Duration::ZERO);
    }
}
