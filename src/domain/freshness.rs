//! How long an answer of somebody else is believed: at once, while a newer one is fetched, and in
//! place of one that cannot be had.

use std::time::Duration;

/// Ages of an answer, each counted from the moment it was given. They never go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Up to this age it is believed.
    pub fresh: Duration,
    /// Up to this age it is believed once more, while a newer one is fetched beside.
    pub refreshing: Duration,
    /// Up to this age it stands in for one that cannot be had.
    pub on_error: Duration,
}

impl Ages {
    /// Ages that never go down, whatever is asked for.
    pub fn new(fresh: Duration, refreshing: Duration, on_error: Duration) -> Self {
        let refreshing = refreshing.max(fresh);
        Self {
            fresh,
            refreshing,
            on_error: on_error.max(refreshing),
        }
    }

    /// Believed for so long, and not a moment longer.
    pub const fn only(fresh: Duration) -> Self {
        Self {
            fresh,
            refreshing: fresh,
            on_error: fresh,
        }
    }
}

/// What an answer of some age is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the answer.
    Fresh,
    /// It is the answer, and a newer one is to be fetched without anybody waiting.
    Refreshing,
    /// It is the answer only if none can be had.
    OnError,
    /// Nothing.
    Gone,
}

/// What an answer is good for. Each age is counted in.
pub fn standing(age: Duration, ages: Ages) -> Standing {
    if age <= ages.fresh {
        Standing::Fresh
    } else if age <= ages.refreshing {
        Standing::Refreshing
    } else if age <= ages.on_error {
        Standing::OnError
    } else {
        Standing::Gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_worth_less_with_age() {
        let seconds = Duration::from_secs;
        let ages = Ages::new(seconds(10), seconds(20), seconds(30));
        for (age, expected) in [
            (0, Standing::Fresh),
            (10, Standing::Fresh),
            (11, Standing::Refreshing),
            (20, Standing::Refreshing),
            (21, Standing::OnError),
            (30, Standing::OnError),
            (31, Standing::Gone),
        ] {
            assert_eq!(standing(seconds(age), ages), expected, "{age}");
        }
    }

    #[test]
    fn ages_that_would_go_down_do_not() {
        let seconds = Duration::from_secs;
        let ages = Ages::new(seconds(10), seconds(5), seconds(1));
        assert_eq!(ages, Ages::only(seconds(10)));
        assert_eq!(standing(seconds(11), ages), Standing::Gone);
    }
}
