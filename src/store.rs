//! Where sessions live. Stores keep and return; they decide nothing.

mod bits;
pub mod intern;
pub mod locks;
pub mod memory;
pub mod record;

pub use intern::Interner;
pub use locks::SessionLocks;
pub use memory::MemoryStore;
pub use record::{Ended, Ending, Found, Login, Marker, Resident};
