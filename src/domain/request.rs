//! What a request says, before anything is decided.
