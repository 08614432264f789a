//! How much a session may hold (contract §14).
