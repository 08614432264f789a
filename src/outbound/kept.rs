//! What sources have said, kept by question: equal questions at the same time are one call, old
//! answers serve while newer ones are fetched, and in place of those that cannot be had.
//!
//! A call belongs to nobody who waits for it: whoever gives up leaves it to the others.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::recent::{How, Ledger};
use super::source::SourceError;
use crate::domain::freshness::{Ages, Standing, standing};
use crate::domain::time::Millis;
use crate::ports::Clock;

/// An answer, and when it was given.
#[derive(Clone, Debug)]
pub struct Given<V> {
    /// The answer.
    pub value: V,
    /// When it was given.
    pub at: Millis,
}

/// How long answers are kept, and which of them say that there is nothing.
#[derive(Clone, Copy, Debug)]
pub struct Keeping<V> {
    /// Of something.
    pub ages: Ages,
    /// Of nothing.
    pub nothing: Ages,
    /// Whether an answer says that there is nothing.
    pub is_nothing: fn(&V) -> bool,
    /// Answers that are kept at most.
    pub most: u64,
}

type Outcome<V> = Result<Given<V>, SourceError>;

/// A call that is under way, as those see it who wait for it.
type Flight<V> = watch::Receiver<Option<Outcome<V>>>;

/// What there is for whoever asks.
enum Joined<V> {
    /// A call under way.
    Flight(Flight<V>),
    /// The answer of one that has just ended.
    Landed(Arc<Given<V>>),
}

/// Answers by question.
pub struct Kept<K, V> {
    keeping: Keeping<V>,
    answers: Cache<K, Arc<Given<V>>>,
    flights: Mutex<HashMap<K, Flight<V>>>,
    clock: Arc<dyn Clock>,
    ledger: Ledger,
}

/// Neither questions nor answers: they are a shopper's.
impl<K, V> fmt::Debug for Kept<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("what", &self.ledger.what())
            .finish_non_exhaustive()
    }
}

impl<K, V> Kept<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing is kept yet.
    pub fn new(keeping: Keeping<V>, clock: Arc<dyn Clock>, ledger: Ledger) -> Arc<Self> {
        let answers = Cache::builder()
            .max_capacity(keeping.most)
            .time_to_live(keeping.ages.on_error.max(keeping.nothing.on_error))
            .build();
        Arc::new(Self {
            keeping,
            answers,
            flights: Mutex::default(),
            clock,
            ledger,
        })
    }

    /// Takes an answer that was given earlier, unless a newer one is kept.
    pub fn put(&self, key: K, given: Given<V>) {
        let newer = self
            .answers
            .get(&key)
            .is_some_and(|kept| kept.at > given.at);
        if !newer {
            self.answers.insert(key, Arc::new(given));
        }
    }

    /// Whether an answer is due to be fetched anew.
    pub fn is_due(&self, key: &K) -> bool {
        self.answers
            .get(key)
            .is_none_or(|kept| self.standing_of(&kept).1 != Standing::Fresh)
    }

    /// The answer to a question: kept, or fetched by whoever asks first.
    pub async fn get<F>(
        self: &Arc<Self>,
        key: K,
        fetch: impl FnOnce() -> F + Send,
    ) -> Result<Given<V>, SourceError>
    where
        F: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        let Some(kept) = self.answers.get(&key) else {
            return self.ask(key, fetch, None).await;
        };
        let (age, standing) = self.standing_of(&kept);
        match standing {
            Standing::Fresh => {
                self.ledger.kept(age);
                Ok(Given::clone(&kept))
            }
            Standing::Refreshing => {
                drop(self.join(key, fetch));
                self.ledger.tell(How::Refreshing { age }, Duration::ZERO);
                Ok(Given::clone(&kept))
            }
            Standing::OnError => self.ask(key, fetch, Some((age, kept))).await,
            Standing::Gone => self.ask(key, fetch, None).await,
        }
    }

    /// Asks the source, or whoever asks it already. An old answer stands in where there is none.
    async fn ask<F>(
        self: &Arc<Self>,
        key: K,
        fetch: impl FnOnce() -> F + Send,
        old: Option<(Duration, Arc<Given<V>>)>,
    ) -> Outcome<V>
    where
        F: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        let began = Instant::now();
        let flight = match self.join(key, fetch) {
            Joined::Flight(flight) => flight,
            Joined::Landed(given) => {
                self.ledger.tell(How::Asked, began.elapsed());
                return Ok(Given::clone(&given));
            }
        };
        let arrived = arrival(flight).await;
        let (how, outcome) = match (arrived, old) {
            (Ok(given), _) => (How::Asked, Ok(given)),
            (Err(error), Some((age, old))) => {
                let why = error.to_string();
                (How::OnError { age, why }, Ok(Given::clone(&old)))
            }
            (Err(error), None) => {
                let why = error.to_string();
                (How::Failed { why }, Err(error))
            }
        };
        self.ledger.tell(how, began.elapsed());
        outcome
    }

    /// Fetches anew, whatever is kept.
    pub async fn renew<F>(
        self: &Arc<Self>,
        key: K,
        fetch: impl FnOnce() -> F + Send,
    ) -> Result<Given<V>, SourceError>
    where
        F: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        let flight = self.fly(&mut self.flights.lock(), key, fetch);
        arrival(flight).await
    }

    fn standing_of(&self, kept: &Given<V>) -> (Duration, Standing) {
        let age = self.clock.now().since(kept.at);
        let ages = if (self.keeping.is_nothing)(&kept.value) {
            self.keeping.nothing
        } else {
            self.keeping.ages
        };
        (age, standing(age, ages))
    }

    /// Joins the call for a question, or begins it, unless one has ended since the answer was looked
    /// for.
    fn join<F>(self: &Arc<Self>, key: K, fetch: impl FnOnce() -> F) -> Joined<V>
    where
        F: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        let mut flights = self.flights.lock();
        if !flights.contains_key(&key)
            && let Some(given) = self.answers.get(&key)
            && self.standing_of(&given).1 == Standing::Fresh
        {
            return Joined::Landed(given);
        }
        Joined::Flight(self.fly(&mut flights, key, fetch))
    }

    /// Joins the call for a question, or begins it.
    fn fly<F>(
        self: &Arc<Self>,
        flights: &mut HashMap<K, Flight<V>>,
        key: K,
        fetch: impl FnOnce() -> F,
    ) -> Flight<V>
    where
        F: Future<Output = Result<V, SourceError>> + Send + 'static,
    {
        if let Some(flight) = flights.get(&key) {
            return flight.clone();
        }
        let (arrive, flight) = watch::channel(None);
        flights.insert(key.clone(), flight.clone());
        let landing = Landing {
            kept: Arc::clone(self),
            key,
        };
        let call = fetch();
        tokio::spawn(async move {
            let outcome = call.await.map(|value| Given {
                value,
                at: landing.kept.clock.now(),
            });
            if let Ok(given) = &outcome {
                landing.kept.put(landing.key.clone(), given.clone());
            }
            // From here on the next question is a new call; those who wait have this one's answer.
            drop(landing);
            arrive.send_replace(Some(outcome));
        });
        flight
    }
}

/// Takes a call off the list of those under way, however it ended.
struct Landing<K: Hash + Eq, V> {
    kept: Arc<Kept<K, V>>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.kept.flights.lock().remove(&self.key);
    }
}

async fn arrival<V: Clone>(mut flight: Flight<V>) -> Outcome<V> {
    match flight.wait_for(Option::is_some).await {
        Ok(arrived) => arrived.clone().unwrap_or(Err(SourceError::Broken)),
        Err(_) => Err(SourceError::Broken),
    }
}

#[cfg(test)]
mod tests;
