//! The last look-ups of an account: what was asked of whom, how old the answer was, how long it took.
//! Names and numbers alone, never what was asked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::telemetry::{LookupAnswer, LookupCounters};

/// How many are remembered.
const MOST: usize = 64;

tokio::task_local! {
    /// The run that this task works for, where somebody asked for its look-ups.
    static RUN: Option<Run>;
}

/// Look-ups of one run, in their order.
type Run = Arc<Mutex<Vec<Looked>>>;

/// Does something, and tells which look-ups that took: its own, and nobody else's.
pub async fn of_run<T>(run: impl Future<Output = T>) -> (T, Vec<Looked>) {
    let own = Run::default();
    let done = RUN.scope(Some(Arc::clone(&own)), run).await;
    let looked = std::mem::take(&mut *own.lock());
    (done, looked)
}

/// Has a task that is started elsewhere work for the run that starts it, if that is one.
pub fn in_same_run<T>(task: impl Future<Output = T>) -> impl Future<Output = T> {
    let run = RUN.try_with(Option::clone).unwrap_or_default();
    RUN.scope(run, task)
}

/// Costs a look at the task where nobody asked.
fn note_in_run(looked: impl FnOnce() -> Looked) {
    let note = |run: &Option<Run>| {
        if let Some(mut run) = run.as_ref().map(|run| run.lock())
            && run.len() < MOST
        {
            run.push(looked());
        }
    };
    RUN.try_with(note).unwrap_or_default();
}

/// How a look-up was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// By the source, just now.
    Asked,
    /// Here, without asking anybody.
    Checked,
    /// From memory.
    Kept {
        /// How old the answer was.
        age: Duration,
    },
    /// From memory, while a newer answer is fetched.
    Refreshing {
        /// How old the answer was.
        age: Duration,
    },
    /// From memory, because the source gave no answer.
    OnError {
        /// How old the answer was.
        age: Duration,
        /// Why there was none.
        why: String,
    },
    /// Not at all.
    Failed {
        /// Why.
        why: String,
    },
}

impl How {
    /// The same for metrics.
    pub const fn answer(&self) -> LookupAnswer {
        match self {
            Self::Asked => LookupAnswer::Asked,
            Self::Checked => LookupAnswer::Checked,
            Self::Kept { .. } => LookupAnswer::Kept,
            Self::Refreshing { .. } => LookupAnswer::Refreshing,
            Self::OnError { .. } => LookupAnswer::OnError,
            Self::Failed { .. } => LookupAnswer::Failed,
        }
    }
}

/// One look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What was looked up: a name of the program.
    pub what: &'static str,
    /// How it was answered.
    pub how: How,
    /// How long that took.
    pub took: Duration,
}

impl fmt::Display for Looked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_millis();
        match &self.how {
            How::Asked => write!(f, "asked, answered in {millis} ms"),
            How::Checked => write!(f, "checked here in {millis} ms"),
            How::Kept { age } => write!(f, "from memory, {} old", Age(*age)),
            How::Refreshing { age } => {
                write!(f, "from memory, {} old; asked again beside", Age(*age))
            }
            How::OnError { age, why } => write!(
                f,
                "from memory, {} old, after {millis} ms without an answer: {why}",
                Age(*age)
            ),
            How::Failed { why } => write!(f, "no answer after {millis} ms: {why}"),
        }
    }
}

struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            let whole = Duration::from_secs(self.0.as_secs());
            fmt::Display::fmt(&humantime::format_duration(whole), f)
        }
    }
}

/// The last look-ups, oldest first. Of those that memory answered, the last of each kind: they are
/// many, and noting each would cost more than the answer.
#[derive(Debug, Default)]
pub struct Recent {
    /// With their numbers.
    noted: Mutex<VecDeque<(u64, Looked)>>,
    /// How many were noted so far.
    count: AtomicU64,
    hits: Mutex<Vec<(&'static str, Arc<Hit>)>>,
}

/// The last answer from memory of one kind. Read in two parts, which may be of two answers: nothing
/// but what people read depends on it.
#[derive(Debug, Default)]
struct Hit {
    /// How many look-ups had been noted by then, and one; zero: there was none yet.
    after: AtomicU64,
    age_millis: AtomicU64,
}

impl Recent {
    fn note(&self, looked: Looked) {
        let mut noted = self.noted.lock();
        let number = self.count.fetch_add(1, Relaxed);
        if noted.len() == MOST {
            noted.pop_front();
        }
        noted.push_back((number, looked));
    }

    fn hits_of(&self, what: &'static str) -> Arc<Hit> {
        let hit = Arc::<Hit>::default();
        self.hits.lock().push((what, Arc::clone(&hit)));
        hit
    }

    /// All of them.
    pub fn all(&self) -> Vec<Looked> {
        // What memory answered after a look-up comes behind it.
        let mut all: Vec<(u64, Looked)> = self.noted.lock().iter().cloned().collect();
        for (what, hit) in self.hits.lock().iter() {
            let Some(after) = hit.after.load(Relaxed).checked_sub(1) else {
                continue;
            };
            let age = Duration::from_millis(hit.age_millis.load(Relaxed));
            let looked = Looked {
                what,
                how: How::Kept { age },
                took: Duration::ZERO,
            };
            let at = all.partition_point(|(number, _)| *number < after);
            all.insert(at, (after, looked));
        }
        all.into_iter().map(|(_, looked)| looked).collect()
    }
}

/// Where look-ups of one kind are counted and noted.
#[derive(Clone, Debug)]
pub struct Ledger {
    what: &'static str,
    counters: LookupCounters,
    recent: Arc<Recent>,
    hit: Arc<Hit>,
}

impl Ledger {
    /// An empty one, for look-ups of this name.
    pub fn new(what: &'static str, counters: LookupCounters, recent: &Arc<Recent>) -> Self {
        Self {
            what,
            counters,
            recent: Arc::clone(recent),
            hit: recent.hits_of(what),
        }
    }

    /// The name.
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// Memory answered. On the way of every request: no lock, nothing allocated.
    pub fn kept(&self, age: Duration) {
        self.counters.looked(LookupAnswer::Kept);
        note_in_run(|| Looked {
            what: self.what,
            how: How::Kept { age },
            took: Duration::ZERO,
        });
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.hit.age_millis.store(millis, Relaxed);
        let after = self.recent.count.load(Relaxed).saturating_add(1);
        self.hit.after.store(after, Relaxed);
    }

    /// Somebody else did, or nobody.
    pub fn tell(&self, how: How, took: Duration) {
        self.counters.looked(how.answer());
        let looked = Looked {
            what: self.what,
            how,
            took,
        };
        note_in_run(|| looked.clone());
        self.recent.note(looked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    #[test]
    fn a_look_up_is_told_with_its_age_and_time() {
        let seconds = Duration::from_secs;
        let down = || "it answered 500 Internal Server Error".to_owned();
        for (how, said) in [
            (How::Asked, "asked, answered in 12 ms"),
            (
                How::Kept { age: seconds(3700) },
                "from memory, 1h 1m 40s old",
            ),
            (
                How::Refreshing { age: seconds(61) },
                "from memory, 1m 1s old; asked again beside",
            ),
            (
                How::OnError {
                    age: Duration::from_millis(20),
                    why: down(),
                },
                "from memory, 20 ms old, after 12 ms without an answer: it answered 500 Internal Server Error",
            ),
            (
                How::Failed { why: down() },
                "no answer after 12 ms: it answered 500 Internal Server Error",
            ),
        ] {
            let looked = Looked {
                what: "channels",
                how,
                took: Duration::from_millis(12),
            };
            assert_eq!(looked.to_string(), said);
        }
    }

    fn ledger(what: &'static str, recent: &Arc<Recent>) -> Ledger {
        let counters = Telemetry::new().sources().lookups_of("shop", what);
        Ledger::new(what, counters, recent)
    }

    #[tokio::test]
    async fn a_run_is_told_its_own_look_ups_and_those_of_tasks_that_it_starts_alone() {
        let recent = Arc::default();
        let channels = ledger("channels", &recent);
        channels.tell(How::Asked, Duration::ZERO);
        let others = channels.clone();
        let ((), own) = of_run(async {
            channels.kept(Duration::from_millis(7));
            let meanwhile = tokio::spawn(async move { others.tell(How::Checked, Duration::ZERO) });
            meanwhile.await.unwrap();
            let started = channels.clone();
            let task = in_same_run(async move { started.tell(How::Asked, Duration::ZERO) });
            tokio::spawn(task).await.unwrap();
        })
        .await;
        let age = Duration::from_millis(7);
        let how: Vec<How> = own.into_iter().map(|one| one.how).collect();
        assert_eq!(how, [How::Kept { age }, How::Asked]);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Arc::default();
        let channels = ledger("channels", &recent);
        for took in 0..100 {
            channels.tell(How::Asked, Duration::from_millis(took));
        }
        let all = recent.all();
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].took, Duration::from_millis(36));
    }

    #[test]
    fn answers_from_memory_crowd_nothing_out_and_stand_where_the_last_of_them_was() {
        let recent = Arc::default();
        let (channels, regions) = (ledger("channels", &recent), ledger("regions", &recent));
        channels.tell(How::Asked, Duration::ZERO);
        for age in 0..1_000 {
            channels.kept(Duration::from_millis(age));
        }
        regions.tell(How::Asked, Duration::ZERO);
        regions.kept(Duration::from_millis(7));
        let all = recent.all();
        let said: Vec<_> = all.iter().map(|one| (one.what, one.to_string())).collect();
        let said: Vec<_> = said.iter().map(|(what, how)| (*what, &**how)).collect();
        assert_eq!(
            said,
            [
                ("channels", "asked, answered in 0 ms"),
                ("channels", "from memory, 999 ms old"),
                ("regions", "asked, answered in 0 ms"),
                ("regions", "from memory, 7 ms old"),
            ]
        );
    }
}
