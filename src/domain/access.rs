//! Routes, and what a shopper who may not pass is told.
