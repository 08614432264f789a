//! The memo: what an app answers to equal inputs is asked once, by whoever comes first.
//!
//! The key is the whole input, compared in full; a hash alone never decides. Failures are not
//! kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::request::trace::RequestTrace;
use crate::domain::session::Body;
use crate::domain::time::Millis;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{AppCaller, Clock};
use crate::telemetry::MemoCounters;
use async_trait::async_trait;
use moka::future::Cache;

/// What is remembered of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember {
    /// Nothing: every call is made.
    Never,
    /// Its answers, for this long.
    For(Duration),
    /// The same of an app that is not told its own outputs: inputs alone are the question.
    ByInputs(Duration),
}

/// Room of one account's memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoCapacity {
    /// Bytes, roughly.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    app: usize,
    inputs: Body,
    current: Body,
    create: bool,
}

#[derive(Clone, Debug)]
struct Remembered {
    answer: Arc<Answer>,
    keep: Duration,
}

#[derive(Debug)]
struct KeepAnswers;

impl moka::Expiry<Question, Remembered> for KeepAnswers {
    fn expire_after_create(
        &self,
        _: &Question,
        remembered: &Remembered,
        _: Instant,
    ) -> Option<Duration> {
        Some(remembered.keep)
    }
}

/// Calls apps, and remembers.
#[derive(Debug)]
pub struct Memo {
    apps: Arc<dyn AppCaller>,
    remember: Vec<(Remember, MemoCounters)>,
    answers: Cache<Question, Remembered>,
    clock: Arc<dyn Clock>,
}

impl Memo {
    /// A memo before `apps`; `remember` has one entry an app, in configured order, with where it is
    /// counted.
    pub fn new(
        apps: Arc<dyn AppCaller>,
        remember: Vec<(Remember, MemoCounters)>,
        capacity: MemoCapacity,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let answers = Cache::builder()
            .max_capacity(capacity.bytes)
            .weigher(|question: &Question, remembered: &Remembered| {
                let asked = question.inputs.weight() + question.current.weight();
                let weight = 256 + asked + remembered.answer.writes.weight();
                u32::try_from(weight).unwrap_or(u32::MAX)
            })
            .expire_after(KeepAnswers)
            .build();
        Self {
            apps,
            remember,
            answers,
            clock,
        }
    }
}

/// Never longer than the answer itself holds.
fn keep(age: Duration, answer: &Answer, now: Millis) -> Duration {
    answer
        .valid_until
        .map_or(age, |until| until.since(now).min(age))
}

#[async_trait]
impl AppCaller for Memo {
    async fn call(&self, call: &Call, trace: &RequestTrace) -> Result<Answer, Failure> {
        let Some((remember, counters)) = self.remember.get(call.app) else {
            return self.apps.call(call, trace).await;
        };
        let (age, current) = match *remember {
            Remember::For(age) => (age, call.current.clone()),
            Remember::ByInputs(age) => (age, Body::new()),
            Remember::Never => return self.apps.call(call, trace).await,
        };
        counters.asked.inc();
        let question = Question {
            app: call.app,
            inputs: call.inputs.clone(),
            current,
            create: call.create,
        };
        let asking = async {
            let now = self.clock.now();
            counters.called.inc();
            let answer = self.apps.call(call, trace).await?;
            let answer = Answer {
                as_of: Some(answer.as_of.unwrap_or(now)),
                ..answer
            };
            let keep = keep(age, &answer, now);
            Ok(Remembered {
                answer: Arc::new(answer),
                keep,
            })
        };
        match self.answers.try_get_with(question, asking).await {
            Ok(remembered) => Ok(Answer::clone(&remembered.answer)),
            Err(failure) => Err(Failure::clone(&failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;
    use crate::telemetry::Telemetry;
    use parking_lot::Mutex;
    use serde_json::json;
    use tokio::sync::Semaphore;

    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Millis {
            Millis::from_secs(1000)
        }
    }

    /// Answers when let, and counts.
    #[derive(Debug)]
    struct Gate {
        open: Semaphore,
        calls: Mutex<Vec<usize>>,
        fails: bool,
    }

    #[async_trait]
    impl AppCaller for Gate {
        async fn call(&self, call: &Call, _: &RequestTrace) -> Result<Answer, Failure> {
            self.calls.lock().push(call.app);
            let _open = self.open.acquire().await;
            if self.fails {
                Err(Failure::Timeout)
            } else {
                Ok(Answer::default())
            }
        }
    }

    fn counters() -> MemoCounters {
        Telemetry::new().memo().of("shop", "search")
    }

    fn memo(fails: bool, remember: Remember) -> (Arc<Gate>, Arc<Memo>) {
        let gate = Arc::new(Gate {
            open: Semaphore::new(0),
            calls: Mutex::default(),
            fails,
        });
        let apps: Arc<dyn AppCaller> = Arc::<Gate>::clone(&gate);
        let capacity = MemoCapacity { bytes: 1 << 20 };
        (
            gate,
            Arc::new(Memo::new(
                apps,
                vec![(remember, counters())],
                capacity,
                Arc::new(Stopped),
            )),
        )
    }

    fn trace() -> RequestTrace {
        RequestTrace::of_our_own(|| 7)
    }

    fn question(value: &str) -> Call {
        let inputs = [(known("public.sc"), json!(value))].into_iter().collect();
        Call {
            app: 0,
            inputs,
            current: Body::new(),
            create: false,
        }
    }

    async fn ask_all(memo: &Arc<Memo>, gate: &Gate, values: &[&'static str]) -> usize {
        let asked: Vec<_> = values
            .iter()
            .map(|value| {
                let (memo, call) = (Arc::clone(memo), question(value));
                tokio::spawn(async move { memo.call(&call, &trace()).await.is_ok() })
            })
            .collect();
        gate.open.add_permits(values.len());
        let mut answered = 0;
        for one in asked {
            answered += usize::from(one.await.unwrap());
        }
        answered
    }

    #[tokio::test]
    async fn equal_questions_at_the_same_time_are_one_call_and_others_do_not_wait() {
        let (gate, memo) = memo(false, Remember::For(Duration::from_mins(1)));
        assert_eq!(ask_all(&memo, &gate, &["1", "1", "1", "2", "2"]).await, 5);
        assert_eq!(gate.calls.lock().len(), 2);
        let (_, counters) = &memo.remember[0];
        assert_eq!((counters.asked.get(), counters.called.get()), (5, 2));
    }

    #[tokio::test]
    async fn a_remembered_answer_says_how_old_it_is() {
        let (gate, memo) = memo(false, Remember::For(Duration::from_mins(1)));
        gate.open.add_permits(1);
        let first = memo.call(&question("1"), &trace()).await.unwrap();
        assert_eq!(first.as_of, Some(Millis::from_secs(1000)));
        let again = memo.call(&question("1"), &trace()).await.unwrap();
        assert_eq!(again.as_of, first.as_of);
    }

    #[tokio::test]
    async fn what_stands_in_the_outputs_makes_another_question_only_to_an_app_that_is_told() {
        let minute = Duration::from_mins(1);
        for (remember, calls) in [(Remember::For(minute), 2), (Remember::ByInputs(minute), 1)] {
            let (gate, memo) = memo(false, remember);
            gate.open.add_permits(2);
            memo.call(&question("1"), &trace()).await.unwrap();
            let mut second = question("1");
            second.current.set(known("search.facets"), json!("x"));
            memo.call(&second, &trace()).await.unwrap();
            assert_eq!(gate.calls.lock().len(), calls, "{remember:?}");
        }
    }

    #[tokio::test]
    async fn failures_are_not_remembered() {
        let (gate, memo) = memo(true, Remember::For(Duration::from_mins(1)));
        gate.open.add_permits(2);
        assert!(memo.call(&question("1"), &trace()).await.is_err());
        assert!(memo.call(&question("1"), &trace()).await.is_err());
        assert_eq!(gate.calls.lock().len(), 2);
    }

    #[tokio::test]
    async fn an_app_that_is_not_remembered_is_always_called() {
        let (gate, memo) = memo(false, Remember::Never);
        assert_eq!(ask_all(&memo, &gate, &["1", "1"]).await, 2);
        assert_eq!(gate.calls.lock().len(), 2);
    }
}
