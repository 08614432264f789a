//! Whether a server of an upstream gets requests: what checks found, and how requests fared.
//!
//! State machines: time is handed in.

use std::time::Duration;

use super::time::Millis;

/// How many checks in a row turn a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// Good ones, until a server that was down gets requests again. At least 1.
    pub healthy: u32,
    /// Bad ones, until it gets none. At least 1.
    pub unhealthy: u32,
}

/// When a server that fails requests is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionSettings {
    /// Failures in a row that eject it. 0: it is never ejected.
    pub failures: u32,
    /// How far they may lie apart, the first from the last.
    pub window: Duration,
    /// How long it is out the first time; each further time is twice as long.
    pub pause: Duration,
    /// The longest that it is out. Once it was back for so long, the next time is the first again.
    pub longest: Duration,
}

/// What a server is, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It gets requests.
    Up,
    /// Checks found it down.
    Down,
    /// It failed requests and is left alone for a while.
    Ejected,
}

impl ServerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Ejected];

    /// A word of a closed set.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Ejected => "ejected",
        }
    }
}

/// Where one server stands.
#[derive(Clone, Debug)]
pub struct Standing {
    health: Health,
    ejection: Ejection,
}

#[derive(Clone, Copy, Debug)]
struct Health {
    up: bool,
    /// Checks in a row that contradict `up`; none before the first check.
    against: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    settings: EjectionSettings,
    /// Failures in a row, and the moment of the first.
    failed: u32,
    since: Millis,
    /// How often it was ejected lately, and when the last time is, or was, over.
    times: u32,
    until: Option<Millis>,
}

impl Standing {
    /// A server of which nothing is known yet: it gets requests.
    pub const fn new(ejection: EjectionSettings) -> Self {
        Self {
            health: Health {
                up: true,
                against: None,
            },
            ejection: Ejection {
                settings: ejection,
                failed: 0,
                since: Millis::from_millis(0),
                times: 0,
                until: None,
            },
        }
    }

    /// What it is now. Ejected goes before down: that ends by itself.
    pub fn state(&self, now: Millis) -> ServerState {
        if self.back_at(now).is_some() {
            ServerState::Ejected
        } else if self.health.up {
            ServerState::Up
        } else {
            ServerState::Down
        }
    }

    /// When it comes back, if it is ejected.
    pub fn back_at(&self, now: Millis) -> Option<Millis> {
        self.ejection.until.filter(|until| now < *until)
    }

    /// A check is over. Whether its health turned. The first check decides alone.
    pub const fn checked(&mut self, good: bool, settings: HealthSettings) -> bool {
        let needed = match self.health.against {
            None => 1,
            Some(_) if good => settings.healthy,
            Some(_) => settings.unhealthy,
        };
        let against = match self.health.against {
            _ if good == self.health.up => 0,
            None => 1,
            Some(before) => before.saturating_add(1),
        };
        let turned = against > 0 && against >= needed;
        if turned {
            self.health.up = good;
        }
        self.health.against = Some(if turned { 0 } else { against });
        turned
    }

    /// A request went well.
    pub const fn succeeded(&mut self) {
        self.ejection.failed = 0;
    }

    /// A request failed. Whether the server is due to be ejected.
    pub fn failed(&mut self, now: Millis) -> bool {
        let ejection = &mut self.ejection;
        // What was under way when it was ejected tells nothing new.
        if ejection.settings.failures == 0 || ejection.until.is_some_and(|until| now < until) {
            return false;
        }
        if ejection.failed == 0 || now.since(ejection.since) > ejection.settings.window {
            ejection.failed = 0;
            ejection.since = now;
        }
        ejection.failed = ejection.failed.saturating_add(1);
        ejection.failed >= ejection.settings.failures
    }

    /// Takes it out. Until when.
    pub fn eject(&mut self, now: Millis) -> Millis {
        let ejection = &mut self.ejection;
        let EjectionSettings { pause, longest, .. } = ejection.settings;
        let good_for = ejection.until.map(|until| now.since(until));
        if good_for.is_none_or(|span| span >= longest) {
            ejection.times = 0;
        }
        // Past 2^31 pauses the longest has been reached whatever the pause is.
        let doubled = 1_u32.checked_shl(ejection.times).unwrap_or(1 << 31);
        let until = now.plus(pause.saturating_mul(doubled).min(longest));
        ejection.times = ejection.times.saturating_add(1);
        ejection.failed = 0;
        ejection.until = Some(until);
        until
    }
}

/// Whether one more of so many servers may be ejected where some are out already: never more than
/// half are, since what fails everywhere is rarely a server's fault.
pub const fn may_eject(servers: usize, out: usize) -> bool {
    out.saturating_add(1).saturating_mul(2) <= servers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EJECTION: EjectionSettings = EjectionSettings {
        failures: 3,
        window: Duration::from_secs(10),
        pause: Duration::from_secs(30),
        longest: Duration::from_secs(100),
    };

    #[test]
    fn checks_in_a_row_turn_a_servers_health_and_the_first_decides_alone() {
        let settings = HealthSettings {
            healthy: 2,
            unhealthy: 3,
        };
        // (checks, states after each)
        let cases = [
            ("+", "u"),
            ("-", "d"),
            ("-+", "dd"),
            ("-++", "ddu"),
            ("-+-++", "ddddu"),
            ("+--+--", "uuuuuu"),
            ("+---", "uuud"),
            ("+---++---", "uuudduuud"),
        ];
        for (checks, states) in cases {
            let mut standing = Standing::new(EJECTION);
            for (check, expected) in checks.chars().zip(states.chars()) {
                let before = standing.state(Millis::default());
                let turned = standing.checked(check == '+', settings);
                let state = standing.state(Millis::default());
                assert_eq!(turned, before != state, "{checks}");
                let state = if state == ServerState::Up { 'u' } else { 'd' };
                assert_eq!(state, expected, "{checks}");
            }
        }
    }

    #[test]
    fn failures_in_a_row_within_the_window_make_a_server_due() {
        // (second, good), and whether the last makes it due
        type Story<'a> = &'a [(i64, bool)];
        let cases: [(Story<'_>, bool); 6] = [
            (&[(0, false), (0, false)], false),
            (&[(0, false), (5, false), (10, false)], true),
            (&[(0, false), (5, false), (11, false)], false),
            (&[(0, false), (1, true), (2, false), (3, false)], false),
            (&[(0, false), (11, false), (12, false), (13, false)], true),
            (&[(0, false), (1, false), (2, false), (3, false)], true),
        ];
        for (story, due) in cases {
            let mut standing = Standing::new(EJECTION);
            let mut last = false;
            for (second, good) in story {
                if *good {
                    standing.succeeded();
                } else {
                    last = standing.failed(Millis::from_secs(*second));
                }
            }
            assert_eq!(last, due, "{story:?}");
        }
    }

    #[test]
    fn each_pause_is_twice_the_last_up_to_the_longest_and_a_good_while_forgets_them() {
        let mut standing = Standing::new(EJECTION);
        let mut now = Millis::from_secs(1_000);
        // Seconds that it was back before it is ejected again, and for how long it is then.
        for (back, out) in [(0, 30), (5, 60), (99, 100), (5, 100), (100, 30), (99, 60)] {
            now = now.plus(Duration::from_secs(back));
            let until = standing.eject(now);
            assert_eq!(until.since(now).as_secs(), out, "{back}");
            assert_eq!(standing.state(now), ServerState::Ejected);
            assert!(!standing.failed(now) && !standing.failed(now) && !standing.failed(now));
            now = until;
            assert_eq!(standing.state(now), ServerState::Up);
        }
    }

    #[test]
    fn never_more_than_half_of_the_servers_are_ejected() {
        let most = [0, 0, 1, 1, 2, 2, 3];
        for (servers, most) in most.into_iter().enumerate() {
            for out in 0..=servers {
                assert_eq!(may_eject(servers, out), out < most, "{out} of {servers}");
            }
        }
    }

    #[test]
    fn without_a_number_of_failures_nothing_is_ever_due() {
        let never = EjectionSettings {
            failures: 0,
            ..EJECTION
        };
        let mut standing = Standing::new(never);
        assert!((0..100).all(|second| !standing.failed(Millis::from_secs(second))));
    }

    proptest! {
        #[test]
        fn no_server_is_out_for_longer_than_the_longest(
            steps in proptest::collection::vec((any::<bool>(), 0..200u64), 0..60)
        ) {
            let mut standing = Standing::new(EJECTION);
            let mut now = Millis::default();
            for (good, pause) in steps {
                now = now.plus(Duration::from_secs(pause));
                if good {
                    standing.succeeded();
                } else if standing.failed(now) {
                    standing.eject(now);
                }
                if let Some(back) = standing.back_at(now) {
                    prop_assert!(back.since(now) <= EJECTION.longest);
                }
            }
        }
    }
}
