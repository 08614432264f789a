//! A page of many sessions: how many are told of, and where the next one begins.

use std::cmp::Reverse;

use super::Refusal;
use crate::domain::session::SessionId;
use crate::domain::time::Millis;

/// How many are told of where nobody says how many, and at most.
const USUAL: usize = 50;
pub(super) const MOST: usize = 100;

/// How many are asked for.
pub(super) fn most(limit: Option<usize>) -> Result<usize, Refusal> {
    match limit {
        None => Ok(USUAL),
        Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(_) => Err(Refusal::bad(
            "malformed",
            format!("`limit` is from 1 to {MOST}."),
        )),
    }
}

/// A moment and an id, as the place after which a page begins.
pub(super) fn read_place(text: &str) -> Option<(Millis, SessionId)> {
    let (at, id) = text.split_once('.')?;
    Some((Millis::from_millis(at.parse().ok()?), id.parse().ok()?))
}

/// The same, written.
pub(super) fn place(at: Millis, id: SessionId) -> String {
    format!("{}.{id}", at.as_millis())
}

pub(super) fn no_place() -> Refusal {
    let said = "`after` is what `next` said with the page before.";
    Refusal::bad("malformed", said)
}

/// The place of a session among all that were found: those that live by their last use, the latest
/// first, and after them those that are over by their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    over: bool,
    at: Reverse<Millis>,
    id: SessionId,
}

impl Spot {
    pub(super) const fn live(seen: Millis, id: SessionId) -> Self {
        Self {
            over: false,
            at: Reverse(seen),
            id,
        }
    }

    pub(super) const fn over(at: Millis, id: SessionId) -> Self {
        Self {
            over: true,
            at: Reverse(at),
            id,
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let (over, text) = match text.strip_prefix("over.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (at, id) = read_place(text).ok_or_else(no_place)?;
        Ok(Self {
            over,
            at: Reverse(at),
            id,
        })
    }

    pub(super) fn written(self) -> String {
        let place = place(self.at.0, self.id);
        if self.over {
            format!("over.{place}")
        } else {
            place
        }
    }
}

/// The first of many by their keys, in order: of thousands, no more are kept than are told of.
pub(super) fn first<T, K: Ord + Copy>(
    all: impl Iterator<Item = (K, T)>,
    (after, most): (Option<K>, usize),
) -> Vec<(K, T)> {
    let mut kept: Vec<(K, T)> = Vec::with_capacity(most + 1);
    for (key, one) in all {
        let is_full = kept.len() >= most;
        if after.is_some_and(|after| key <= after)
            || is_full && kept.last().is_some_and(|(last, _)| *last <= key)
        {
            continue;
        }
        let at = kept.partition_point(|(one, _)| *one < key);
        kept.insert(at, (key, one));
        kept.truncate(most);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_many_follow_one_another_and_tell_each_once() {
        let all: Vec<u32> = (0..100).map(|number| number * 37 % 101).collect();
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let keyed = all.iter().map(|number| (*number, ()));
            let page = first(keyed, (after, 7));
            let Some((last, ())) = page.last() else { break };
            after = Some(*last);
            told.extend(page.into_iter().map(|(number, ())| number));
        }
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(told, sorted);
        assert!(first([(1, ())].into_iter(), (None, 0)).is_empty());
    }

    #[test]
    fn a_spot_is_read_as_it_was_written_and_what_lives_comes_first() {
        let (early, late) = (Millis::from_secs(1), Millis::from_secs(2));
        let id = SessionId::from_random(7);
        let spots = [
            Spot::live(late, id),
            Spot::live(early, id),
            Spot::over(late, id),
            Spot::over(early, id),
        ];
        assert!(spots.is_sorted());
        for spot in spots {
            assert_eq!(Spot::read(&spot.written()).ok(), Some(spot));
        }
        for wrong in ["", "over.", "12", "1.x", "live.1.2"] {
            assert!(Spot::read(wrong).is_err(), "{wrong}");
        }
    }
}
