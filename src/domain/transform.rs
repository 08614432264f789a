//! The transform cycle: apps watch fields, are called when one changes, and write others.

pub mod app;
pub mod condition;

pub use app::{Answer, AppSpec, Call, Failure, Refusal};
