//! Moments, in whole milliseconds, with arithmetic that never overflows.

use std::time::{Duration, UNIX_EPOCH};

/// What RFC 3339 can write: years 1970 to 9999, in milliseconds.
const WRITABLE: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999;

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

    /// `2018-11-28T09:35:00Z` (RFC 3339), with milliseconds where there are any.
    pub fn written(self) -> String {
        match u64::try_from(self.0) {
            Ok(since_epoch) if WRITABLE.contains(&self.0) => {
                let time = UNIX_EPOCH + Duration::from_millis(since_epoch);
                if self.subsec_millis() == 0 {
                    humantime::format_rfc3339_seconds(time).to_string()
                } else {
                    humantime::format_rfc3339_millis(time).to_string()
                }
            }
            _ => format!("{} ms after 1970", self.0),
        }
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
    fn moments_are_written_in_utc() {
        for (millis, expected) in [
            (1_543_397_700_000, "2018-11-28T09:35:00Z"),
            (1_543_397_700_007, "2018-11-28T09:35:00.007Z"),
            (0, "1970-01-01T00:00:00Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "253402300800000 ms after 1970"),
            (-1, "-1 ms after 1970"),
            (i64::MIN, "-9223372036854775808 ms after 1970"),
        ] {
            assert_eq!(Millis::from_millis(millis).written(), expected);
        }
    }

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
