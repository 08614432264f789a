//! One sampled request: its parts, noted as they begin and end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::domain::request::watch::{Part, SpanId, Watching};
use crate::ports::Entropy;

/// The most parts that are noted of one request. A cycle has few rounds, and a round few calls.
const MOST: usize = 256;

/// What is noted of one request. Its clock and its ids are its own.
#[derive(Debug)]
pub struct Recording {
    started: Instant,
    entropy: Arc<dyn Entropy>,
    noted: Mutex<Vec<Noted>>,
}

/// A part of a request. Times are since the request began.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) id: SpanId,
    pub(super) within: Option<SpanId>,
    pub(super) part: Part,
    pub(super) began: Duration,
    /// When it ended and how; none while it is under way.
    pub(super) ended: Option<(Duration, &'static str)>,
}

impl Recording {
    /// Nothing is noted yet of a request that began then.
    pub fn new(started: Instant, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            started,
            entropy,
            noted: Mutex::default(),
        }
    }

    /// All that was noted. What is still under way then goes on without being watched.
    pub(super) fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.noted.lock())
    }

    fn id(&self) -> SpanId {
        let bits = u64::try_from(self.entropy.bits() >> 64).unwrap_or(1);
        SpanId::new(bits).unwrap_or(SpanId::MIN)
    }
}

impl Watching for Recording {
    fn begin(&self, part: Part, within: Option<SpanId>) -> SpanId {
        let noted = Noted {
            id: self.id(),
            within,
            part,
            began: self.started.elapsed(),
            ended: None,
        };
        let id = noted.id;
        let mut all = self.noted.lock();
        if all.len() < MOST {
            all.push(noted);
        }
        id
    }

    fn end(&self, id: SpanId, outcome: &'static str) {
        let at = self.started.elapsed();
        let mut all = self.noted.lock();
        // Parts end soon after they began: the last ones are looked at first.
        if let Some(noted) = all.iter_mut().rev().find(|noted| noted.id == id) {
            noted.ended = Some((at, outcome));
        }
    }
}
