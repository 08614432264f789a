//! Directories: where the built-in apps look up the store's data (contract §5).

mod culture;
pub mod embedded;
pub mod mixed;
pub mod vtex;

pub(crate) use culture::is_culture;
