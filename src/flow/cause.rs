//! Why a request logs out: what became of the login cookie that a session lived by.

use super::Stage;
use super::past::Cause;
use super::writes::{News, says_who};
use crate::domain::time::Millis;
use crate::domain::transform::{Note, Outcome};
use crate::store::{Ending, Resident};

/// The word of the verifier for a token that has run out.
const RAN_OUT: &str = "expired";

impl Stage<'_> {
    /// Why nobody is proved after a cycle who was before it.
    pub(super) fn cause(&self, resident: &Resident, news: &News, outcome: &Outcome) -> Cause {
        let mut shown = self.inputs.captured.iter();
        if !shown.any(|(name, value)| says_who(self.account, name) && !value.is_empty()) {
            return Cause::NoCookie(token_ends(resident));
        }
        if let Some((_, ending)) = news.ended.first() {
            return Cause::LoginEnded(*ending);
        }
        let refused: Vec<&'static str> = outcome
            .notes
            .iter()
            .filter_map(|note| match note {
                Note::TokenRefused(why) => Some(*why),
                _ => None,
            })
            .collect();
        if refused.contains(&RAN_OUT) {
            return Cause::RanOut(token_ends(resident));
        }
        let first = refused.first().copied();
        first.map_or(Cause::Unproven, Cause::Refused)
    }
}

/// Why a login that a session lives by does not stand any more.
pub(super) fn fallen(resident: &Resident) -> Cause {
    let mut logins = resident.logins().iter();
    let ended = logins.find_map(|login| login.ended());
    Cause::LoginEnded(ended.unwrap_or(Ending::Absolute))
}

/// The end of the tokens that a session lived by, by their own word.
fn token_ends(resident: &Resident) -> Option<Millis> {
    let logins = resident.logins().iter();
    let told = logins.filter(|login| login.tells_its_end());
    told.map(|login| login.expires).max()
}
