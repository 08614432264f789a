//! What requests say, and the paths and hosts that are refused.

mod host;
mod kind;
mod path;
