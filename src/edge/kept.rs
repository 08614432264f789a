//! What is kept with a connection from one request to the next (HTTP/1.1).

use std::sync::Arc;

use pingora::http::RequestHeader;

use super::{Edge, Passage};
use crate::flow::{Said, only_cookie_line};

/// Every how many bytes of a Cookie line one is looked at to guess whether it is the last one.
const SAMPLED: usize = 24;

/// What a request leaves for the next one.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// A guess at whether the next says the same. Behind a proxy that mixes shoppers on one
    /// connection it never does, and then nothing more is kept.
    Guess(u64),
    /// What was said twice.
    Said(Arc<Said>),
}

impl Kept {
    /// What was said before, where it is known.
    pub(super) fn said(&self) -> Option<&Said> {
        match self {
            Self::Guess(_) => None,
            Self::Said(said) => Some(said),
        }
    }
}

impl Edge {
    /// What this request leaves for the next one on its connection.
    pub(super) fn keep(&self, head: &RequestHeader, passage: &Passage) -> Option<Kept> {
        let before = passage.before.as_ref();
        let (Some(decision), Some(placed)) = (&passage.decision, &passage.placed) else {
            return before.cloned();
        };
        if !decision.repeatable {
            return before.cloned();
        }
        let guess = guess(only_cookie_line(&head.headers)?);
        match before {
            Some(Kept::Guess(last)) if *last == guess => {
                let request = self.view(head, passage, &placed.admitted);
                let said = Said::of(decision, &request)?;
                Some(Kept::Said(Arc::new(said)))
            }
            _ => Some(Kept::Guess(guess)),
        }
    }
}

/// Two equal guesses prove nothing, and need not: what is kept is compared byte for byte.
fn guess(line: &[u8]) -> u64 {
    let sampled = line.iter().rev().step_by(SAMPLED);
    sampled.fold(line.len() as u64, |guess, byte| {
        guess.rotate_left(7) ^ u64::from(*byte)
    })
}
