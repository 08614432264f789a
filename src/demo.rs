//! The demo: a store in a box, with everything embedded.
//!
//! The storefront stands behind the proxy. It never reads a session cookie: all it knows of a
//! shopper are the headers that Vestibule sets. Beside it is a session app over HTTP.

mod goods;
mod html;
mod knowledge;
mod login;
mod money;
mod origin;
mod page;
pub mod people;
mod perks;
mod return_to;
pub mod storefront;

pub use people::{PEOPLE, Person, PersonKind};
pub use perks::perks;
pub use storefront::{IssueError, IssueToken, StorefrontSettings, router};
