//! The commands.

pub mod keys;
pub mod moment;
pub mod secret_file;
pub mod token;
