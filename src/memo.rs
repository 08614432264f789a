//! The memo: what an app answers to equal inputs is asked once, by whoever comes first.
//!
//! The key is the whole input, compared in full; a hash alone never decides. Failures are not
//! kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::future::Cache;
use prometheus::IntCounter;

use crate::domain::request::trace::RequestTrace;
use crate::domain::session::Body;
use crate::domain::time::Millis;
use crate::domain::transform::{Answer, Call, Failure};
use crate::ports::{AppCaller, Clock};

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
    remember: Vec<Remember>,
    answers: Cache<Question, Remembered>,
    clock: Arc<dyn Clock>,
    counters: MemoCounters,
}

/// How questions were answered, counted over all accounts.
#[derive(Clone, Debug)]
pub struct MemoCounters {
    /// Questions that could be answered from memory.
    pub asked: IntCounter,
    /// Questions that went to an app.
    pub called: IntCounter,
}

impl Memo {
    /// A memo before `apps`; `remember` has one entry an app, in configured order.
    pub fn new(
        apps: Arc<dyn AppCaller>,
        remember: Vec<Remember>,
        capacity: MemoCapacity,
        (clock, counters): (Arc<dyn Clock>, MemoCounters),
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
            counters,
        }
    }

    async fn ask(&self, call: &Call, trace: &RequestTrace) -> Result<Answer, Failure> {
        self.counters.called.inc();
        self.apps.call(call, trace).await
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
        let (age, current) = match self.remember.get(call.app).copied() {
            Some(Remember::For(age)) => (age, call.current.clone()),
            Some(Remember::ByInputs(age)) => (age, Body::new()),
            Some(Remember::Never) | None => return self.apps.call(call, trace).await,
        };
        self.counters.asked.inc();
        let question = Question {
            app: call.app,
            inputs: call.inputs.clone(),
            current,
            create: call.create,
        };
        let asking = async {
            let now = self.clock.now();
            let answer = self.ask(call, trace).await?;
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
mod tests;
