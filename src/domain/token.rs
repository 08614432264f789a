//! The session token: what the session cookie carries, and the keys that sign it.
