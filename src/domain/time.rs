//! Moments, in whole milliseconds, with arithmetic that never overflows.

use std::time::Duration;

/// A moment: milliseconds since the Unix epoch.
///
/// Whole seconds are too coarse for the lifetime law: at 24:59.999 a session is not due, at
/// 25:00.000 it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(i64);

impl Millis {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment `secs` seconds after the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The milliseconds within the second, 0 to 999.
    pub const fn subsec_millis(self) -> i64 {
        self.0.rem_euclid(1000)
    }

    /// Time passed since `earlier`; zero where `earlier` lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span_millis(span)))
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span_millis(span)))
    }
}

/// A span in whole milliseconds, at most `i64::MAX`.
pub fn span_millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_ahead_is_zero_ago() {
        let (early, late) = (Millis::from_secs(1), Millis::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(1));
    }

    #[test]
    fn arithmetic_stops_at_the_ends_of_time() {
        let end = Millis::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(
            Millis::from_millis(i64::MIN)
                .minus(Duration::MAX)
                .as_millis(),
            i64::MIN
        );
        assert_eq!(
            end.since(Millis::from_millis(i64::MIN)).as_millis(),
            i64::MAX as u128
        );
    }

    #[test]
    fn seconds_round_down_before_the_epoch_too() {
        let moment = Millis::from_millis(-1);
        assert_eq!((moment.as_secs(), moment.subsec_millis()), (-1, 999));
    }
}
