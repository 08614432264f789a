//! What is remembered, and who calls when somebody gives up or an app breaks.

use super::*;
use crate::domain::session::field::known;
use crate::telemetry::Telemetry;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The next answer is a panic.
    breaks: AtomicBool,
}

#[async_trait]
impl AppCaller for Gate {
    async fn call(&self, call: &Call, _: &RequestTrace) -> Result<Answer, Failure> {
        self.calls.lock().push(call.app);
        let _open = self.open.acquire().await;
        assert!(!self.breaks.swap(false, Ordering::SeqCst), "the app breaks");
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
        breaks: AtomicBool::default(),
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
async fn a_call_that_is_given_up_or_breaks_is_made_anew_by_whoever_waits_or_comes() {
    let (gate, memo) = memo(false, Remember::For(Duration::from_mins(1)));
    let ask = || {
        let memo = Arc::clone(&memo);
        tokio::spawn(async move { memo.call(&question("1"), &trace()).await.is_ok() })
    };
    let calls = async |count: usize| {
        while gate.calls.lock().len() < count {
            tokio::task::yield_now().await;
        }
    };
    // The client of the first one goes away; the second was waiting for its answer.
    let (first, second) = (ask(), ask());
    calls(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    calls(2).await;
    gate.breaks.store(true, Ordering::SeqCst);
    let third = ask();
    gate.open.add_permits(1);
    assert!(second.await.unwrap_err().is_panic());
    // Only whose call it was hears of it: the third one calls, too.
    calls(3).await;
    assert!(third.await.unwrap());
    assert!(ask().await.unwrap(), "and what it heard is remembered");
    assert_eq!(gate.calls.lock().len(), 3);
}

#[tokio::test]
async fn an_app_that_is_not_remembered_is_always_called() {
    let (gate, memo) = memo(false, Remember::Never);
    assert_eq!(ask_all(&memo, &gate, &["1", "1"]).await, 2);
    assert_eq!(gate.calls.lock().len(), 2);
}
