//! Answers that are kept, with the time in the test's hands.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::outbound::recent::Recent;
use crate::telemetry::Telemetry;

#[derive(Debug, Default)]
struct Hand(AtomicI64);

impl Hand {
    fn set(&self, second: i64) {
        self.0.store(second, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A source that counts its calls, answers when let, and can be broken.
struct Sea {
    clock: Arc<Hand>,
    kept: Arc<Kept<&'static str, Option<u32>>>,
    recent: Arc<Recent>,
    open: Arc<Semaphore>,
    calls: Arc<AtomicUsize>,
}

impl Sea {
    fn new() -> Self {
        let clock = Arc::new(Hand::default());
        let recent: Arc<Recent> = Arc::default();
        let seconds = Duration::from_secs;
        let keeping = Keeping {
            ages: Ages::new(seconds(10), seconds(20), seconds(30)),
            nothing: Ages::only(seconds(5)),
            is_nothing: Option::is_none,
            most: 10,
        };
        let counters = Telemetry::new().sources().lookups_of("shop", "fish");
        let ledger = Ledger::new("fish", counters, &recent);
        let time: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        Self {
            kept: Kept::new(keeping, time, ledger),
            clock,
            recent,
            open: Arc::new(Semaphore::new(1_000)),
            calls: Arc::default(),
        }
    }

    fn fetch(
        &self,
        answer: Result<Option<u32>, SourceError>,
    ) -> impl Future<Output = Result<Option<u32>, SourceError>> + Send + 'static {
        let (open, calls) = (Arc::clone(&self.open), Arc::clone(&self.calls));
        async move {
            calls.fetch_add(1, Ordering::SeqCst);
            open.acquire().await.unwrap().forget();
            answer
        }
    }

    async fn ask(
        &self,
        answer: Result<Option<u32>, SourceError>,
    ) -> Result<Option<u32>, SourceError> {
        let given = self.kept.get("cod", || self.fetch(answer)).await;
        given.map(|given| given.value)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until no call is under way.
    async fn calm(&self) {
        while !self.kept.flights.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    fn last(&self) -> How {
        self.recent.all().pop().unwrap().how
    }
}

const DOWN: SourceError = SourceError::Broken;

#[tokio::test]
async fn an_answer_serves_by_its_age() {
    let sea = Sea::new();
    assert_eq!(sea.ask(Ok(Some(1))).await, Ok(Some(1)));
    assert_eq!(sea.last(), How::Asked);
    sea.clock.set(10);
    assert_eq!(sea.ask(Ok(Some(2))).await, Ok(Some(1)));
    assert_eq!(sea.calls(), 1, "fresh: nobody is asked");
    sea.clock.set(20);
    assert_eq!(
        sea.ask(Ok(Some(3))).await,
        Ok(Some(1)),
        "old, and fetched beside"
    );
    let age = Duration::from_secs(20);
    assert_eq!(sea.last(), How::Refreshing { age });
    sea.calm().await;
    assert_eq!(sea.ask(Ok(Some(4))).await, Ok(Some(3)));
    assert_eq!(sea.calls(), 2);
    sea.clock.set(50);
    assert_eq!(
        sea.ask(Ok(Some(5))).await,
        Ok(Some(5)),
        "too old to serve at once"
    );
}

#[tokio::test]
async fn an_old_answer_stands_in_for_one_that_cannot_be_had_and_not_for_ever() {
    let sea = Sea::new();
    sea.ask(Ok(Some(1))).await.unwrap();
    sea.clock.set(30);
    assert_eq!(sea.ask(Err(DOWN)).await, Ok(Some(1)));
    assert!(matches!(sea.last(), How::OnError { .. }));
    sea.clock.set(31);
    assert_eq!(sea.ask(Err(DOWN)).await, Err(DOWN));
    assert!(matches!(sea.last(), How::Failed { .. }));
    assert_eq!(sea.ask(Ok(Some(2))).await, Ok(Some(2)), "back again");
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_what_was_there() {
    let sea = Sea::new();
    sea.ask(Ok(Some(1))).await.unwrap();
    sea.clock.set(15);
    sea.ask(Err(DOWN)).await.unwrap();
    sea.calm().await;
    assert_eq!(sea.ask(Err(DOWN)).await, Ok(Some(1)));
}

#[tokio::test]
async fn that_there_is_nothing_is_believed_for_a_shorter_time_and_failures_not_at_all() {
    let sea = Sea::new();
    assert_eq!(sea.ask(Ok(None)).await, Ok(None));
    sea.clock.set(5);
    assert_eq!(sea.ask(Ok(Some(1))).await, Ok(None));
    sea.clock.set(6);
    assert_eq!(sea.ask(Err(DOWN)).await, Err(DOWN));
    assert_eq!(sea.ask(Ok(Some(1))).await, Ok(Some(1)));
}

#[tokio::test]
async fn equal_questions_at_one_time_are_one_call_and_others_do_not_wait() {
    let sea = Arc::new(Sea::new());
    sea.open.forget_permits(1_000);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let sea = Arc::clone(&sea);
        crowd.spawn(async move { sea.ask(Ok(Some(1))).await });
    }
    while sea.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let other = async { Ok(Some(7)) };
    let other = sea.kept.get("eel", || other).await.unwrap();
    assert_eq!(other.value, Some(7), "nobody waits for another question");
    sea.open.add_permits(1_000);
    for answer in crowd.join_all().await {
        assert_eq!(answer, Ok(Some(1)));
    }
    assert_eq!(sea.calls(), 1);
}

#[tokio::test]
async fn whoever_gives_up_leaves_the_call_to_the_others() {
    let sea = Arc::new(Sea::new());
    sea.open.forget_permits(1_000);
    let first = tokio::spawn({
        let sea = Arc::clone(&sea);
        async move { sea.ask(Ok(Some(1))).await }
    });
    while sea.calls() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = tokio::spawn({
        let sea = Arc::clone(&sea);
        async move { sea.ask(Ok(Some(2))).await }
    });
    tokio::task::yield_now().await;
    sea.open.add_permits(1);
    assert_eq!(second.await.unwrap(), Ok(Some(1)));
    assert_eq!(sea.calls(), 1);
}

#[tokio::test]
async fn a_call_that_breaks_is_an_error_and_the_next_is_a_call() {
    let sea = Sea::new();
    let broken = sea.kept.get("cod", || async { panic!("a mistake") }).await;
    assert_eq!(broken.unwrap_err(), SourceError::Broken);
    assert_eq!(sea.ask(Ok(Some(1))).await, Ok(Some(1)));
}

#[tokio::test]
async fn an_answer_of_an_earlier_time_never_takes_the_place_of_a_newer_one() {
    let sea = Sea::new();
    sea.clock.set(5);
    sea.ask(Ok(Some(1))).await.unwrap();
    let at = Millis::from_secs(1);
    sea.kept.put("cod", Given { value: Some(9), at });
    assert_eq!(sea.ask(Err(DOWN)).await, Ok(Some(1)));
    assert!(!sea.kept.is_due(&"cod") && sea.kept.is_due(&"eel"));
}

#[tokio::test]
async fn a_call_that_ends_between_look_and_call_is_not_made_again() {
    let sea = Sea::new();
    sea.ask(Ok(Some(1))).await.unwrap();
    // As whoever looked before it ended, and found nothing.
    let fetch = || sea.fetch(Ok(Some(2)));
    assert!(matches!(
        sea.kept.join("cod", fetch),
        Joined::Landed(given) if given.value == Some(1)
    ));
    assert_eq!(sea.calls(), 1);
}
