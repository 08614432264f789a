//! Configuration: raw shapes, then checks, then values that are valid by construction.
//!
//! Nothing here prints, watches a file or keeps global state.

pub mod builtin;
pub mod values;

pub use values::{Account, Config};
