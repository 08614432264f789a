//! How often something may be done: permits that come again with time.
//!
//! A state machine: time is handed in.

use std::net::IpAddr;
use std::time::Duration;

use super::time::Millis;

/// So many permits in a period, and no more than that at once, kept as one number: the moment at which
/// the next permit would be due if they came evenly (the generic cell rate algorithm of ATM). A window
/// that begins with its first permit would give twice as many at once around its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Between two permits that come evenly, in microseconds.
    apart: u64,
    /// How far ahead of time permits may run, in microseconds.
    ahead: u64,
}

impl Quota {
    /// A quota of `most` permits in each `period`; at least one.
    pub fn new(most: u32, period: Duration) -> Self {
        let period = u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
        let apart = (period / u64::from(most.max(1))).max(1);
        Self {
            apart,
            ahead: period.saturating_sub(apart),
        }
    }

    /// Takes a permit off what is `due`, 0 at the start: what is due then, or how long to wait for
    /// a permit.
    pub fn take(&self, due: u64, now: Millis) -> Result<u64, Duration> {
        let now = u64::try_from(now.as_millis())
            .unwrap_or(0)
            .saturating_mul(1000);
        // A clock that stepped back leaves nobody waiting for longer than a period.
        let due = due.clamp(
            now,
            now.saturating_add(self.ahead).saturating_add(self.apart),
        );
        let early = due - now;
        if early > self.ahead {
            return Err(Duration::from_micros(early - self.ahead));
        }
        Ok(due.saturating_add(self.apart))
    }
}

/// One household, one client: IPv6 hands out 64-bit networks, not addresses.
pub fn household(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_fills_up_with_time_and_gains_nothing_by_a_clock_that_steps() {
        let at = Millis::from_millis;
        let quota = Quota::new(2, Duration::from_mins(1));
        let mut due = 0;
        for (now, permit) in [
            (0, true),
            (0, true),
            (0, false),
            (29_999, false),
            (30_000, true),
            (30_000, false),
            (600_000, true),
            (600_000, true),
            (600_000, false),
            // A clock that steps back brings nothing, and nothing twice when it goes on.
            (0, false),
            (600_000, false),
        ] {
            let taken = quota.take(due, at(now));
            assert_eq!(taken.is_ok(), permit, "{now}");
            due = taken.unwrap_or(due);
        }
    }

    #[test]
    fn a_quota_gives_what_it_holds_at_once_and_then_evenly() {
        let quota = Quota::new(3, Duration::from_mins(1));
        let mut due = 0;
        let start = 1_700_000_000_000;
        for (after, wait) in [
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 20_000),
            (19_000, 1_000),
            (20_000, 0),
            (20_000, 20_000),
            // Twice the period later there are three again, not six.
            (140_000, 0),
            (140_000, 0),
            (140_000, 0),
            (140_000, 20_000),
            // A clock that steps back an hour costs no hour.
            (140_000 - 3_600_000, 20_000),
        ] {
            let taken = quota.take(due, Millis::from_millis(start + after));
            let waits = taken.err().unwrap_or_default();
            assert_eq!(waits.as_millis(), wait, "{after}");
            due = taken.unwrap_or(due);
        }
    }

    #[test]
    fn a_quota_keeps_its_rate_over_any_minute() {
        let quota = Quota::new(7, Duration::from_mins(1));
        let mut due = 0;
        let mut given = Vec::new();
        for tenth in 0..6_000_i64 {
            let now = 1_000_000 + tenth * 100;
            if let Ok(next) = quota.take(due, Millis::from_millis(now)) {
                due = next;
                given.push(now);
            }
        }
        assert_eq!(given.len(), 7 + 69, "the first seven, then one each 8.6 s");
        let late = given.iter().filter(|at| **at > 1_060_000).count();
        assert!((62..=63).contains(&late), "{late} in the last nine minutes");
    }

    #[test]
    fn many_looks_between_two_permits_lose_none() {
        let quota = Quota::new(1, Duration::from_mins(1));
        let mut due = quota.take(0, Millis::default()).unwrap();
        let mut take = |now| {
            let taken = quota.take(due, now);
            due = taken.unwrap_or(due);
            taken.is_ok()
        };
        let given = (1..=600_i64)
            .filter(|second| take(Millis::from_millis(second * 1000)))
            .count();
        assert_eq!(given, 10);
    }
}
