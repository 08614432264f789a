//! Removing what has outlived itself: a few records at a time, round and round.

use std::time::Duration;

use super::engine::{Engine, Space};
use super::pending::{Key, Pending, Swept};
use crate::domain::time::Millis;
use crate::telemetry::StoreMetrics;

/// Records looked at in one step. A million sessions are gone through in about a quarter of an hour.
const STEP: usize = 1024;
/// Between two steps.
const PAUSE: Duration = Duration::from_secs(1);
/// The same where much was found: what comes faster than it goes would fill the disk.
const SHORT_PAUSE: Duration = Duration::from_millis(50);

/// Where the round stands.
#[derive(Debug)]
pub(super) struct Sweep {
    space: Space,
    next: Vec<u8>,
    last: Option<Millis>,
    pause: Duration,
    standing: i64,
    newer: i64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            space: Space::Sessions,
            next: Vec::new(),
            last: None,
            pause: PAUSE,
            standing: 0,
            newer: 0,
        }
    }
}

impl Sweep {
    /// Whether a step is due.
    pub(super) fn due(&self, now: Millis) -> bool {
        self.last.is_none_or(|last| now.since(last) >= self.pause)
    }

    /// Goes a step further.
    pub(super) fn step(
        &mut self,
        engine: &Engine,
        pending: &mut Pending<'_>,
        metrics: &StoreMetrics,
    ) {
        self.last = Some(pending.now);
        let records = match engine.from(self.space, &self.next, STEP) {
            Ok(records) => records,
            Err(error) => {
                metrics.set_aside(1);
                tracing::error!(%error, records = self.space.name(), "A part of the store cannot be read; the rest goes on.");
                self.skip();
                return;
            }
        };
        let full = records.len() == STEP;
        let mut removed = 0;
        for (key, bytes) in records {
            self.next = [key.as_slice(), &[0]].concat();
            let swept = match (self.space, Key::try_from(key.as_slice())) {
                (Space::Persons, _) => pending.sweep_person(&key),
                (_, Ok(key)) => pending.sweep(self.space, &key, bytes),
                (_, Err(_)) => continue,
            };
            match swept {
                Ok(Swept::Stands) => self.standing += i64::from(self.space == Space::Sessions),
                Ok(Swept::Newer) => self.newer += 1,
                Ok(Swept::Removed) => removed += 1,
                Err(error) => tracing::warn!(%error, "A record could not be looked at."),
            }
        }
        self.pause = if removed > STEP / 4 {
            SHORT_PAUSE
        } else {
            PAUSE
        };
        if !full {
            self.turn(metrics);
        }
    }

    /// On to the next kind of record; after the last one, a round is over.
    fn turn(&mut self, metrics: &StoreMetrics) {
        self.next.clear();
        self.space = following(self.space);
        if self.space != Space::Sessions {
            return;
        }
        metrics.counted(self.standing, self.newer);
        if self.newer > 0 {
            tracing::warn!(
                records = self.newer,
                "The store holds records of a later Vestibule; they are left alone."
            );
        }
        (self.standing, self.newer) = (0, 0);
    }

    /// Past a part that cannot be read: keys are random, so a two hundred and fifty-sixth at a time.
    fn skip(&mut self) {
        let first = self.next.first().copied().unwrap_or(0);
        if let Some(first) = first.checked_add(1) {
            self.next = vec![first];
            return;
        }
        self.next.clear();
        self.space = following(self.space);
    }
}

const fn following(space: Space) -> Space {
    match space {
        Space::Sessions => Space::Logins,
        Space::Logins => Space::Persons,
        _ => Space::Sessions,
    }
}
