//! What a connection and the requests on it tell each other: what the client owes now, and why the
//! connection had to be ended.
//!
//! Whoever reads and writes the socket ([`super::line`]) does not know where a head ends; whoever
//! knows the request never sees the socket. The way from one to the other is what pingora passes
//! along with every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use pingora::proxy::Session as Exchange;

use crate::telemetry::Cause;

/// Requests that a client of HTTP/2 may give up on one connection, before it is looked at how many it
/// let be answered. Whoever leaves a page full of pictures gives up dozens.
const GIVEN_UP: u32 = 100;

/// What is waited for on a connection of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A head, or its rest.
    Head,
    /// The rest of a body.
    Body,
    /// Nothing that the client owes.
    Nothing,
}

/// Between a connection and its requests.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// A number that grows with each stage; its lowest bits say which it is.
    turn: AtomicU32,
    /// Whether many requests share the connection: HTTP/2.
    shared: AtomicBool,
    /// Of those, how many have a body to come.
    owing: AtomicU32,
    begun: AtomicU32,
    given_up: AtomicU32,
    /// Why the connection ended, as a number from 1; 0: it did not.
    fault: AtomicU8,
    over: AtomicBool,
}

impl Pace {
    /// The pace of the connection that a request came by.
    pub(super) fn of(exchange: &Exchange) -> Option<&Self> {
        let digest = exchange.digest()?.proxy_digest.as_ref()?;
        let pace: &Arc<Self> = digest.user_data.as_ref()?.downcast_ref()?;
        Some(pace)
    }

    /// The stage now, and a number that no other stage of this connection had just before.
    pub(super) fn stage(&self) -> (u32, Stage) {
        let turn = self.turn.load(Ordering::Relaxed);
        let stage = match turn & 3 {
            0 => Stage::Head,
            1 => Stage::Body,
            _ => Stage::Nothing,
        };
        (turn, stage)
    }

    /// Only whoever has the request changes the stage, so there is nobody to race with.
    fn enter(&self, stage: Stage) {
        let turn = (self.turn.load(Ordering::Relaxed) & !3).wrapping_add(4);
        self.turn.store(turn | stage as u32, Ordering::Relaxed);
    }

    /// A head is complete.
    pub(super) fn begun(&self, owes: bool) {
        if self.is_shared() {
            self.begun.fetch_add(1, Ordering::Relaxed);
            self.owing.fetch_add(u32::from(owes), Ordering::Relaxed);
        } else {
            self.enter(if owes { Stage::Body } else { Stage::Nothing });
        }
    }

    /// A body that was owed is complete.
    pub(super) fn received(&self) {
        if self.is_shared() {
            self.owing.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.enter(Stage::Nothing);
        }
    }

    /// A request is over. What is `owed` of its body may still be read and thrown away. It was
    /// `given_up` if the client went before there was an answer.
    pub(super) fn over(&self, owed: bool, given_up: bool) {
        if !self.is_shared() {
            if !owed {
                self.enter(Stage::Head);
            }
            return;
        }
        if owed {
            self.owing.fetch_sub(1, Ordering::Relaxed);
        }
        if given_up {
            let given_up = self.given_up.fetch_add(1, Ordering::Relaxed) + 1;
            let begun = self.begun.load(Ordering::Relaxed);
            if given_up > GIVEN_UP && given_up > begun / 2 {
                self.fail(Cause::Resets);
                self.end();
            }
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    pub(super) fn share(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    /// Whether a request of HTTP/2 has a body to come.
    pub(super) fn owes(&self) -> bool {
        self.owing.load(Ordering::Relaxed) > 0
    }

    /// The connection is ended for this.
    pub(super) fn fail(&self, cause: Cause) {
        self.fault.store(cause as u8 + 1, Ordering::Relaxed);
    }

    /// Why it had to be ended.
    pub(super) fn fault(&self) -> Option<Cause> {
        let place = self.fault.load(Ordering::Relaxed).checked_sub(1)?;
        Cause::ALL.get(usize::from(place)).copied()
    }

    /// Nothing more is done with the connection.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_another_even_where_it_looks_like_the_one_before() {
        let pace = Pace::default();
        let first = pace.stage();
        assert_eq!(first.1, Stage::Head);
        pace.begun(false);
        assert_eq!(pace.stage().1, Stage::Nothing);
        pace.over(false, false);
        let second = pace.stage();
        assert_eq!(second.1, Stage::Head);
        assert_ne!(first.0, second.0);
        pace.begun(true);
        assert_eq!(pace.stage().1, Stage::Body);
        pace.over(true, false);
        assert_eq!(pace.stage().1, Stage::Body, "its rest is thrown away");
    }

    #[test]
    fn a_client_that_gives_up_most_of_what_it_asks_is_left_and_one_that_leaves_a_page_is_not() {
        let (page, flood) = (Pace::default(), Pace::default());
        for (pace, answered, given_up) in [(&page, 1000, 400), (&flood, 10, 101)] {
            pace.share();
            for _ in 0..answered {
                pace.begun(false);
                pace.over(false, false);
            }
            for _ in 0..given_up {
                pace.begun(false);
                pace.over(false, true);
            }
        }
        assert_eq!((page.fault(), page.has_ended()), (None, false));
        assert_eq!(flood.fault(), Some(Cause::Resets));
        assert!(flood.has_ended());
    }
}
