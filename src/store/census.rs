//! Which sessions are in memory, counted.

use super::record::Found;

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
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, found: &Found) -> Self {
        let count = match found {
            Found::Live(resident) if resident.session().authenticated() => &mut self.authenticated,
            Found::Live(resident) if resident.is_light() => &mut self.light,
            Found::Live(_) => &mut self.anonymous,
            Found::Moved(_) => &mut self.markers,
            Found::Ended(_) => &mut self.tombstones,
        };
        *count += 1;
        self
    }
}
