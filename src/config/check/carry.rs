//! Public keys that outlive a session.

use super::Check;
use crate::config::problems::Problem;
use crate::config::tree::At;
use crate::config::values::CarryOver;
use crate::domain::session::Field;

/// Public keys that say who somebody is.
const OF_THE_PERSON: [&str; 2] = ["storeUserEmail", "vtex-impersonated-customer-email"];

impl Check<'_, '_, '_> {
    pub(super) fn carry_over(&mut self, written: &[String], at: &At) -> Option<CarryOver> {
        let mut carry_over = CarryOver::default();
        let mut good = true;
        for (index, pattern) in written.iter().enumerate() {
            let beginning = pattern.strip_suffix('*');
            let start = beginning.unwrap_or(pattern);
            let problem = if beginning == Some("") {
                Some("`*` alone would take everything, the person included")
            } else if Field::new("public", start).is_err() || start.contains('*') {
                Some("no key of `public`")
            } else if OF_THE_PERSON.iter().any(|key| {
                *key == start || beginning.is_some_and(|beginning| key.starts_with(beginning))
            }) {
                Some("this tells who somebody is, and ends with the session")
            } else {
                None
            };
            if let Some(problem) = problem {
                let allowed = "a key such as \"sc\", or the beginning of some, \"utm_*\"";
                let at = at.index(index);
                self.say.wrong(&at, Problem::new(problem).allowed(allowed));
                good = false;
            } else if let Some(beginning) = beginning {
                carry_over.beginnings.push(beginning.to_owned());
            } else {
                carry_over.names.push(pattern.clone());
            }
        }
        good.then_some(carry_over)
    }
}
