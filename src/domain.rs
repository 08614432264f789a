//! The pure core: what a request means, what a session holds, what follows from both.
//!
//! Nothing here does IO, waits, reads a clock, draws a random number or writes a log;
//! `tests/architecture.rs` holds it to that.

pub mod access;
pub mod api;
pub mod balance;
pub mod breaker;
pub mod context;
pub mod cookies;
pub mod freshness;
pub mod gate;
pub mod headers;
pub mod inputs;
pub mod json;
pub mod jws;
pub mod lifetime;
pub mod patch;
pub mod patience;
pub mod plans;
pub mod rate;
pub mod request;
pub mod session;
pub mod standing;
pub mod time;
pub mod token;
pub mod transform;
pub mod vtexid;
