//! Which sessions are in memory, counted as they come and go.

use super::record::{Found, Resident};

/// What a process holds in memory. Approximate while it serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Live sessions of anonymous shoppers, those that are light left out.
    pub anonymous: u64,
    /// Live sessions that hold nothing but defaults, and are written nowhere else.
    pub light: u64,
    /// Live sessions of known shoppers and staff.
    pub authenticated: u64,
    /// Markers of rotations.
    pub markers: u64,
    /// Tombstones of ended sessions.
    pub tombstones: u64,
}

impl Census {
    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous + other.anonymous,
            light: self.light + other.light,
            authenticated: self.authenticated + other.authenticated,
            markers: self.markers + other.markers,
            tombstones: self.tombstones + other.tombstones,
        }
    }

    /// One more.
    pub(super) fn add(&mut self, one: &Resident) {
        *self.count_of(one) += 1;
    }

    /// One less, which was added as what it is now.
    pub(super) fn take(&mut self, one: &Resident) {
        *self.count_of(one) -= 1;
    }

    fn count_of(&mut self, one: &Resident) -> &mut u64 {
        match one.instead() {
            Some(Found::Moved(_)) => &mut self.markers,
            Some(Found::Ended(_)) => &mut self.tombstones,
            Some(Found::Live(live)) => self.count_of(live),
            None if one.session().authenticated() => &mut self.authenticated,
            None if one.is_light() => &mut self.light,
            None => &mut self.anonymous,
        }
    }
}
