//! How long a client is waited for before the room that it takes is given to others.
//!
//! A rule without a clock: what was waited and what came is handed in.

use std::time::Duration;

/// How long a client is waited for, by what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the next request, or the first.
    pub idle: Duration,
    /// For the rest of a head, from its first byte on.
    pub head: Duration,
    /// For a body, with nothing coming in.
    pub body: Duration,
    /// Bytes of a body that are worth a second more each; 0: the wait begins anew with each byte.
    pub body_rate: u64,
    /// For a client to take anything of an answer that lies ready.
    pub answer: Duration,
}

impl Patience {
    /// How much longer a body is waited for, of which so many bytes came after so long a wait in
    /// all. Time in which the client was not waited for, since the store was slow to take what it
    /// had sent, is no wait.
    pub fn body_left(&self, bytes: u64, waited: Duration, last: Duration) -> Duration {
        match self.body_rate {
            0 => self.body.saturating_sub(last),
            rate => {
                // Whole milliseconds: nobody is slow by less.
                let earned = Duration::from_millis(bytes.saturating_mul(1000) / rate);
                let left = self.body.saturating_add(earned).saturating_sub(waited);
                // What came early is no leave to stay away for hours.
                left.min(self.body.saturating_sub(last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn patience(body_rate: u64) -> Patience {
        Patience {
            idle: secs(60),
            head: secs(10),
            body: secs(20),
            body_rate,
            answer: secs(30),
        }
    }

    #[test]
    fn a_body_that_drips_is_waited_for_a_while_and_one_that_flows_for_as_long_as_it_does() {
        for (bytes, waited, last, left) in [
            (0, 0, 0, 20),
            (0, 20, 20, 0),
            // A byte now and then earns nothing.
            (20, 19, 1, 1),
            (20, 25, 1, 0),
            // Twice the rate, for an hour.
            (1000 * 3600, 3600, 1, 19),
            (500 * 3600, 3600, 0, 20),
            (500 * 3600, 3601, 0, 19),
            (500 * 3600, 3700, 0, 0),
            // A gigabyte, and then nothing.
            (1 << 30, 20, 20, 0),
        ] {
            let found = patience(500).body_left(bytes, secs(waited), secs(last));
            assert_eq!(found.as_secs(), left, "{bytes} bytes in {waited} s");
        }
    }

    #[test]
    fn without_a_rate_any_byte_is_progress() {
        assert_eq!(patience(0).body_left(1, secs(4000), secs(1)), secs(19));
        assert_eq!(patience(0).body_left(1, secs(4000), secs(20)), secs(0));
    }
}
