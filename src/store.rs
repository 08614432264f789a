//! Where sessions live. Stores keep and return; they decide nothing.

mod bits;
mod census;
mod codec;
pub mod embedded;
pub mod guarded;
pub mod intern;
mod latest;
pub mod layered;
pub mod locks;
pub mod memory;
pub mod passed;
pub mod persons;
pub mod record;
pub mod valkey;

pub use census::Census;
pub use embedded::EmbeddedStore;
pub use guarded::GuardedStore;
pub use intern::Interner;
pub use latest::{Latest, Place, Wanted};
pub use layered::{LayeredStore, Owing};
pub use locks::SessionLocks;
pub use memory::MemoryStore;
pub use passed::PassedStore;
pub use persons::PersonKey;
pub use record::{Ended, Ending, Found, LONGEST_LOGIN, Login, Marker, Resident};
pub use valkey::ValkeyStore;

use crate::ports::StoreError;

fn unavailable(why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable(why.to_string())
}

/// How an operation came out, for counting.
fn outcome<T>(result: &Result<T, StoreError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(StoreError::Exists) => "exists",
        Err(StoreError::Unavailable(_) | StoreError::Newer | StoreError::Elsewhere) => "failed",
    }
}
