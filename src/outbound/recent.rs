//! The last look-ups of an account: what was asked of whom, how old the answer was, how long it took.
//! Names and numbers alone, never what was asked.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

/// How many are remembered.
const MOST: usize = 64;

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
    /// A word of a closed set, for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Checked => "checked",
            Self::Kept { .. } => "kept",
            Self::Refreshing { .. } => "refreshing",
            Self::OnError { .. } => "on_error",
            Self::Failed { .. } => "failed",
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

/// The last look-ups, oldest first.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Looked>>);

impl Recent {
    /// Notes one.
    pub fn note(&self, looked: Looked) {
        let mut all = self.0.lock();
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back(looked);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Looked> {
        self.0.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_oldest_are_forgotten() {
        let recent = Recent::default();
        for took in 0..100 {
            recent.note(Looked {
                what: "channels",
                how: How::Asked,
                took: Duration::from_millis(took),
            });
        }
        let all = recent.all();
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].took, Duration::from_millis(36));
    }
}
