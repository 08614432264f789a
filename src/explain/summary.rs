//! The first sentence of an explanation: what would happen.

use super::line::line;
use super::report::Report;
use crate::flow::past::{Cause, Parting};
use crate::flow::{Decision, Lookup};

impl Report {
    /// Says in short what was decided. `parting`: how this very request ends its session.
    pub(super) fn sum_up(&mut self, decision: &Decision, parting: Option<&Parting>) {
        let said = match parting {
            Some(parting) => {
                let found = "found alive; this request ends it (logout)";
                self.lookup = vec![line("result", found)];
                ends(parting.cause, decision)
            }
            None => goes_on(decision),
        };
        self.summary.push(line("what would happen", said));
    }
}

/// What ends a session, and what comes after it.
fn ends(cause: Cause, decision: &Decision) -> String {
    let would = "sent like this, it would log the shopper out";
    let why = match cause {
        Cause::NoCookie(_) => format!("This request carries no login cookie: {would}"),
        Cause::RanOut(at) => {
            let at = at.map_or_else(String::new, |at| format!(" at {}", at.written()));
            format!("The token in this request's login cookie has run out{at}: {would}")
        }
        Cause::Refused(why) => {
            format!("This request carries a login cookie that is refused ({why}): {would}")
        }
        Cause::LoginEnded(ending) => {
            let why = ending.label();
            format!("The login of this session has ended elsewhere ({why}): {would}")
        }
        Cause::Unproven => {
            format!("No app says any more whose this request's login cookie is: {would}")
        }
        Cause::TooLarge => format!("The session would grow past its limits: {would}"),
        Cause::SessionApi | Cause::Operator => "It would end the session".to_owned(),
    };
    let after = if decision.cookies.session.is_some() {
        "What follows is the new anonymous session that would take its place."
    } else {
        "No session would take its place."
    };
    format!("{why}. {after}")
}

/// What becomes of a session that lives on, or of whoever has none.
fn goes_on(decision: &Decision) -> String {
    let changed = match decision.trace.changed.len() {
        0 => "nothing changes in it".to_owned(),
        1 => "1 value changes".to_owned(),
        many => format!("{many} values change"),
    };
    match decision.trace.lookup {
        Lookup::NotLooked => "No session is looked up for this request.".to_owned(),
        Lookup::NoToken | Lookup::Rejected(_) | Lookup::Gone => {
            "This request shows no session that lives: a new one would begin.".to_owned()
        }
        Lookup::Recognised { .. } | Lookup::Verified { .. } => {
            format!("The session of this request lives and would go on: {changed}.")
        }
        Lookup::Moved => "The session of this request has got another id.".to_owned(),
        Lookup::Ended(why) => {
            format!("The session of this request had ended ({why}): a new one would begin.")
        }
        Lookup::Ambiguous => "Two live sessions are shown: neither would count.".to_owned(),
        Lookup::Unreadable => {
            "The store cannot be asked: the shopper would be nobody in particular.".to_owned()
        }
    }
}
