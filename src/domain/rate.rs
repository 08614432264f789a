//! How often something may be done: a bucket of permits that fills up again with time.
//!
//! A state machine: time is handed in.

use std::net::IpAddr;
use std::time::Duration;

use super::time::Millis;

/// A bucket of permits. Full at the start.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// What a permit costs: the milliseconds in which the bucket fills up.
    period: u64,
    /// What a millisecond brings, and permits of a full bucket.
    most: u64,
    left: u64,
    at: Millis,
}

impl Bucket {
    /// A bucket of `most` permits that fills up from empty in `period`.
    pub fn new(most: u32, period: Duration, now: Millis) -> Self {
        let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        let most = u64::from(most);
        Self {
            period,
            most,
            left: most.saturating_mul(period),
            at: now,
        }
    }

    /// Takes a permit, if one is there.
    pub fn take(&mut self, now: Millis) -> bool {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let full = self.most.saturating_mul(self.period);
        let brought = self.most.saturating_mul(passed);
        self.left = self.left.saturating_add(brought).min(full);
        self.at = self.at.max(now);
        let permit = self.left >= self.period;
        if permit {
            self.left -= self.period;
        }
        permit
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
    fn a_bucket_gives_what_it_holds_and_fills_up_with_time() {
        let at = Millis::from_millis;
        let mut bucket = Bucket::new(2, Duration::from_mins(1), at(0));
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
            assert_eq!(bucket.take(at(now)), permit, "{now}");
        }
    }

    #[test]
    fn many_looks_between_two_permits_lose_none() {
        let mut bucket = Bucket::new(1, Duration::from_mins(1), Millis::default());
        assert!(bucket.take(Millis::default()));
        let given = (1..=600_i64)
            .filter(|tenth| bucket.take(Millis::from_millis(tenth * 1000)))
            .count();
        assert_eq!(given, 10);
    }
}
