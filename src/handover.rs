//! Hand-over: a new process takes the place of the one that runs, and no request fails by it.
//!
//! The one that runs listens on a private socket. The new one asks there, is given the listening
//! sockets, and says when it accepts; then the old one stops accepting, finishes what is under way
//! and leaves. The store of sessions stays with the old one until it leaves, and is asked over the
//! same connection ([`crate::store::passed`]). Until the new one accepts, whatever happens to it is
//! nothing to the old one.

pub mod descriptors;
pub mod giver;
pub mod greeting;
pub mod line;
pub mod taker;

pub use giver::{Giver, Handed, Home};
pub use greeting::{Offer, Request};
pub use line::{Frame, Frames, Kind, Line};
pub use taker::{TakeError, Taken, take};

use std::time::Duration;

/// The version of everything that is said over the private socket. Processes of two versions do not
/// hand over to each other.
pub const VERSION: u16 = 1;

/// How long a greeting may take, one step of it.
const GREETING: Duration = Duration::from_secs(5);
/// How long a new process may take from its greeting until it accepts connections; and how long one
/// that would take over is kept waiting until the hand-over before is done.
const PREPARING: Duration = Duration::from_mins(1);
