//! What may be repeated: a bounded share of what is asked, so that repetitions never become the load
//! that keeps servers from recovering.

use std::sync::atomic::{AtomicU32, Ordering};

/// What one repetition costs, in requests.
const COST: u32 = 10;
/// The most that is saved: ten repetitions.
const MOST: u32 = 10 * COST;

/// Requests that may still be repeated.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Budget {
    pub(super) const fn full() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// A request came.
    pub(super) fn earn(&self) {
        // Two at once may go past the most by one; that is no matter.
        if self.0.load(Ordering::Relaxed) < MOST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one may be repeated; it is paid for then.
    pub(super) fn spend(&self) -> bool {
        let paid = |saved: u32| saved.checked_sub(COST);
        let spent = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid);
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_may_be_repeated_at_once_and_then_one_in_ten() {
        let budget = Budget::full();
        budget.earn();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        let repeated = (0..1_000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(repeated.count(), 100);
    }
}
