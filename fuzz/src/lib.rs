//! What fuzzing asks of the program: for each target one function that takes any bytes and panics
//! where a law is broken.
//!
//! The laws are the program's own promises (limits, round trips, one normal form), or those of a slow
//! and simple reader that must come to the same. Only the library's public API is used.

pub mod api_body;
pub mod app_reply;
pub mod configuration;
pub mod cookies;
pub mod cycle;
mod depth;
pub mod heads;
pub mod login;
pub mod paths;
pub mod query;
mod signing;
pub mod token;
mod view;
