//! The six session apps of the platform.
