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

mod outcomes;

pub use outcomes::Outcomes;

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
            let keep = keep(age, &answer, now);
            let answer = Answer {
                as_of: Some(answer.as_of.unwrap_or(now)),
                again_until: Some(now.plus(keep)),
                ..answer
            };
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
