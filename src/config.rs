//! Configuration: raw shapes, then checks, then values that are valid by construction.
//!
//! [`load`] is the one entrance. Nothing here prints, watches a file, reads the process's
//! environment or keeps global state.

pub mod builtin;
mod check;
mod effective;
pub mod files;
mod layers;
mod load;
mod origins;
mod platform;
mod problems;
pub mod raw;
pub mod reference;
mod report;
mod schema;
#[cfg(test)]
mod tests;
mod tree;
pub mod values;
mod walk;

pub use effective::Effective;
pub use files::{FileChecks, NamedFileError, OnDisk, Unseen};
pub use layers::{ENVIRONMENT, Layers};
pub use load::{Loaded, load};
pub use report::{Finding, Location, Report, Severity};
pub use schema::schema;
pub use values::{Account, Config};
