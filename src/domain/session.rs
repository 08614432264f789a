//! The session: a small head (id, times, version) over a shared body of fields.

pub mod body;
pub mod document;
pub mod field;
pub mod head;
pub mod id;
pub mod limits;
mod login_hashes;
pub mod packed;
pub mod segment;
pub mod upkeep;

pub use body::{Body, Slot};
pub use document::Document;
pub use field::Field;
pub use head::{Principal, Session};
pub use id::SessionId;
pub use login_hashes::LoginHashes;
pub use packed::Packed;
pub use upkeep::Upkeep;
