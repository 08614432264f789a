//! The cookies that leave: their form, and when they are sent, deferred or deleted.
